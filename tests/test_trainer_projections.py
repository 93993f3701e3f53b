# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from transformers import AutoModelForSequenceClassification, PreTrainedModel, TrainerCallback

from hf_distill import DistillationTrainer
from hf_distill.errors import InputError
from hf_distill.features.projections import FILE_NAME, MODULE_NAME

OBJECTIVES = ["logits_kl", "hidden_mse"]


class GradientNorms(TrainerCallback):
    """Keeps the norm of all gradients and of the projections' own, as they are after clipping."""

    def __init__(self) -> None:
        self.of_all: list[float] = []
        self.of_projections: list[float] = []

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any) -> None:
        for norms, part in ((self.of_all, model), (self.of_projections, getattr(model, MODULE_NAME))):
            gradients = [parameter.grad for parameter in part.parameters() if parameter.grad is not None]
            norms.append(torch.stack([gradient.norm() for gradient in gradients]).norm().item())


def weights(trainer: DistillationTrainer) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in trainer.projections.state_dict().items()}


def assert_loads_as_a_plain_checkpoint(folder: Path) -> None:
    model, info = AutoModelForSequenceClassification.from_pretrained(folder, output_loading_info=True)
    assert not info["missing_keys"]
    assert not info["unexpected_keys"]
    assert model.config.hidden_size == 16


def test_projections_learn_with_the_student(
    make_trainer: Callable, narrow_student: PreTrainedModel, teacher: PreTrainedModel
) -> None:
    trainer = make_trainer(narrow_student, teacher, objectives=OBJECTIVES)
    before = weights(trainer)
    trainer.train()
    assert sorted(before) == ["maps.1_2.bias", "maps.1_2.weight", "maps.2_4.bias", "maps.2_4.weight"]
    assert not any(value.equal(before[name]) for name, value in weights(trainer).items())


def test_projections_are_in_the_optimizer(
    make_trainer: Callable, narrow_student: PreTrainedModel, teacher: PreTrainedModel
) -> None:
    trainer = make_trainer(narrow_student, teacher, objectives=OBJECTIVES)
    trainer.create_optimizer()
    optimized = {id(parameter) for group in trainer.optimizer.param_groups for parameter in group["params"]}
    assert {id(parameter) for parameter in trainer.projections.parameters()} <= optimized


def test_projections_are_clipped_with_the_student(
    make_trainer: Callable, narrow_student: PreTrainedModel, teacher: PreTrainedModel
) -> None:
    norms = GradientNorms()
    trainer = make_trainer(narrow_student, teacher, objectives=OBJECTIVES, max_grad_norm=0.01, callbacks=[norms])
    trainer.train()
    assert norms.of_all == pytest.approx([0.01], rel=1e-3)
    assert 0 < norms.of_projections[0] < 0.01


def test_equal_widths_have_no_projections(
    make_trainer: Callable, student: PreTrainedModel, teacher: PreTrainedModel
) -> None:
    before = sum(parameter.numel() for parameter in student.parameters())
    make_trainer(student, teacher, objectives=OBJECTIVES)
    assert sum(parameter.numel() for parameter in student.parameters()) == before


@pytest.mark.parametrize("by", ["trainer", "student"])
def test_what_is_published_has_no_projections(
    by: str, make_trainer: Callable, narrow_student: PreTrainedModel, teacher: PreTrainedModel, tmp_path: Path
) -> None:
    trainer = make_trainer(narrow_student, teacher, objectives=OBJECTIVES)
    trainer.train()
    folder = tmp_path / "published"
    trainer.save_model(str(folder)) if by == "trainer" else narrow_student.save_pretrained(folder)
    assert not (folder / FILE_NAME).exists()
    assert_loads_as_a_plain_checkpoint(folder)


def test_a_checkpoint_has_the_projections_beside_the_student(
    make_trainer: Callable, narrow_student: PreTrainedModel, teacher: PreTrainedModel, tmp_path: Path
) -> None:
    trainer = make_trainer(narrow_student, teacher, objectives=OBJECTIVES, save_strategy="steps", save_steps=1)
    trainer.train()
    checkpoint = tmp_path / "out" / "checkpoint-1"
    saved = load_file(checkpoint / FILE_NAME)
    assert all(saved[name].equal(value) for name, value in weights(trainer).items())
    with safe_open(checkpoint / "model.safetensors", "pt") as file:
        assert not [name for name in file.keys() if MODULE_NAME in name]  # noqa: SIM118 (not a dictionary)
    assert_loads_as_a_plain_checkpoint(checkpoint)


def test_the_students_own_forward_is_untouched(
    make_trainer: Callable,
    make_rows: Callable,
    collate: type,
    narrow_student: PreTrainedModel,
    teacher: PreTrainedModel,
) -> None:
    make_trainer(narrow_student, teacher, objectives=OBJECTIVES).train()
    outputs = narrow_student.eval()(**collate()(make_rows()), output_hidden_states=True)
    assert list(outputs) == ["loss", "logits", "hidden_states"]
    assert [states.shape[-1] for states in outputs.hidden_states] == [16, 16, 16]


def test_a_second_trainer_replaces_the_projections(
    make_trainer: Callable, narrow_student: PreTrainedModel, teacher: PreTrainedModel
) -> None:
    first = make_trainer(narrow_student, teacher, objectives=["hidden_mse"])
    second = make_trainer(narrow_student, teacher, objectives=["hidden_mse:layers=last"])
    assert getattr(narrow_student, MODULE_NAME) is second.projections is not first.projections
    assert list(second.projections.maps) == ["2_4"]
    second.train()
    assert sum(MODULE_NAME in name for name in narrow_student.state_dict()) == 2


def test_a_trainer_without_a_teacher_takes_the_projections_off(
    make_trainer: Callable, narrow_student: PreTrainedModel, teacher: PreTrainedModel
) -> None:
    make_trainer(narrow_student, teacher, objectives=["hidden_mse"])
    make_trainer(narrow_student, objectives=[], task_weight=1.0)
    assert not hasattr(narrow_student, MODULE_NAME)


def train_with_dropout(make_trainer: Callable, make_bert: Callable, make_rows: Callable, **options: Any) -> Any:
    student = make_bert(
        seed=1,
        num_hidden_layers=2,
        hidden_size=16,
        num_attention_heads=2,
        hidden_dropout_prob=0.1,
        attention_probs_dropout_prob=0.1,
    )
    settings = {"save_strategy": "steps", "save_steps": 3, "max_steps": 6, "objectives": OBJECTIVES}
    return make_trainer(student, make_bert(seed=0), rows=make_rows(16), **{**settings, **options})


def test_resuming_gives_the_student_and_projections_of_training_straight_on(
    make_trainer: Callable, make_bert: Callable, make_rows: Callable, tmp_path: Path
) -> None:
    straight = train_with_dropout(make_trainer, make_bert, make_rows)
    straight.train()
    resumed = train_with_dropout(make_trainer, make_bert, make_rows, output_dir=str(tmp_path / "resumed"))
    torch.rand(10)
    resumed.train(resume_from_checkpoint=str(tmp_path / "out" / "checkpoint-3"))
    assert resumed.state.global_step == 6
    expected = straight.model.state_dict()
    assert any(MODULE_NAME in name for name in expected)
    for name, value in resumed.model.state_dict().items():
        torch.testing.assert_close(value, expected[name], rtol=0, atol=1e-7, msg=name)


def test_a_checkpoint_of_other_objectives_is_refused(
    make_trainer: Callable, make_bert: Callable, make_rows: Callable, tmp_path: Path
) -> None:
    train_with_dropout(make_trainer, make_bert, make_rows, objectives=["hidden_mse:layers=last"], max_steps=3).train()
    other = train_with_dropout(make_trainer, make_bert, make_rows, output_dir=str(tmp_path / "other"))
    with pytest.raises(InputError, match=rf"checkpoint-3/{FILE_NAME}: holds projections"):
        other.train(resume_from_checkpoint=str(tmp_path / "out" / "checkpoint-3"))


def test_projections_follow_the_seed_of_the_arguments(
    make_trainer: Callable, narrow_student: PreTrainedModel, teacher: PreTrainedModel
) -> None:
    first, again, other = (
        weights(make_trainer(copy.deepcopy(narrow_student), teacher, objectives=["hidden_mse"], seed=seed))
        for seed in (1, 1, 2)
    )
    assert first["maps.1_2.weight"].equal(again["maps.1_2.weight"])
    assert not first["maps.1_2.weight"].equal(other["maps.1_2.weight"])
