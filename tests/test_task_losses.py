# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Tests of the task losses of labels of which any number is right, and of numbers."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from hf_distill.features.heads import Head
from hf_distill.task_losses import task_loss_of

MULTI_LABEL = {"num_labels": 3, "problem_type": "multi_label_classification"}
NUMBER = {"num_labels": 1, "problem_type": "regression"}
LOGGED = {"logging_steps": 1, "logging_strategy": "steps"}
either = pytest.mark.parametrize("options", [MULTI_LABEL, NUMBER], ids=["multi_label", "number"])


def with_labels(rows: list[dict[str, Any]], options: dict[str, Any], unlabelled: tuple[int, ...] = ()) -> list:
    generator = torch.Generator().manual_seed(3)
    for place, row in enumerate(rows):
        if options is NUMBER:
            label: Any = 5 * torch.rand((), generator=generator).item()
        else:
            label = torch.randint(0, 2, (3,), generator=generator).float().tolist()
        missing = -100.0 if options is NUMBER else [-100.0] * 3
        row["labels"] = missing if place in unlabelled else label
    return rows


def losses_of(trainer: Any) -> list[float]:
    trainer.train()
    return [line["loss_task"] for line in trainer.state.log_history if "loss_task" in line]


def test_the_loss_of_labels_is_that_of_numpy() -> None:
    logits = torch.tensor([[0.5, -1.0], [2.0, 3.0], [0.1, 0.2]])
    labels = torch.tensor([[1.0, 0.0], [0.0, -100.0], [-100.0, -100.0]])
    shares = 1 / (1 + np.exp(-np.array([0.5, -1.0, 2.0])))
    expected = -np.mean([np.log(shares[0]), np.log(1 - shares[1]), np.log(1 - shares[2])])
    assert task_loss_of(Head.LABELS)({"logits": logits}, {"labels": labels}).item() == pytest.approx(expected)


def test_the_loss_of_numbers_is_that_of_numpy() -> None:
    logits = torch.tensor([[1.0], [4.0]])
    loss = task_loss_of(Head.NUMBERS)({"logits": logits}, {"labels": torch.tensor([3.0, -100.0])})
    assert loss.item() == 4.0


@pytest.mark.parametrize("head", [Head.LABELS, Head.NUMBERS])
def test_without_a_label_there_is_nothing_to_learn(head: Head) -> None:
    logits = torch.tensor([[1.0], [2.0]], requires_grad=True)
    loss = task_loss_of(head)({"logits": logits}, {"labels": torch.tensor([[-100.0], [-100.0]])})
    loss.backward()
    assert loss.item() == 0.0
    assert torch.equal(logits.grad, torch.zeros(2, 1))


def test_heads_of_classes_keep_their_own_loss() -> None:
    assert task_loss_of(Head.CLASSES) is None


@either
def test_where_all_rows_are_labelled_the_loss_is_the_models_own(
    options: dict[str, Any], make_bert: Callable, make_rows: Callable, make_trainer: Callable, collate: Callable
) -> None:
    rows, student = with_labels(make_rows(4), options), make_bert(seed=1, **options)
    own = student(**collate()(rows)).loss.item()
    trainer = make_trainer(
        student, None, rows=rows, objectives=[], max_steps=1, logging_steps=1, logging_strategy="steps"
    )
    assert losses_of(trainer) == [pytest.approx(own, rel=1e-5)]


@either
def test_rows_without_a_label_change_neither_loss_nor_gradient(
    options: dict[str, Any], make_bert: Callable, make_rows: Callable, make_trainer: Callable
) -> None:
    rows, student = with_labels(make_rows(8), options, unlabelled=(1, 2, 6)), make_bert(seed=1, **options)
    known = [row for place, row in enumerate(rows) if place not in (1, 2, 6)]

    def weights(chosen: list, **training: Any) -> dict[str, torch.Tensor]:
        model = copy.deepcopy(student)
        # Steps of SGD are as far apart as the gradients.
        trainer = make_trainer(model, None, rows=chosen, objectives=[], optim="sgd", learning_rate=0.1, **training)
        trainer.train()
        return model.state_dict()

    expected = weights(known, per_device_train_batch_size=8)
    for training in (
        {"per_device_train_batch_size": 8},
        {"per_device_train_batch_size": 2, "gradient_accumulation_steps": 4},
    ):
        found = weights(rows, **training)
        assert all(torch.allclose(found[name], expected[name], atol=1e-5) for name in expected)


@either
def test_a_loss_of_the_users_own_is_kept(
    options: dict[str, Any], make_bert: Callable, make_rows: Callable, make_trainer: Callable
) -> None:
    rows = with_labels(make_rows(4), options)
    trainer = make_trainer(
        make_bert(seed=1, **options),
        None,
        rows=rows,
        objectives=[],
        trainer_options={"compute_loss_func": lambda outputs, labels, **kwargs: 0.0 * outputs["logits"].sum() + 7.0},
        **LOGGED,
    )
    assert losses_of(trainer) == [7.0]


@either
def test_the_trainer_evaluates_such_a_head(
    options: dict[str, Any], make_bert: Callable, make_rows: Callable, make_trainer: Callable
) -> None:
    rows, student = with_labels(make_rows(4), options), make_bert(seed=1, **options)
    trainer = make_trainer(student, make_bert(**options), rows=rows, objectives=["logits_mse"])
    loss = trainer.evaluate(trainer.train_dataset)["eval_loss"]
    rows = with_labels(rows, options, unlabelled=(0,))
    trainer = make_trainer(student, make_bert(**options), rows=rows[1:], objectives=["logits_mse"])
    known = trainer.evaluate(trainer.train_dataset)["eval_loss"]
    trainer = make_trainer(student, make_bert(**options), rows=rows, objectives=["logits_mse"])
    assert trainer.evaluate(trainer.train_dataset)["eval_loss"] == pytest.approx(known, rel=1e-5)
    assert np.isfinite(loss)
