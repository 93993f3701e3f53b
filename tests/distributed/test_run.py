# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Whole runs in several processes: the same result, told once."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from filelock import FileLock
from safetensors.torch import load_file

from hf_distill.pipeline.manifest import LOCK_FILE
from tiny import Setup, make_setup

from .launch import start

pytestmark = pytest.mark.distributed

STEPS = 6
QUIET = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
"""Processes draw dropout of their own, so that only without it two make what one does."""


@pytest.fixture(scope="module")
def setup(tmp_path_factory: pytest.TempPathFactory) -> Setup:
    setup = make_setup(tmp_path_factory.mktemp("tiny"))
    config = setup.folder / "teacher" / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), **QUIET}))
    return setup


def arguments(setup: Setup, folder: Path, batch: int, **changes: Any) -> list[str]:
    settings = {"training__max_steps": STEPS, "training__per_device_train_batch_size": batch, "quantization": []}
    recipe = setup.write(folder.with_suffix(".yaml"), **{**settings, **changes})
    return ["run", str(recipe), "--output-dir", str(folder)]


def run(*given: str) -> tuple[int, str, str]:
    process = start(*given)
    out, err = process.communicate(timeout=240)
    return process.returncode, out, err


@pytest.fixture(scope="module")
def runs(setup: Setup, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, str]:
    """A run of one process, one of two with the same global batch, and what the second has said."""
    folder = tmp_path_factory.mktemp("runs")
    status, _, err = run(*arguments(setup, folder / "one", 8))
    assert status == 0, err
    status, out, err = run(*arguments(setup, folder / "two", 4), "--accelerate-config", "multi_cpu")
    assert status == 0, err
    return folder / "one", folder / "two", out


def test_two_processes_make_what_one_does(runs: tuple[Path, Path, str]) -> None:
    one, two, _ = runs
    for stage in ("student", "baseline"):
        expected, found = (load_file(run / stage / "model.safetensors") for run in (one, two))
        assert expected.keys() == found.keys()
        for name, weight in expected.items():
            # Adam makes a step of gradients that are zero but for rounding, such as those of the keys' bias.
            if not name.endswith("key.bias"):
                torch.testing.assert_close(found[name], weight, rtol=1e-3, atol=1e-4, msg=name)


def test_two_processes_measure_all_rows_once(runs: tuple[Path, Path, str]) -> None:
    one, two = (json.loads((run / "report" / "metrics.json").read_text()) for run in runs[:2])
    assert one["rows"] == two["rows"] == 48
    assert two["teacher"]["metrics"] == one["teacher"]["metrics"]
    assert (runs[1] / "student" / "README.md").is_file()


def test_every_stage_is_told_once(runs: tuple[Path, Path, str]) -> None:
    _, two, out = runs
    stages = [line.split()[1].rstrip(":") for line in out.splitlines() if line.startswith("== ")]
    assert stages == ["recording", "student", "baseline", "evaluation", "card"]
    assert out.count("Everything is in") == 1
    manifest = json.loads((two / "manifest.json").read_text())
    assert {entry["state"] for entry in manifest["stages"].values()} == {"done"}


def test_two_processes_skip_what_one_has_done(runs: tuple[Path, Path, str]) -> None:
    before = {path: path.stat().st_mtime_ns for path in runs[1].rglob("*") if path.is_file()}
    recipe = runs[1].with_suffix(".yaml")
    status, out, err = run("run", str(recipe), "--output-dir", str(runs[1]), "--accelerate-config", "multi_cpu")
    assert status == 0, err
    assert out.count("done already") == 5
    assert {path: path.stat().st_mtime_ns for path in runs[1].rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("changes", "config", "message"),
    [
        ({}, "multi_cpus", "--accelerate-config: no file and no shipped configuration 'multi_cpus'; did you mean"),
        ({"training__max_step": 3}, "multi_cpu", "training.max_step: unknown key"),
        ({"student__num_hidden_layers": 9}, "multi_cpu", "num_hidden_layers"),
    ],
)
def test_a_mistake_is_told_once(
    changes: dict[str, Any], config: str, message: str, setup: Setup, tmp_path: Path
) -> None:
    status, out, err = run(*arguments(setup, tmp_path / "run", 4, **changes), "--accelerate-config", config)
    assert status == 2
    assert [message in line for line in err.splitlines() if "hf-distill: " in line] == [True], err
    assert out == ""
    assert not (tmp_path / "run").exists()


@pytest.mark.skipif(importlib.util.find_spec("optimum.quanto") is None, reason="needs optimum-quanto")
def test_the_main_process_measures_what_finishing_is_for(setup: Setup, tmp_path: Path) -> None:
    quantization = [{"backend": "quanto", "mode": "static", "max_drop": 0.0}]
    changes = {"finishing": {"share": 0.5}, "quantization": quantization, "baseline": False}
    given = arguments(setup, tmp_path / "run", 4, **changes)
    status, out, err = run(*given, "--accelerate-config", "multi_cpu")
    assert status == 0, err
    outcome = json.loads((tmp_path / "run" / "finishing" / "outcome.json").read_text())
    assert outcome["steps"] == (STEPS // 2 if outcome["before"]["quanto"] > 0 else 0)
    assert (tmp_path / "run" / "quantized" / "quanto" / "model.safetensors").is_file()
    assert out.count("== finishing: ") == 1


def test_two_processes_share_general_distillation(setup: Setup, tmp_path: Path) -> None:
    general = {
        "dataset": {"data_files": {"train": str(setup.folder / "texts-train.parquet")}, "max_length": 16},
        "teacher": {"model": str(setup.folder / "filler")},
        "objectives": ["hidden_mse"],
        "training": {"max_steps": 2, "use_cpu": True, "disable_tqdm": True},
    }
    given = arguments(setup, tmp_path / "run", 4, general=general, baseline=False)
    status, out, err = run(*given, "--accelerate-config", "multi_cpu")
    assert status == 0, err
    assert out.count("== general: ") == 1
    stages = json.loads((tmp_path / "run" / "manifest.json").read_text())["stages"]
    assert (stages["general"]["steps"], stages["student"]["steps"]) == (2, STEPS)


def test_a_second_start_waits_for_the_first(runs: tuple[Path, Path, str]) -> None:
    first = FileLock(runs[0] / LOCK_FILE)
    with first:
        second = start("run", str(runs[0].with_suffix(".yaml")), "--output-dir", str(runs[0]))
        assert second.stdout.readline() == f"== waiting for another process that works on {runs[0]}\n"
    out, err = second.communicate(timeout=60)
    assert second.returncode == 0, err
    assert "student: done already" in out
    assert not (runs[0] / LOCK_FILE).exists()
