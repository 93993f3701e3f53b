# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""A teacher, or teacher and student, in pieces over two processes: the same training as in one piece."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForSequenceClassification

from .launch import launch

pytestmark = pytest.mark.distributed

SCRIPT = Path(__file__).with_name("sharded.py")
STEPS, MIDDLE = 6, 3


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one process has trained, and what two have."""
    folder = tmp_path_factory.mktemp("trained")
    launch(str(SCRIPT), 1, folder, "whole")
    launch(str(SCRIPT), 2, folder, "pieces")
    return folder


@pytest.fixture(scope="module", params=["fsdp", "deepspeed"])
def sharded(request: pytest.FixtureRequest, trained: Path) -> Path:
    """What two processes have trained with student and teacher in pieces."""
    if request.param == "deepspeed":
        if importlib.util.find_spec("deepspeed") is None:
            pytest.skip("DeepSpeed is not installed")
        launch(str(SCRIPT), 2, trained, "deepspeed")
    return trained / request.param


def logged(folder: Path, first_step: int = 1) -> list[dict[str, float]]:
    """Return what each step and each evaluation has logged."""
    lines = json.loads((folder / "log.json").read_text())
    values = [
        {name: line[name] for name in line if name.startswith(("loss", "factor", "eval_loss"))}
        for line in lines
        if line["step"] >= first_step
    ]
    return [line for line in values if line]


def assert_same(found: Path, expected: Path, first_step: int = 1) -> None:
    lines = logged(expected, first_step)
    assert len(lines) == (STEPS - first_step + 1) + (2 if first_step == 1 else 1)
    assert len({str(line) for line in lines}) == len(lines)
    for own, other in zip(logged(found, first_step), lines, strict=True):
        assert own == pytest.approx(other, rel=1e-4, abs=1e-4)
    weights = load_file(expected / "weights.safetensors")
    for name, weight in load_file(found / "weights.safetensors").items():
        torch.testing.assert_close(weight, weights.pop(name), rtol=1e-4, atol=1e-4, msg=name)
    assert not weights


def is_halved(folder: Path, part: str) -> bool:
    """Say whether two processes have all of it together, and half of it each but for what does not divide evenly."""
    own, total = zip(*(json.loads((folder / f"pieces_{process}.json").read_text())[part] for process in (0, 1)))
    return sum(own) >= total[0] and all(entry == pytest.approx(total[0] / 2, rel=0.01) for entry in own)


def test_a_sharded_teacher_teaches_what_a_whole_one_does(trained: Path) -> None:
    assert_same(trained / "teacher" / "all", trained / "whole" / "all")


def test_a_replicated_student_learns_from_a_teacher_in_pieces(trained: Path) -> None:
    assert is_halved(trained / "teacher" / "all", "teacher")
    assert not is_halved(trained / "teacher" / "all", "student")


@pytest.mark.parametrize("case", ["all", "inside", "uncertainty"])
def test_a_sharded_student_learns_what_a_whole_one_does(case: str, sharded: Path, trained: Path) -> None:
    assert_same(sharded / case, trained / "whole" / case)


def test_gradient_norms_are_those_of_replicated_processes(trained: Path) -> None:
    # Those of one process are norms of other batches.
    assert_same(trained / "fsdp" / "gradient norm", trained / "teacher" / "gradient norm")
    assert logged(trained / "fsdp" / "gradient norm")[0]["factor_task"] != 1


@pytest.mark.parametrize("part", ["student", "projections", "teacher"])
def test_each_process_has_half_of_it(part: str, sharded: Path) -> None:
    assert is_halved(sharded / "all", part)


def test_the_saved_model_is_a_plain_checkpoint(sharded: Path) -> None:
    saved = sharded / "all" / "saved"
    model, info = AutoModelForSequenceClassification.from_pretrained(saved, output_loading_info=True)
    assert not info["missing_keys"]
    assert not info["unexpected_keys"]
    assert model.config.architectures == ["BertForSequenceClassification"]
    weights = load_file(sharded / "all" / "weights.safetensors")
    assert all(weight.equal(weights[name]) for name, weight in model.state_dict().items())


def test_projections_are_saved_whole(sharded: Path) -> None:
    saved = load_file(sharded / "all" / f"checkpoint-{STEPS}" / "projections.safetensors")
    weights = load_file(sharded / "all" / "weights.safetensors")
    assert saved
    assert all(weight.equal(weights[f"distillation_projections.{name}"]) for name, weight in saved.items())


def test_a_sharded_training_goes_on_from_a_checkpoint(sharded: Path) -> None:
    assert_same(sharded / "resumed", sharded / "all", first_step=MIDDLE + 1)
