# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""What holds for students that find spans, through the trainer's own loss."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import log_softmax
from transformers import BertForQuestionAnswering, PreTrainedModel

from gradients import assert_same_gradients, gradients_in_parts
from hf_distill.features.heads import Head, read_logits
from hf_distill.features.units import IGNORED_POSITION
from hf_distill.objectives import build_objective

from .test_objectives import OBJECTIVES, loss_of, specification
from .test_recorded import NUMBER, Comparison, assert_alike

fitting = sorted(name for name in OBJECTIVES if Head.SPAN in build_objective(specification(name)).heads)
# Those on logits, which are of two ends here, and one each of those on hidden states and attention.
objectives_that_may_differ = pytest.mark.parametrize(
    "name", ["logits_kl", "logits_ce", "logits_mse", "hidden_mse", "attention_kl"]
)
LENGTH = 9


@pytest.fixture
def models(make_bert: Callable[..., PreTrainedModel]) -> tuple[PreTrainedModel, PreTrainedModel]:
    """A student and a teacher that find spans."""
    head = {"model_class": BertForQuestionAnswering, "num_labels": 2}
    return make_bert(seed=1, num_hidden_layers=2, **head), make_bert(seed=0, **head)


@pytest.fixture
def make_spans(make_rows: Callable) -> Callable[..., list[dict[str, Any]]]:
    """Build rows with the place of an answer; those of these numbers have none."""

    def make(number: int, unlabelled: tuple[int, ...] = (), ragged: bool = True) -> list[dict[str, Any]]:
        rows = make_rows(number)
        for place, row in enumerate(rows):
            del row["labels"]
            if not ragged:
                row |= {name: (values * LENGTH)[:LENGTH] for name, values in row.items()}
            last = len(row["input_ids"]) - 1
            known = place not in unlabelled
            row["start_positions"] = place % last if known else IGNORED_POSITION
            row["end_positions"] = last - place % 2 if known else IGNORED_POSITION
        return rows

    return make


def expected_losses(name: str, student: np.ndarray, teacher: np.ndarray) -> np.ndarray:
    """The losses of one row without padding, `(tokens, 2)`: of the row, or of each token."""
    if name == "logits_mse":
        return ((student - teacher) ** 2).mean(-1)
    wanted, given = log_softmax(teacher / 2, 0), log_softmax(student / 2, 0)
    of_both = (np.exp(wanted) * (wanted * (name == "logits_kl") - given)).sum(0)
    return 4 * np.array([of_both.mean()])


@pytest.mark.parametrize("name", ["logits_kl", "logits_ce", "logits_mse"])
def test_losses_are_those_of_numpy_over_the_real_tokens(
    name: str, models: tuple, make_spans: Callable, make_trainer: Callable, collate: type
) -> None:
    student, teacher = models
    rows, temperature = make_spans(5), {} if name == "logits_mse" else {"temperature": 2.0}
    expected = []
    for row in rows:
        batch = {key: value for key, value in collate()([row]).items() if "positions" not in key}
        logits = [read_logits(model(**batch))[0].detach().double().numpy() for model in models]
        expected.append(expected_losses(name, *logits))
    trainer = make_trainer(student, teacher, objectives=[{"name": name, **temperature}], task_weight=0.0)
    loss = loss_of(trainer, collate()(rows))
    assert loss.item() == pytest.approx(np.concatenate(expected).mean(), rel=1e-4)


@pytest.mark.parametrize("name", fitting)
def test_more_padding_changes_nothing(
    name: str, models: tuple, make_spans: Callable, make_trainer: Callable, collate: type
) -> None:
    trainer, rows = make_trainer(*models, objectives=[specification(name)]), make_spans(6)
    expected = loss_of(trainer, collate()(rows))
    torch.testing.assert_close(loss_of(trainer, collate(extra=7)(rows)), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "unlabelled"),
    [
        ("logits_kl", ()),
        ("logits_kl", (0, 1, 6)),
        ("logits_kl", tuple(range(8))),
        ("logits_mse", (1,)),
        ("hidden_mse", (0, 1, 6)),
    ],
)
def test_accumulation_steps_change_nothing(
    name: str, unlabelled: tuple[int, ...], models: tuple, make_spans: Callable, make_trainer: Callable
) -> None:
    given = {"rows": make_spans(8, unlabelled), "objectives": [specification(name)]}
    assert_same_gradients(*(gradients_in_parts(parts, make_trainer, *models, **given) for parts in (1, 8)))


def test_the_task_loss_is_the_models_own_over_the_labelled_rows(
    models: tuple, make_spans: Callable, make_trainer: Callable, collate: type
) -> None:
    student, _ = models
    rows = make_spans(6, unlabelled=(1, 4), ragged=False)
    trainer = make_trainer(student, objectives=[], task_weight=1.0)
    labelled = collate()([row for row in rows if row["start_positions"] < LENGTH])
    torch.testing.assert_close(loss_of(trainer, collate()(rows)), student(**labelled).loss)
    # Positions that stand for no label do so in a batch of any width, and padding has no share in the softmax.
    torch.testing.assert_close(loss_of(trainer, collate(extra=20)(rows)), student(**labelled).loss)


def test_a_batch_without_a_label_teaches_from_the_teacher_alone(
    models: tuple, make_spans: Callable, make_trainer: Callable, collate: type
) -> None:
    rows = make_spans(4, unlabelled=(0, 1, 2, 3))
    losses = [
        loss_of(make_trainer(*models, objectives=["logits_kl"], task_weight=weight), collate()(rows))
        for weight in (0.0, 1.0)
    ]
    assert losses[0] > 0
    torch.testing.assert_close(*losses)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_training_and_evaluation_run(
    smoothing: float, models: tuple, make_spans: Callable, make_trainer: Callable
) -> None:
    student, teacher = models
    trainer = make_trainer(
        student,
        teacher,
        rows=make_spans(8, unlabelled=(0, 1, 2, 3)),
        objectives=["logits_kl", "hidden_mse"],
        label_smoothing_factor=smoothing,
        per_device_train_batch_size=2,
        max_steps=4,
        learning_rate=0.01,
        trainer_options={"eval_dataset": make_spans(8)},
    )
    before = trainer.evaluate()["eval_loss"]
    trainer.train()
    assert all(parameter.isfinite().all() for parameter in student.parameters())
    assert trainer.evaluate()["eval_loss"] != before


@objectives_that_may_differ
def test_a_recorded_teacher_teaches_as_the_live_one(
    name: str, models: tuple, make_spans: Callable, make_trainer: Callable, collate: type, tmp_path: Path
) -> None:
    rows = make_spans(NUMBER, unlabelled=(3, 11))
    comparison = Comparison(models, rows, make_trainer, collate(), tmp_path)
    assert_alike(comparison.both([specification(name)]))


def test_other_labels_are_the_same_rows_of_a_recording(
    models: tuple, make_spans: Callable, make_trainer: Callable, collate: type, tmp_path: Path
) -> None:
    rows = make_spans(NUMBER)
    comparison = Comparison(models, rows, make_trainer, collate(), tmp_path)
    folder = comparison.record(["logits_kl"])
    unlabelled = make_spans(NUMBER, unlabelled=tuple(range(NUMBER)))
    comparison.trainer(folder, ["logits_kl"], rows=unlabelled).train()
    names = comparison.trainer(folder, ["logits_kl"]).teacher.content["teacher_inputs"]
    assert "input_ids" in names and not any("positions" in name for name in names if name != "position_ids")


def test_the_task_loss_is_that_of_numpy_over_the_real_tokens(
    models: tuple, make_spans: Callable, make_trainer: Callable, collate: type
) -> None:
    student, rows = models[0], make_spans(5, (2,))
    expected = []
    for row in (row for place, row in enumerate(rows) if place != 2):
        batch = {key: value for key, value in collate()([row]).items() if "positions" not in key}
        shares = log_softmax(read_logits(student(**batch))[0].detach().double().numpy(), 0)
        expected.append(-(shares[row["start_positions"], 0] + shares[row["end_positions"], 1]) / 2)
    trainer = make_trainer(student, None, objectives=[], task_weight=1.0)
    assert loss_of(trainer, collate()(rows)).item() == pytest.approx(np.mean(expected), rel=1e-4)
