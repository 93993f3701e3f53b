# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""What holds for every objective, through the trainer's own loss."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from transformers import BertForTokenClassification, PreTrainedModel

from gradients import Gradients, assert_same_gradients, gradients_in_parts, gradients_of
from hf_distill import DistillationTrainer, list_objectives
from hf_distill.features.units import Unit, unit_masks

LAYERS = [[0, 0], [1, 2], [2, 4]]


@dataclass
class Entry:
    """What the tests need to know of an objective."""

    options: dict[str, Any] = field(default_factory=dict)
    micro_batch: bool = False
    """Whether it compares the units of a micro-batch with each other, so that its value depends on how it is cut."""
    contrasts: bool = False
    """Whether it tells examples apart, which a copy of the teacher can still learn to do better."""


# An objective that is added to the catalogue needs an entry: the options that make it work on two classifiers.
OBJECTIVES: dict[str, Entry] = {
    "logits_kl": Entry({"temperature": 2.0}),
    "logits_ce": Entry({"temperature": 2.0, "top_k": 2}),
    "logits_bce": Entry({"temperature": 2.0}),
    "logits_mse": Entry(),
    "regression_mse": Entry(),
    "dkd": Entry({"temperature": 2.0}),
    "dist": Entry({"temperature": 2.0, "gamma": 2.0}, micro_batch=True),
    "hidden_mse": Entry({"layers": LAYERS}),
    "hidden_cosine": Entry(),
    "embedding_mse": Entry(),
    "pkd": Entry({"layers": LAYERS}),
    "sentence_mse": Entry({"layers": LAYERS}),
    "sentence_cosine": Entry({"pooling": "first"}),
    "nst": Entry({"layers": LAYERS}),
    "fsp": Entry({"layers": LAYERS}),
    "attention_mse": Entry({"layers": [[1, 2], [2, 4]]}),
    "attention_kl": Entry(),
    "minilm": Entry({"layers": [[1, 2], [2, 4]]}),
    "minilm_v2": Entry({"relation_heads": 8}),
    "rkd_distance": Entry({"layers": LAYERS}, micro_batch=True),
    "rkd_angle": Entry({"pooling": "first"}, micro_batch=True),
    "similarity": Entry({"layers": LAYERS}, micro_batch=True),
    "crd": Entry({"layers": LAYERS, "temperature": 0.5}, micro_batch=True, contrasts=True),
}

every_objective = pytest.mark.parametrize("name", sorted(OBJECTIVES))
objectives_of_units = pytest.mark.parametrize(
    "name", sorted(name for name, entry in OBJECTIVES.items() if not entry.micro_batch)
)
objectives_of_micro_batches = pytest.mark.parametrize(
    "name", sorted(name for name, entry in OBJECTIVES.items() if entry.micro_batch)
)
either_head = pytest.mark.parametrize("tokens", [False, True], ids=["sequence", "token"])
either_width = pytest.mark.parametrize("width", [32, 16], ids=["same_width", "projected"])


def specification(name: str) -> dict[str, Any]:
    return {"name": name, "weight": 1.5, **OBJECTIVES[name].options}


@pytest.fixture
def models(make_bert: Callable[..., PreTrainedModel]) -> Callable[..., tuple[PreTrainedModel, PreTrainedModel]]:
    """Build a student and a teacher with heads for sequences or tokens."""

    def make(tokens: bool = False, width: int = 32, **options: Any) -> tuple[PreTrainedModel, PreTrainedModel]:
        if tokens:
            options["model_class"] = BertForTokenClassification
        small = {"num_hidden_layers": 2, "hidden_size": width}
        return make_bert(seed=1, **small, **options), make_bert(seed=0, **options)

    return make


def loss_of(trainer: DistillationTrainer, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    return trainer.compute_loss(trainer.model.train(), batch)


def test_every_objective_is_tested() -> None:
    assert set(OBJECTIVES) == {objective.name for objective in list_objectives()}


@every_objective
@either_head
@either_width
def test_more_padding_changes_nothing(
    name: str, tokens: bool, width: int, models: Callable, make_rows: Callable, make_trainer: Callable, collate: type
) -> None:
    student, teacher = models(tokens, width)
    trainer = make_trainer(student, teacher, objectives=[specification(name)])
    rows = make_rows(6, tokens=tokens)
    expected = loss_of(trainer, collate()(rows))
    torch.testing.assert_close(loss_of(trainer, collate(extra=7)(rows)), expected, rtol=1e-5, atol=1e-6)


@every_objective
@either_head
def test_the_order_of_the_batch_changes_nothing(
    name: str, tokens: bool, models: Callable, make_rows: Callable, make_trainer: Callable, collate: type
) -> None:
    student, teacher = models(tokens)
    trainer = make_trainer(student, teacher, objectives=[specification(name)])
    rows = make_rows(6, tokens=tokens)
    expected = loss_of(trainer, collate()(rows))
    torch.testing.assert_close(loss_of(trainer, collate()(rows[::-1])), expected, rtol=1e-5, atol=1e-6)


@objectives_of_units
@either_head
def test_accumulation_steps_change_nothing(
    name: str, tokens: bool, models: Callable, make_rows: Callable, make_trainer: Callable
) -> None:
    given = {"rows": make_rows(8, tokens=tokens), "objectives": [specification(name)]}
    whole, four, eight = (
        gradients_in_parts(parts, make_trainer, *models(tokens, width=16), **given) for parts in (1, 4, 8)
    )
    assert_same_gradients(whole, four)
    assert_same_gradients(whole, eight)


@objectives_of_micro_batches
@either_head
def test_accumulation_weighs_micro_batches_by_their_units(
    name: str, tokens: bool, models: Callable, make_rows: Callable, make_trainer: Callable, collate: type
) -> None:
    student, teacher = models(tokens, width=16)
    options = {"objectives": [specification(name)], "task_weight": 0.0, "max_grad_norm": 0.0}
    alone = make_trainer(copy.deepcopy(student), teacher, **options)
    callback, batches = Gradients(), []
    trainer = make_trainer(
        student,
        teacher,
        rows=make_rows(8, tokens=tokens),
        callbacks=[callback],
        per_device_train_batch_size=3,
        gradient_accumulation_steps=3,
        **options,
    )

    def recording(rows: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        batches.append(collate()(rows))
        return batches[-1]

    trainer.data_collator = recording
    trainer.train()
    assert [len(batch["labels"]) for batch in batches] == [3, 3, 2]
    unit = Unit.PREDICTION if tokens and name == "dist" else Unit.EXAMPLE
    units = [int(unit_masks(batch)[unit].sum()) for batch in batches]
    for batch, number in zip(batches, units):
        (loss_of(alone, batch) * number / sum(units)).backward()
    parameters = alone.model.named_parameters()
    assert_same_gradients({key: value.grad for key, value in parameters if value.grad is not None}, callback.of)


@objectives_of_micro_batches
def test_a_micro_batch_of_one_example_adds_nothing_of_relations(
    name: str, models: Callable, make_rows: Callable, make_trainer: Callable, collate: type
) -> None:
    student, teacher = models()
    # The part of each row for itself is no relation.
    own_part = {"beta": 0.0} if name == "dist" else {}
    trainer = make_trainer(student, teacher, objectives=[{**specification(name), **own_part}], task_weight=0.0)
    loss = loss_of(trainer, collate()(make_rows(1)))
    loss.backward()
    assert loss == 0
    gradients = [parameter.grad for parameter in student.parameters() if parameter.grad is not None]
    assert not any(gradient.any() for gradient in gradients)


@pytest.mark.parametrize("name", sorted(name for name, entry in OBJECTIVES.items() if not entry.contrasts))
@either_head
def test_a_student_that_is_a_copy_of_the_teacher_has_nothing_to_learn(
    name: str, tokens: bool, models: Callable, make_rows: Callable, make_trainer: Callable
) -> None:
    teacher = models(tokens)[1]
    options = {"layers": "uniform"} if "layers" in OBJECTIVES[name].options else {}
    given = {"rows": make_rows(tokens=tokens), "objectives": [{**specification(name), **options}], "task_weight": 0.0}
    found = gradients_of(make_trainer, teacher, teacher, **given)
    assert max(value.abs().max() for value in found.values()) < 1e-6


@every_objective
def test_no_gradient_reaches_the_teacher(
    name: str, models: Callable, make_rows: Callable, make_trainer: Callable
) -> None:
    student, teacher = models()
    before = {key: value.clone() for key, value in teacher.state_dict().items()}
    make_trainer(student, teacher, objectives=[specification(name)], max_steps=2).train()
    assert all(parameter.grad is None for parameter in teacher.parameters())
    assert all(value.equal(before[key]) for key, value in teacher.state_dict().items())


@every_objective
@either_width
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=["bf16", "fp16"])
def test_half_precision_models_have_finite_losses_and_gradients(
    name: str,
    width: int,
    dtype: torch.dtype,
    models: Callable,
    make_rows: Callable,
    make_trainer: Callable,
    collate: type,
) -> None:
    student, teacher = (model.to(dtype) for model in models(width=width))
    trainer = make_trainer(student, teacher, objectives=[specification(name)])
    loss = loss_of(trainer, collate()(make_rows()))
    loss.backward()
    assert loss.isfinite()
    assert all(parameter.grad.isfinite().all() for parameter in student.parameters() if parameter.grad is not None)


@every_objective
@either_width
def test_mixed_precision_training_learns(
    name: str, width: int, models: Callable, make_rows: Callable, make_trainer: Callable
) -> None:
    student, teacher = models(width=width)
    before = student.bert.encoder.layer[0].output.dense.weight.clone()
    trainer = make_trainer(student, teacher, objectives=[specification(name)], bf16=True, max_steps=2)
    trainer.train()
    after = student.bert.encoder.layer[0].output.dense.weight
    assert after.isfinite().all()
    assert not after.equal(before)


@every_objective
@either_head
@either_width
def test_a_row_of_padding_alone_keeps_everything_finite(
    name: str, tokens: bool, width: int, models: Callable, make_rows: Callable, make_trainer: Callable, collate: type
) -> None:
    student, teacher = models(tokens, width)
    trainer = make_trainer(student, teacher, objectives=[specification(name)])
    batch = collate()(make_rows(4, tokens=tokens))
    batch["attention_mask"][1] = 0
    batch["labels"][1] = -100
    loss = loss_of(trainer, batch)
    loss.backward()
    assert loss.isfinite()
    assert all(parameter.grad.isfinite().all() for parameter in student.parameters() if parameter.grad is not None)


@every_objective
def test_a_row_of_padding_alone_does_not_count(
    name: str, models: Callable, make_rows: Callable, make_trainer: Callable, collate: type
) -> None:
    student, teacher = models()
    trainer = make_trainer(student, teacher, objectives=[specification(name)], task_weight=0.0)
    rows = make_rows(4)
    batch = collate()(rows)
    batch["attention_mask"][3] = 0
    torch.testing.assert_close(loss_of(trainer, batch), loss_of(trainer, collate()(rows[:3])), rtol=1e-5, atol=1e-6)


@objectives_of_units
@either_head
@pytest.mark.parametrize("ignored", [[0], [0, 1, 2, 3]], ids=["one_batch", "every_batch"])
def test_micro_batches_without_a_label_keep_the_gradients_of_one_batch(
    name: str, tokens: bool, ignored: list[int], models: Callable, make_rows: Callable, make_trainer: Callable
) -> None:
    student, teacher = models(tokens)
    rows = make_rows(4, tokens=tokens)
    for row in (rows[index] for index in ignored):
        row["labels"] = [-100] * len(row["labels"]) if tokens else -100
        row["prediction_mask"] = [True] * len(row["input_ids"])
    for row in rows:
        row.setdefault("prediction_mask", [True] * len(row["input_ids"]))

    whole, parts = (
        gradients_in_parts(number, make_trainer, student, teacher, rows=rows, objectives=[specification(name)])
        for number in (1, 4)
    )
    assert_same_gradients(whole, parts)


def test_a_constant_added_to_the_teachers_logits_does_not_change_logits_kl(
    models: Callable, make_rows: Callable, make_trainer: Callable, collate: type
) -> None:
    student, teacher = models()
    trainer = make_trainer(student, teacher, objectives=[specification("logits_kl")])
    batch = collate()(make_rows())
    expected = loss_of(trainer, batch)
    teacher.classifier.bias.data.add_(3.0)
    torch.testing.assert_close(loss_of(trainer, batch), expected, rtol=1e-5, atol=1e-6)
