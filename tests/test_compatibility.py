# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import PreTrainedModel, TrainingArguments

from hf_distill import compatibility
from hf_distill.compatibility import TRANSFORMERS_5, accumulation_divisor, forget_earlier_arguments, training_fields


def test_the_divisor_is_1_before_the_first_step(
    make_trainer: Callable, student: PreTrainedModel, teacher: PreTrainedModel
) -> None:
    assert accumulation_divisor(make_trainer(student, teacher, gradient_accumulation_steps=4)) == 1


@pytest.mark.parametrize("accumulation", [1, 2])
def test_the_divisor_is_what_training_step_divides_by(
    accumulation: int,
    make_trainer: Callable,
    student: PreTrainedModel,
    teacher: PreTrainedModel,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trainer = make_trainer(
        student, teacher, per_device_train_batch_size=4 // accumulation, gradient_accumulation_steps=accumulation
    )
    backward: list[torch.Tensor] = []
    returned: list[torch.Tensor] = []
    compute_loss = trainer.compute_loss
    monkeypatch.setattr(trainer.accelerator, "backward", lambda loss, **kwargs: backward.append(loss.detach()))
    monkeypatch.setattr(
        trainer, "compute_loss", lambda *args, **kwargs: returned.append(compute_loss(*args, **kwargs)) or returned[-1]
    )
    trainer.train()
    assert len(backward) == accumulation
    for loss, passed_on in zip(returned, backward):
        torch.testing.assert_close(passed_on * accumulation_divisor(trainer), loss.detach())
    assert accumulation_divisor(trainer) == (1 if TRANSFORMERS_5 else accumulation)


def test_the_divisor_is_1_with_a_loss_function_of_the_users_own(
    make_trainer: Callable, student: PreTrainedModel, teacher: PreTrainedModel
) -> None:
    trainer = make_trainer(
        student,
        teacher,
        per_device_train_batch_size=2,
        gradient_accumulation_steps=2,
        trainer_options={"compute_loss_func": lambda outputs, labels, **kwargs: outputs["logits"].square().mean()},
    )
    trainer.train()
    assert accumulation_divisor(trainer) == 1


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"warmup_ratio": 0.1}, {"warmup_steps": 0.1}),
        ({"group_by_length": True}, {"train_sampling_strategy": "group_by_length"}),
        ({"group_by_length": False}, {"train_sampling_strategy": "random"}),
        ({"learning_rate": 1.0}, {"learning_rate": 1.0}),
    ],
)
def test_fields_are_translated_for_version_5_and_left_alone_before(
    options: dict, expected: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compatibility, "TRANSFORMERS_5", True)
    assert training_fields(options) == expected
    monkeypatch.setattr(compatibility, "TRANSFORMERS_5", False)
    assert training_fields(options) == options


def test_translated_fields_are_those_of_the_installed_version(make_args: Callable) -> None:
    args = make_args(**training_fields({"warmup_ratio": 0.25, "group_by_length": True}))
    assert isinstance(args, TrainingArguments)
    assert args.get_warmup_steps(100) == 25


def test_the_given_options_are_not_changed() -> None:
    options = {"warmup_ratio": 0.1, "bf16": True}
    training_fields(options)
    assert options == {"warmup_ratio": 0.1, "bf16": True}


@pytest.mark.parametrize(("available", "expected"), [(False, {"bf16": True, "use_cpu": True}), (True, {"bf16": True})])
def test_bf16_without_an_accelerator_asks_for_the_processor(
    available: bool, expected: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: available)
    assert training_fields({"bf16": True}) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, {"use_reentrant": False}),
        ({"use_reentrant": True}, {"use_reentrant": True}),
        ({"preserve_rng_state": False}, {"use_reentrant": False, "preserve_rng_state": False}),
    ],
)
def test_gradient_checkpointing_is_not_reentrant_unless_it_is_asked_for(
    given: dict | None, expected: dict, make_args: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compatibility, "TRANSFORMERS_5", False)
    args = make_args(gradient_checkpointing=True, gradient_checkpointing_kwargs=given)
    assert args.gradient_checkpointing_kwargs == expected
    assert make_args().gradient_checkpointing_kwargs is None


@pytest.mark.parametrize("options", [{"bf16": True}, {"torch_compile": True, "torch_compile_mode": "default"}])
def test_what_earlier_arguments_left_in_the_environment_is_forgotten(options: dict, tmp_path: Path) -> None:
    before = dict(os.environ)
    TrainingArguments(output_dir=str(tmp_path), use_cpu=True, **options)
    forget_earlier_arguments()
    assert {name: os.environ[name] for name in os.environ if name.startswith("ACCELERATE_")} == {
        name: before[name] for name in before if name.startswith("ACCELERATE_")
    }
