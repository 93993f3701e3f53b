# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""What becomes of a training in several processes that is told to end, killed, or loses a machine."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
import torch
from accelerate.utils.other import get_free_port
from safetensors.torch import load_file

from tiny import make_setup

from .campaign import kill
from .launch import command, environment, start

pytestmark = pytest.mark.distributed

SCRIPT = str(Path(__file__).with_name("trained_long.py"))


def wait_for(path: Path, pattern: str, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + 120
    while not list(path.glob(pattern)):
        assert process.poll() is None and time.monotonic() < deadline, "ended before its first checkpoint"
        time.sleep(0.02)


def test_sigterm_ends_all_processes_with_a_checkpoint(tmp_path: Path) -> None:
    changes = {"training__max_steps": 2000, "training__save_steps": 10, "baseline": False, "quantization": []}
    recipe = make_setup(tmp_path / "tiny").write(tmp_path / "run.yaml", **changes)
    process = start("run", str(recipe), "--output-dir", str(tmp_path / "run"), "--accelerate-config", "multi_cpu")
    checkpoints = tmp_path / "run" / "checkpoints" / "student"
    wait_for(checkpoints, "checkpoint-*", process)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 143
    told = [line for line in err.splitlines() if "ended by SIGTERM after step" in line]
    assert len(told) == 1
    step = told[0].partition("after step ")[2].partition(",")[0]
    assert (checkpoints / f"checkpoint-{step}").is_dir()
    assert not (checkpoints / ".partial").exists()


def test_killed_runs_end_as_an_undisturbed_one(tmp_path: Path) -> None:
    assert len(kill(tmp_path, kills=2, seed=1)) == 2


def machines(folder: Path) -> list[subprocess.Popen]:
    """Start one process on each of two machines, which are two launchers here."""
    port = str(get_free_port())
    place = ("--nnodes", "2", "--master_addr", "127.0.0.1", "--master_port", port, "--node_rank")
    return [
        subprocess.Popen(
            command(SCRIPT, 1, folder, options=(*place, str(rank))),
            env=environment(),
            start_new_session=True,
            stderr=subprocess.DEVNULL,
        )
        for rank in (0, 1)
    ]


@pytest.mark.parametrize("lost", [0, 1])
def test_a_machine_may_be_lost(lost: int, tmp_path: Path) -> None:
    for process in machines(tmp_path / "undisturbed"):
        assert process.wait(timeout=120) == 0
    both = machines(tmp_path / "disturbed")
    wait_for(tmp_path / "disturbed", "checkpoint-*", both[lost])
    # All processes of the machine at once, its launcher included.
    os.killpg(both[lost].pid, signal.SIGKILL)
    for process in both:
        assert process.wait(timeout=120) != 0
    for process in machines(tmp_path / "disturbed"):
        assert process.wait(timeout=120) == 0
    expected, found = (
        load_file(tmp_path / name / "final" / "model.safetensors") for name in ("undisturbed", "disturbed")
    )
    assert all(torch.equal(found[name], expected[name]) for name in expected)
