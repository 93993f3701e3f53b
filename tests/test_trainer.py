# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from datasets import Dataset
from transformers import BertForTokenClassification, PreTrainedModel

from hf_distill.features.projections import MODULE_NAME


def accuracy(prediction: Any) -> dict[str, float]:
    return {"accuracy": float((prediction.predictions.argmax(-1) == prediction.label_ids).mean())}


def test_training_brings_the_student_closer_to_the_teacher(
    make_trainer: Callable, make_rows: Callable, collate: type, student: PreTrainedModel, teacher: PreTrainedModel
) -> None:
    batch = collate()(make_rows())
    trainer = make_trainer(student, teacher, objectives=["logits_kl"], task_weight=0.0, max_steps=20)
    before = trainer.compute_loss(student.train(), batch)
    trainer.train()
    assert trainer.compute_loss(student.train(), batch) < 0.5 * before


def test_evaluation_gives_the_task_loss_and_metrics(
    make_trainer: Callable, make_rows: Callable, collate: type, student: PreTrainedModel, teacher: PreTrainedModel
) -> None:
    rows = make_rows(8, seed=1)
    options = {"eval_dataset": rows, "compute_metrics": accuracy}
    metrics = make_trainer(student, teacher, trainer_options=options).evaluate()
    outputs = student.eval()(**collate()(rows))
    expected = (outputs.logits.argmax(-1) == collate()(rows)["labels"]).float().mean().item()
    assert metrics["eval_loss"] == pytest.approx(outputs.loss.item(), abs=1e-5)
    assert metrics["eval_accuracy"] == pytest.approx(expected)


def test_predictions_are_the_logits_alone(
    make_trainer: Callable,
    make_rows: Callable,
    collate: type,
    narrow_student: PreTrainedModel,
    teacher: PreTrainedModel,
) -> None:
    trainer = make_trainer(narrow_student, teacher)
    trainer.train()
    rows = make_rows(4, seed=1)
    predictions = trainer.predict(rows).predictions
    assert isinstance(predictions, np.ndarray)
    expected = narrow_student.eval()(**collate()(rows)).logits
    np.testing.assert_allclose(predictions, expected.detach().numpy(), atol=1e-5)


def test_rows_with_a_prediction_mask_are_evaluated(
    make_trainer: Callable, make_bert: Callable, make_rows: Callable
) -> None:
    rows = [{**row, "prediction_mask": [True] * len(row["input_ids"])} for row in make_rows(4, tokens=True)]
    student, teacher = (make_bert(seed, model_class=BertForTokenClassification) for seed in (1, 0))
    trainer = make_trainer(student, teacher, rows=Dataset.from_list(rows))
    trainer.train()
    assert np.isfinite(trainer.evaluate(Dataset.from_list(rows))["eval_loss"])


def test_best_student_is_loaded_at_the_end(
    make_trainer: Callable, make_rows: Callable, narrow_student: PreTrainedModel, teacher: PreTrainedModel
) -> None:
    steps = {"eval_strategy": "steps", "eval_steps": 1, "save_strategy": "steps", "save_steps": 1}
    trainer = make_trainer(
        narrow_student,
        teacher,
        trainer_options={"eval_dataset": make_rows(8)},
        load_best_model_at_end=True,
        max_steps=3,
        learning_rate=0.1,
        **steps,
    )
    trainer.train()
    losses = [line["eval_loss"] for line in trainer.state.log_history if "eval_loss" in line]
    assert trainer.evaluate()["eval_loss"] == pytest.approx(min(losses), abs=1e-5)


def test_a_student_may_be_made_by_model_init(
    make_trainer: Callable, make_bert: Callable, teacher: PreTrainedModel
) -> None:
    made: list[PreTrainedModel] = []

    def model_init() -> PreTrainedModel:
        made.append(make_bert(seed=1, num_hidden_layers=2, hidden_size=16, num_attention_heads=2))
        return made[-1]

    trainer = make_trainer(None, teacher, objectives=["hidden_mse"], trainer_options={"model_init": model_init})
    trainer.train()
    assert trainer.model is made[-1]
    assert getattr(made[-1], MODULE_NAME) is trainer.projections
    fresh = make_bert(seed=1, num_hidden_layers=2, hidden_size=16, num_attention_heads=2)
    assert not made[-1].bert.pooler.dense.weight.equal(fresh.bert.pooler.dense.weight)


def test_the_last_step_may_have_fewer_batches(
    make_trainer: Callable, make_rows: Callable, student: PreTrainedModel, teacher: PreTrainedModel
) -> None:
    trainer = make_trainer(
        student,
        teacher,
        rows=make_rows(7),
        per_device_train_batch_size=2,
        gradient_accumulation_steps=3,
        max_steps=-1,
        num_train_epochs=2,
        logging_strategy="steps",
        logging_steps=1,
    )
    trainer.train()
    lines = [line for line in trainer.state.log_history if "loss" in line]
    assert len(lines) == 4
    for line in lines:
        expected = 0.5 * line["loss_task"] + line["loss_logits_mse"] + line["loss_hidden_mse"]
        assert line["loss"] == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("objectives", [["logits_kl", "hidden_mse"], ["logits_kl", "minilm_v2"]])
@pytest.mark.parametrize("kwargs", [None, {"use_reentrant": False}], ids=["default", "not reentrant"])
def test_gradient_checkpointing_changes_nothing(
    kwargs: dict[str, bool] | None,
    objectives: list[str],
    make_trainer: Callable,
    make_bert: Callable,
    teacher: PreTrainedModel,
) -> None:
    logged = []
    for options in ({}, {"gradient_checkpointing": True, "gradient_checkpointing_kwargs": kwargs}):
        student = make_bert(
            seed=1, num_hidden_layers=2, hidden_size=16, num_attention_heads=2, hidden_dropout_prob=0.1
        )
        options |= {"max_steps": 2, "logging_strategy": "steps", "logging_steps": 1, "objectives": objectives}
        trainer = make_trainer(student, teacher, **options)
        trainer.train()
        assert student.is_gradient_checkpointing == bool(options.get("gradient_checkpointing"))
        lines = [line for line in trainer.state.log_history if "loss_task" in line]
        logged.append(
            [{name: line[name] for name in line if name.startswith(("loss_", "grad_norm"))} for line in lines]
        )
    assert logged[1] == [pytest.approx(line, abs=1e-5) for line in logged[0]]
