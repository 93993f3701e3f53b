# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from transformers import BertForTokenClassification, PreTrainedModel, Trainer

from hf_distill.features.batch import BatchView
from hf_distill.features.features import Features
from hf_distill.features.units import Unit
from hf_distill.objectives import LogitsObjective

OBJECTIVES = ["logits_kl:weight=1.5,temperature=2", "hidden_mse:weight=0.25,layers=last"]


def loss_lines(trainer: Trainer) -> list[dict[str, float]]:
    return [line for line in trainer.state.log_history if "loss" in line]


def assert_sum_of_components(line: dict[str, float]) -> None:
    expected = 0.5 * line["loss_task"] + 1.5 * line["loss_logits_kl"] + 0.25 * line["loss_hidden_mse"]
    # 4.57 rounds the loss to four digits.
    assert line["loss"] == pytest.approx(expected, abs=1e-4)


def stock_trainer(trainer: Trainer, model: PreTrainedModel) -> Trainer:
    return Trainer(
        model=model, args=trainer.args, train_dataset=trainer.train_dataset, data_collator=trainer.data_collator
    )


@pytest.mark.parametrize("accumulation", [1, 2])
def test_every_log_line_has_the_components_of_the_loss(
    accumulation: int, make_trainer: Callable, student: PreTrainedModel, teacher: PreTrainedModel
) -> None:
    trainer = make_trainer(
        student,
        teacher,
        objectives=OBJECTIVES,
        logging_strategy="steps",
        logging_steps=2,
        max_steps=4,
        per_device_train_batch_size=2,
        gradient_accumulation_steps=accumulation,
    )
    trainer.train()
    assert len(loss_lines(trainer)) == 2
    for line in loss_lines(trainer):
        assert {name for name in line if name.startswith("loss")} == {
            "loss",
            "loss_task",
            "loss_logits_kl",
            "loss_hidden_mse",
        }
        assert_sum_of_components(line)


def test_a_second_training_does_not_log_what_the_first_left_over(
    make_trainer: Callable, student: PreTrainedModel, teacher: PreTrainedModel
) -> None:
    trainer = make_trainer(
        student,
        teacher,
        objectives=OBJECTIVES,
        logging_strategy="steps",
        logging_steps=2,
        max_steps=3,
        learning_rate=0.05,
    )
    trainer.train()
    trainer.train()
    assert_sum_of_components(loss_lines(trainer)[0])


def test_the_loss_is_the_weighted_sum_of_means(
    make_trainer: Callable, make_rows: Callable, collate: type, student: PreTrainedModel, teacher: PreTrainedModel
) -> None:
    batch = collate()(make_rows())
    loss = make_trainer(student, teacher, objectives=OBJECTIVES).compute_loss(student.train(), batch)
    own, theirs = student(**batch, output_hidden_states=True), teacher(**batch, output_hidden_states=True)
    divergence = 4 * F.kl_div((own.logits / 2).log_softmax(-1), (theirs.logits / 2).softmax(-1), reduction="batchmean")
    difference = (own.hidden_states[2] - theirs.hidden_states[4]).square().mean(-1)
    difference = difference[batch["attention_mask"].bool()].mean()
    torch.testing.assert_close(loss, 0.5 * own.loss + 1.5 * divergence + 0.25 * difference)


def test_an_objective_alone_needs_no_labels(
    make_trainer: Callable, make_rows: Callable, collate: type, student: PreTrainedModel, teacher: PreTrainedModel
) -> None:
    batch = collate()(make_rows())
    labels = batch.pop("labels")
    trainer = make_trainer(student, teacher, objectives=["logits_kl"])
    loss = trainer.compute_loss(student.train(), batch)
    task_loss = F.cross_entropy(student(**batch).logits, labels)
    torch.testing.assert_close(trainer.compute_loss(student, {**batch, "labels": labels}), loss + 0.5 * task_loss)


def test_an_objective_can_read_the_labels_and_the_masks_of_the_batch(
    make_trainer: Callable, make_rows: Callable, collate: type, student: PreTrainedModel, teacher: PreTrainedModel
) -> None:
    seen = []

    @dataclass
    class Reading(LogitsObjective):
        name = "reading"

        def __call__(self, student: Features, teacher: Features, batch: BatchView) -> torch.Tensor:
            seen.append(batch)
            return super().__call__(student, teacher, batch)

        def compare(self, student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
            return (student - teacher).abs().sum(-1)

    batch = collate()(make_rows())
    loss = make_trainer(student, teacher, objectives=[Reading()], task_weight=0.0).compute_loss(student.train(), batch)
    difference = (student(**batch).logits - teacher(**batch).logits).abs().sum(-1).mean()
    torch.testing.assert_close(loss, difference)
    assert seen[0].labels.equal(batch["labels"])
    assert seen[0].masks[Unit.TOKEN].equal(batch["attention_mask"].bool())


def test_predicted_tokens_without_a_label_learn_the_whole_distribution(
    make_trainer: Callable, make_bert: Callable, make_rows: Callable, collate: type
) -> None:
    student = make_bert(seed=1, model_class=BertForTokenClassification, num_hidden_layers=1)
    teacher = make_bert(model_class=BertForTokenClassification)
    rows = make_rows(4, tokens=True)
    for row in rows:
        row["prediction_mask"] = [True] * len(row["labels"])
        row["labels"] = [-100] * len(row["labels"])
    losses = [
        make_trainer(student, teacher, objectives=[{"name": name, "temperature": 2.0}], task_weight=0.0).compute_loss(
            student.train(), collate()(rows)
        )
        for name in ("dkd", "logits_kl")
    ]
    assert losses[0] > 0
    torch.testing.assert_close(*losses)


def test_objectives_that_need_no_projection_have_none(
    make_trainer: Callable, narrow_student: PreTrainedModel, teacher: PreTrainedModel
) -> None:
    trainer = make_trainer(narrow_student, teacher, objectives=["rkd_distance", "nst", "hidden_mse:layers=last"])
    assert list(trainer.projections.maps) == ["2_4"]
    trainer.train()
    trainer = make_trainer(narrow_student, teacher, objectives=["similarity"])
    assert not list(trainer.projections.parameters())
    trainer.train()


def test_outputs_are_returned_where_they_are_asked_for(
    make_trainer: Callable, make_rows: Callable, collate: type, student: PreTrainedModel, teacher: PreTrainedModel
) -> None:
    trainer = make_trainer(student, teacher)
    loss, outputs = trainer.compute_loss(student.train(), collate()(make_rows()), return_outputs=True)
    assert loss.dim() == 0
    assert outputs["logits"].shape == (8, 3)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_training_without_objectives_is_plain_fine_tuning(
    smoothing: float, make_trainer: Callable, make_bert: Callable, make_rows: Callable
) -> None:
    student = make_bert(hidden_dropout_prob=0.1)
    model = copy.deepcopy(student)
    options = {"logging_strategy": "steps", "logging_steps": 1, "max_steps": 4, "label_smoothing_factor": smoothing}
    trainer = make_trainer(student, objectives=[], task_weight=1.0, rows=make_rows(16), **options)
    trainer.train()
    stock = stock_trainer(trainer, model)
    stock.train()
    assert [line["loss"] for line in loss_lines(trainer)] == pytest.approx(
        [line["loss"] for line in loss_lines(stock)], abs=1e-5
    )
    for own, theirs in zip(student.parameters(), model.parameters()):
        torch.testing.assert_close(own, theirs)


def test_plain_fine_tuning_of_tokens_is_the_stock_trainers(make_trainer: Callable, make_bert: Callable) -> None:
    student = make_bert(model_class=BertForTokenClassification)
    model = copy.deepcopy(student)
    rows = [
        {"input_ids": [5, 6, 7], "attention_mask": [1, 1, 1], "labels": [-100, 1, 2]},
        {"input_ids": [8, 9], "attention_mask": [1, 1], "labels": [0, -100]},
    ]
    trainer = make_trainer(student, objectives=[], task_weight=1.0, rows=rows, max_steps=3)
    trainer.train()
    stock_trainer(trainer, model).train()
    for own, theirs in zip(student.parameters(), model.parameters()):
        torch.testing.assert_close(own, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("with_mask", [False, True])
def test_logits_of_tokens_are_compared_where_predictions_are_made(
    with_mask: bool, make_trainer: Callable, make_bert: Callable, make_rows: Callable, collate: type
) -> None:
    student = make_bert(seed=1, model_class=BertForTokenClassification, num_hidden_layers=1)
    teacher = make_bert(model_class=BertForTokenClassification)
    rows = make_rows(4, tokens=True)
    for row in rows:
        row["labels"][0] = -100
        if with_mask:
            row["prediction_mask"] = [True] * (len(row["labels"]) - 1) + [False]
    batch = collate()(rows)
    mask = batch["prediction_mask"] if with_mask else batch["labels"] != -100
    inputs = {key: value for key, value in batch.items() if key != "prediction_mask"}
    loss = make_trainer(student, teacher, objectives=["logits_mse"], task_weight=0.0).compute_loss(
        student.train(), batch
    )
    expected = (student(**inputs).logits - teacher(**inputs).logits).square().mean(-1)[mask].mean()
    torch.testing.assert_close(loss, expected)


def test_label_smoothing_works_beside_objectives_and_without_a_label(
    make_trainer: Callable, make_bert: Callable, make_rows: Callable
) -> None:
    rows = make_rows(4, tokens=True)
    rows[0]["labels"] = [-100] * len(rows[0]["labels"])
    student = make_bert(seed=1, model_class=BertForTokenClassification, num_hidden_layers=1)
    trainer = make_trainer(
        student,
        make_bert(model_class=BertForTokenClassification),
        rows=rows,
        objectives=["logits_kl"],
        label_smoothing_factor=0.1,
        per_device_train_batch_size=1,
        max_steps=4,
        logging_strategy="steps",
        logging_steps=1,
    )
    trainer.train()
    assert all(parameter.isfinite().all() for parameter in student.parameters())
    assert any("loss_task" in line for line in loss_lines(trainer))


@pytest.mark.parametrize(
    ("problem", "labels", "labels_of_row"),
    [("regression", 1, 0.5), ("multi_label_classification", 3, [1.0, 0.0, 1.0])],
)
def test_other_heads_than_single_label_classification_train(
    problem: str, labels: int, labels_of_row: Any, make_trainer: Callable, make_bert: Callable, make_rows: Callable
) -> None:
    student, teacher = (make_bert(seed, num_labels=labels, problem_type=problem) for seed in (1, 0))

    def collate(rows: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        ids = torch.tensor([row["input_ids"][:3] for row in rows])
        return {"input_ids": ids, "labels": torch.tensor([labels_of_row] * len(rows))}

    name = "regression_mse" if problem == "regression" else "logits_bce"
    trainer = make_trainer(student, teacher, objectives=["logits_mse", name])
    trainer.data_collator = collate
    trainer.train()
    batch = collate(make_rows(4))
    loss = trainer.compute_loss(student.train(), batch)
    own, theirs = student(**batch), teacher(**batch)
    difference = (own.logits - theirs.logits).square().mean()
    same = F.binary_cross_entropy_with_logits(own.logits, theirs.logits.sigmoid())
    other = difference if problem == "regression" else same
    torch.testing.assert_close(loss, 0.5 * own.loss + difference + other)
