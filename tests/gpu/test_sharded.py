# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Student and teacher over two GPUs, started with the configurations that are shipped."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForSequenceClassification

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two GPUs"),
]

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "tests" / "distributed" / "sharded.py"
deepspeed = pytest.mark.skipif(importlib.util.find_spec("deepspeed") is None, reason="DeepSpeed is not installed")
SHARDED = ["fsdp2", pytest.param("zero3", marks=deepspeed)]
CONFIGS = ["multi_gpu", pytest.param("zero2", marks=deepspeed), *SHARDED]


def run(*command: object) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, *map(str, command)], check=True, env=environment)


def launch(config: str, folder: Path, *options: str) -> Path:
    file = ROOT / "recipes" / "accelerate" / f"{config}.yaml"
    run("-m", "accelerate.commands.launch", "--config_file", file, *options, SCRIPT, folder, "launched")
    return folder / "launched"


def losses(folder: Path) -> list[dict[str, float]]:
    lines = json.loads((folder / "log.json").read_text())
    return [{name: line[name] for name in line if name.startswith("loss")} for line in lines if "loss" in line]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one process has trained."""
    folder = tmp_path_factory.mktemp("whole")
    run(SCRIPT, folder, "whole")
    return folder / "whole" / "all"


@pytest.mark.parametrize("config", CONFIGS)
def test_two_gpus_train_as_one_process_does(config: str, whole: Path, tmp_path: Path) -> None:
    found = losses(launch(config, tmp_path, "--mixed_precision", "no"))
    for line, expected in zip(found, losses(whole), strict=True):
        assert line == pytest.approx(expected, rel=1e-3, abs=1e-3)


@pytest.mark.parametrize("config", CONFIGS)
def test_two_gpus_save_a_plain_checkpoint(config: str, whole: Path, tmp_path: Path) -> None:
    folder = launch(config, tmp_path)
    for line, expected in zip(losses(folder), losses(whole), strict=True):
        assert line == pytest.approx(expected, rel=0.05, abs=0.05)
    info = AutoModelForSequenceClassification.from_pretrained(folder / "saved", output_loading_info=True)[1]
    assert not info["missing_keys"]
    assert not info["unexpected_keys"]


@pytest.mark.parametrize("config", SHARDED)
def test_each_gpu_has_half_of_the_teacher(config: str, tmp_path: Path) -> None:
    folder = launch(config, tmp_path)
    for process in (0, 1):
        own, total = json.loads((folder / f"pieces_{process}.json").read_text())["teacher"]
        assert own == pytest.approx(total / 2, rel=0.01)
