# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Scripts of one's own under `accelerate launch`, with the configurations that are shipped."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from accelerate.utils.other import get_free_port

from .launch import environment

pytestmark = pytest.mark.distributed

SCRIPT = Path(__file__).with_name("sharded.py")
CONFIGS = Path(__file__).parents[2] / "recipes" / "accelerate"


def start(config: str, folder: Path, *options: str) -> subprocess.Popen:
    own = environment()
    # The configuration alone says what there is.
    del own["ACCELERATE_USE_CPU"]
    command = [sys.executable, "-m", "accelerate.commands.launch", "--config_file", str(CONFIGS / config), *options]
    return subprocess.Popen([*command, str(SCRIPT), str(folder), "launched"], env=own)


def steps_of(folder: Path) -> list[dict[str, float]]:
    """Return what was logged, once two processes have trained together."""
    assert all((folder / "launched" / f"pieces_{process}.json").exists() for process in (0, 1))
    return [line for line in json.loads((folder / "launched" / "log.json").read_text()) if "loss" in line]


def test_a_machine_without_a_gpu_trains_in_two_processes(tmp_path: Path) -> None:
    assert start("multi_cpu.yaml", tmp_path).wait() == 0
    assert len(steps_of(tmp_path)) == 6


def test_two_machines_train_together(tmp_path: Path) -> None:
    port = str(get_free_port())
    here = ["--main_process_ip", "127.0.0.1", "--main_process_port", port, "--num_processes", "2"]
    machines = [
        start("two_nodes.yaml", tmp_path, *here, "--mixed_precision", "no", "--machine_rank", rank) for rank in "01"
    ]
    assert [machine.wait() for machine in machines] == [0, 0]
    assert len(steps_of(tmp_path)) == 6
