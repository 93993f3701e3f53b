# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Tests of general distillation, a run within the run."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForMaskedLM, AutoModelForSequenceClassification, BertConfig, BertForMaskedLM

from hf_distill.errors import InputError
from hf_distill.pipeline.context import prepare
from hf_distill.pipeline.learning import _first_student
from hf_distill.pipeline.manifest import Run
from hf_distill.pipeline.recipe import load_recipe, parse_recipe
from hf_distill.pipeline.run import run_recipe


@pytest.fixture
def recipe(setup: Any) -> Callable[..., dict[str, Any]]:
    """Build a tiny recipe that learns from plain text first."""

    def make(**changes: Any) -> dict[str, Any]:
        general = {
            "dataset": {"data_files": {"train": str(setup.folder / "texts-train.parquet")}, "max_length": 16},
            "teacher": {"model": str(setup.folder / "filler")},
            "objectives": ["logits_kl", "hidden_mse"],
            "training": {"max_steps": 3, "learning_rate": 0.01, "disable_tqdm": True, "use_cpu": True},
        }
        return setup.content(**{"general": general, **{f"general__{key}": value for key, value in changes.items()}})

    return make


def test_the_student_of_the_task_starts_from_the_general_one(recipe: Callable, setup: Any, tmp_path: Path) -> None:
    run = run_recipe(parse_recipe(recipe()), tmp_path / "run", until="general")
    assert not (run / "student").exists()
    learnt = AutoModelForMaskedLM.from_pretrained(run / "general" / "student")
    teacher = AutoModelForSequenceClassification.from_pretrained(setup.folder / "teacher")
    student = _first_student(prepare(load_recipe(run / "recipe.yaml"), Run.open(run)), teacher, seed=0)
    weights, own = learnt.base_model.state_dict(), student.base_model.state_dict()
    assert len(weights) > 30
    assert all(torch.equal(own[name], value) for name, value in weights.items())
    assert torch.equal(student.classifier.weight, teacher.classifier.weight)
    assert torch.equal(own["pooler.dense.weight"], teacher.bert.pooler.dense.weight)
    layer = teacher.bert.encoder.layer[3].output.dense.weight
    assert not torch.equal(student.bert.encoder.layer[1].output.dense.weight, layer)


def test_a_run_ends_in_a_card_and_is_not_done_twice(recipe: Callable, tmp_path: Path) -> None:
    run = run_recipe(parse_recipe(recipe()), tmp_path / "run")
    stages = json.loads((run / "manifest.json").read_text())["stages"]
    assert stages["general"]["steps"] == 3
    assert list(stages) == ["general", "recording", "student", "baseline", "evaluation", "card"]
    assert "general:" in (run / "student" / "README.md").read_text()
    lines: list[str] = []
    run_recipe(load_recipe(run / "recipe.yaml"), run, announce=lines.append)
    assert all(line.endswith("done already") for line in lines)


def test_what_was_deleted_of_it_is_done_again_to_the_same_weights(recipe: Callable, tmp_path: Path) -> None:
    run = run_recipe(parse_recipe(recipe()), tmp_path / "run", until="general")
    weights = run / "general" / "student" / "model.safetensors"
    before = weights.read_bytes()
    shutil.rmtree(weights.parent)
    lines: list[str] = []
    run_recipe(load_recipe(run / "recipe.yaml"), run, until="general", announce=lines.append)
    assert not lines[0].endswith("done already")
    assert weights.read_bytes() == before


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"student": {"num_hidden_layers": 1}}, "general.student: is that of the whole recipe"),
        ({"dataset": None}, "general.dataset: is missing"),
        ({"dataset": {"data_files": {"train": "no.parquet"}}}, "general: dataset.data_files.train: no such file"),
        ({"training": {"max_step": 3}}, r"general: training.max_step: unknown key; did you mean 'max_steps'"),
        ({"recording": {}}, "general: recording: fill-mask draws new masks in every epoch"),
    ],
)
def test_what_is_wrong_is_named_before_time_is_spent(
    changes: dict, complaint: str, recipe: Callable, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=complaint):
        run_recipe(parse_recipe(recipe(**changes)), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_teacher_of_another_shape_is_refused(recipe: Callable, setup: Any, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(setup.folder / "filler", tmp_path / "wide"))
    config = BertConfig.from_pretrained(folder, hidden_size=64)
    BertForMaskedLM(config).save_pretrained(folder)
    with pytest.raises(InputError, match="general.teacher.model: its hidden_size is 64, and that of teacher.model 32"):
        run_recipe(parse_recipe(recipe(teacher={"model": str(folder)})), tmp_path / "run")
