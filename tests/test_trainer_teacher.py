# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset
from transformers import (
    BertModel,
    DistilBertConfig,
    DistilBertForSequenceClassification,
    PreTrainedModel,
    TrainingArguments,
)

from hf_distill import DistillationTrainer
from hf_distill.errors import InputError

NAMES = {0: "bad", 1: "fair", 2: "good"}


def received(model: PreTrainedModel) -> list[dict[str, Any]]:
    calls: list[dict[str, Any]] = []
    model.register_forward_pre_hook(lambda module, args, kwargs: calls.append(kwargs), with_kwargs=True)
    return calls


def make_distilbert() -> PreTrainedModel:
    torch.manual_seed(1)
    config = DistilBertConfig(
        vocab_size=64, max_position_embeddings=40, dim=16, n_layers=2, n_heads=2, hidden_dim=32, num_labels=3
    )
    return DistilBertForSequenceClassification(config)


def test_the_teacher_is_asked_once_for_each_training_batch_and_never_in_evaluation(
    make_trainer: Callable, make_rows: Callable, student: PreTrainedModel, teacher: PreTrainedModel
) -> None:
    calls = received(teacher)
    trainer = make_trainer(
        student,
        teacher,
        max_steps=2,
        eval_strategy="steps",
        eval_steps=1,
        trainer_options={"eval_dataset": make_rows(8, seed=1)},
    )
    trainer.train()
    assert len(calls) == 2
    trainer.evaluate()
    trainer.predict(make_rows(4, seed=2))
    assert len(calls) == 2


def test_the_teacher_gets_no_labels(
    make_trainer: Callable, student: PreTrainedModel, teacher: PreTrainedModel
) -> None:
    calls = received(teacher)
    make_trainer(student, teacher).train()
    assert {"input_ids", "attention_mask", "token_type_ids"} <= set(calls[0])
    assert "labels" not in calls[0]


def test_the_teachers_dropout_is_off(
    make_trainer: Callable, make_bert: Callable, make_rows: Callable, collate: type, student: PreTrainedModel
) -> None:
    teacher = make_bert(hidden_dropout_prob=0.5).train()
    trainer = make_trainer(student, teacher)
    trainer.train()
    assert not teacher.training
    batch = collate()(make_rows())
    assert trainer.compute_loss(student.train(), batch).equal(trainer.compute_loss(student, batch))


def test_hidden_states_are_asked_of_the_teacher_only_where_an_objective_needs_them(
    make_trainer: Callable, student: PreTrainedModel, teacher: PreTrainedModel
) -> None:
    calls, own = received(teacher), received(student)
    make_trainer(student, teacher, objectives=["logits_kl"]).train()
    assert not any(call.get("output_hidden_states") for call in [*calls, *own])


def test_a_teacher_may_be_a_folder(
    make_trainer: Callable,
    make_rows: Callable,
    collate: type,
    student: PreTrainedModel,
    teacher: PreTrainedModel,
    tmp_path: Path,
) -> None:
    teacher.save_pretrained(tmp_path / "teacher")
    batch = collate()(make_rows())
    expected = make_trainer(student, teacher).compute_loss(student.train(), batch)
    for path in (tmp_path / "teacher", str(tmp_path / "teacher")):
        torch.testing.assert_close(make_trainer(student, path).compute_loss(student.train(), batch), expected)


def test_labels_are_matched_by_name(
    make_trainer: Callable, make_bert: Callable, make_rows: Callable, collate: type
) -> None:
    student, teacher = make_bert(seed=1, id2label=NAMES), make_bert(id2label=NAMES)
    permuted, order = copy.deepcopy(teacher), [2, 0, 1]
    permuted.classifier.weight.data = teacher.classifier.weight.data[order]
    permuted.classifier.bias.data = teacher.classifier.bias.data[order]
    permuted.config.id2label = {place: NAMES[label] for place, label in enumerate(order)}
    batch = collate()(make_rows())
    losses = [
        # The labels that dkd reads are the student's ids, and so are the teacher's logits by then.
        make_trainer(student, one, objectives=["logits_kl", "logits_mse", "dkd"]).compute_loss(student.train(), batch)
        for one in (teacher, permuted)
    ]
    torch.testing.assert_close(losses[1], losses[0])


def test_other_label_names_are_refused(make_trainer: Callable, make_bert: Callable) -> None:
    student, teacher = make_bert(id2label=NAMES), make_bert(id2label={0: "red", 1: "green", 2: "blue"})
    with pytest.raises(InputError) as error:
        make_trainer(student, teacher)
    assert "bad, fair, good" in str(error.value)
    assert "red, green, blue" in str(error.value)


def test_label_names_do_not_matter_where_no_objective_reads_logits(
    make_trainer: Callable, make_bert: Callable
) -> None:
    student, teacher = make_bert(id2label=NAMES), make_bert(num_labels=2, id2label={0: "red", 1: "green"})
    trainer = make_trainer(student, teacher, objectives=["hidden_mse"])
    assert trainer.train().global_step == 1


def test_another_number_of_labels_is_refused(make_trainer: Callable, make_bert: Callable) -> None:
    with pytest.raises(InputError, match="^labels: the 2 of the student .* and the 3 of the teacher"):
        make_trainer(make_bert(num_labels=2), make_bert(num_labels=3))


def test_a_teacher_whose_weights_are_not_finite_is_refused(
    make_trainer: Callable, student: PreTrainedModel, teacher: PreTrainedModel
) -> None:
    teacher.classifier.weight.data[0, 0] = float("nan")
    with pytest.raises(InputError, match="^teacher_model: logits of .* are not finite in 4 of 4 rows") as error:
        make_trainer(student, teacher).train()
    assert "\n" not in str(error.value)


def test_a_teacher_without_a_head_is_refused(
    make_trainer: Callable, make_bert: Callable, student: PreTrainedModel
) -> None:
    with pytest.raises(InputError, match="^teacher_model: BertModel gives no logits"):
        make_trainer(student, make_bert(model_class=BertModel), objectives=["logits_kl"]).train()


def test_a_teacher_without_a_head_can_give_hidden_states(
    make_trainer: Callable, make_bert: Callable, student: PreTrainedModel
) -> None:
    trainer = make_trainer(student, make_bert(model_class=BertModel), objectives=["hidden_mse"])
    assert trainer.train().global_step == 1


def test_the_student_cannot_be_its_own_teacher(make_trainer: Callable, student: PreTrainedModel) -> None:
    with pytest.raises(InputError, match="^teacher_model: is the student itself"):
        make_trainer(student, student)


@pytest.mark.parametrize("teacher_model", [None, 3, {"model": "bert"}])
def test_objectives_need_a_teacher(make_trainer: Callable, student: PreTrainedModel, teacher_model: Any) -> None:
    with pytest.raises(InputError, match="^teacher_model: must be a model, the folder or Hub id of one, or a"):
        make_trainer(student, teacher_model)


def test_other_arguments_are_refused(student: PreTrainedModel, teacher: PreTrainedModel, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="^args: must be DistillationTrainingArguments; got TrainingArguments"):
        DistillationTrainer(student, teacher, args=TrainingArguments(output_dir=str(tmp_path), report_to=[]))


def test_a_layer_that_a_model_does_not_have_is_refused(
    make_trainer: Callable, student: PreTrainedModel, teacher: PreTrainedModel
) -> None:
    with pytest.raises(InputError, match="^objective hidden_mse: teacher layer 5 in layers is outside 0 to 4"):
        make_trainer(student, teacher, objectives=[{"name": "hidden_mse", "layers": [[1, 5]]}])


def test_inputs_that_the_teacher_alone_reads_reach_it_and_not_the_student(
    make_trainer: Callable, make_rows: Callable, teacher: PreTrainedModel
) -> None:
    student = make_distilbert()
    own, theirs = received(student), received(teacher)
    trainer = make_trainer(student, teacher, rows=Dataset.from_list(make_rows()), max_steps=2)
    assert trainer.args.remove_unused_columns
    trainer.train()
    trainer.evaluate(Dataset.from_list(make_rows(4)))
    assert len(theirs) == 2
    assert all(call["token_type_ids"].any() for call in theirs)
    assert len(own) == 3
    assert not any("token_type_ids" in call for call in own)


def test_columns_that_neither_reads_are_removed(
    make_trainer: Callable, make_rows: Callable, student: PreTrainedModel, teacher: PreTrainedModel
) -> None:
    rows = Dataset.from_list([{**row, "text": "words", "prediction_mask": [True] * 3} for row in make_rows()])
    trainer = make_trainer(student, teacher, rows=rows)
    kept = set(trainer._remove_unused_columns(rows, "training").column_names)
    assert kept == {"input_ids", "attention_mask", "token_type_ids", "labels", "prediction_mask"}
