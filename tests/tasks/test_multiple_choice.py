# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Tests of choosing one of several texts."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from datasets import ClassLabel, Dataset, DatasetDict
from transformers import BertForMultipleChoice, PreTrainedTokenizerBase

from hf_distill import DistillationTrainer, record_knowledge
from hf_distill.errors import InputError
from hf_distill.tasks.base import CUT
from hf_distill.tasks.multiple_choice import MultipleChoice

ROWS = {
    "text": ["good film", "bad", "rome", "anna good"],
    "choices": [["good", "bad film in"], ["rome", "anna"], ["film", "film film"], ["bad", "good"]],
    "label": [1, 0, None, 1],
}
OBJECTIVES = {
    "logits": ["logits_kl:temperature=2", "logits_mse"],
    "tokens": ["hidden_mse", "attention_mse", "minilm"],
    "examples": ["similarity", "pkd"],
}


def encoded(task: MultipleChoice, rows: dict[str, list], tokenizer: PreTrainedTokenizerBase) -> Dataset:
    data = task.select_columns(DatasetDict(train=Dataset.from_dict(rows)))
    assert task.label_names(data) == []
    return task.encode_inputs(task.encode_labels(data, [], [])["train"], tokenizer).remove_columns(CUT)


def labels_of(labels: list, feature: Any = None) -> list:
    data = Dataset.from_dict(
        {"text": ["good"] * len(labels), "choices": [["red", "blue"]] * len(labels), "label": labels}
    )
    data = data.cast_column("label", feature) if feature else data
    return MultipleChoice().encode_labels(DatasetDict(train=data), [], [])["train"]["label"][:]


@pytest.fixture
def models(make_bert: Callable) -> tuple[Any, Any]:
    student = make_bert(seed=1, model_class=BertForMultipleChoice, num_hidden_layers=2, hidden_size=16)
    return student, make_bert(model_class=BertForMultipleChoice)


def test_labels_are_numbers_letters_or_the_choice_itself() -> None:
    assert labels_of([0, 1, None, -1]) == [0, 1, None, None]
    assert labels_of(["A", "B", ""]) == [0, 1, None]
    assert labels_of(["blue", "red"]) == [1, 0]
    assert labels_of(["1", "0"]) == [1, 0]
    assert labels_of([0, 1], ClassLabel(names=["B", "A"])) == [1, 0]


def test_a_label_that_is_none_of_the_choices_names_the_row() -> None:
    with pytest.raises(InputError, match="split 'train', row 1: the label 2 is none of its 2 choices"):
        labels_of([0, 2])


def test_a_column_for_each_choice_becomes_a_list() -> None:
    task = MultipleChoice({"choices": ["ending0", "ending1"], "text": "start"})
    rows = {"start": ["good"], "ending0": ["bad"], "ending1": ["film"], "label": [1]}
    data = task.select_columns(DatasetDict(train=Dataset.from_dict(rows)))
    assert data["train"][0] == {"text": "good", "label": 1, "choices": ["bad", "film"]}


def test_rows_with_other_numbers_of_choices_are_refused() -> None:
    data = DatasetDict(train=Dataset.from_dict({"choices": [["a", "b"], ["a", "b", "c"]]}))
    with pytest.raises(InputError, match="row 1: has 3 choices, the first row 2"):
        MultipleChoice().label_names(data)
    with pytest.raises(InputError, match="must hold a list of texts; got 'a'"):
        MultipleChoice().label_names(DatasetDict(train=Dataset.from_dict({"choices": ["a"]})))


def test_each_choice_is_read_after_the_text(tokenizer: PreTrainedTokenizerBase) -> None:
    rows = encoded(MultipleChoice(), ROWS, tokenizer)
    assert rows[0]["input_ids"] == [[2, 5, 7, 3, 5, 3], [2, 5, 7, 3, 6, 7, 9, 3]]
    assert rows["labels"][:] == [1, 0, -100, 1]
    assert MultipleChoice().lengths(rows).tolist() == [8, 5, 6, 6]
    assert len(MultipleChoice().labelled(rows)) == 3


def test_a_second_text_comes_before_the_choice(tokenizer: PreTrainedTokenizerBase) -> None:
    rows = encoded(MultipleChoice(), {**ROWS, "text_pair": ["in", "in", "in", "in"]}, tokenizer)
    assert rows[1]["input_ids"][0] == [2, 6, 3, 9, 10, 3]


def test_the_collator_pads_to_the_longest_choice_and_leaves_the_rows(tokenizer: PreTrainedTokenizerBase) -> None:
    rows = [encoded(MultipleChoice(), ROWS, tokenizer)[row] for row in range(4)]
    collator = MultipleChoice().collator(tokenizer)
    batch = collator(rows)
    assert batch["input_ids"].shape == (4, 2, 8)
    assert torch.equal(collator(rows)["labels"], batch["labels"])


@pytest.mark.parametrize("kind", OBJECTIVES)
def test_accumulation_changes_nothing(
    kind: str, models: tuple, tokenizer: PreTrainedTokenizerBase, make_args: Callable
) -> None:
    student, teacher = models
    rows = encoded(MultipleChoice(), ROWS, tokenizer)
    # Relations between examples are those of a micro-batch.
    objectives = [entry for entry in OBJECTIVES[kind] if entry != "similarity"]

    def trained(accumulation: int) -> dict[str, torch.Tensor]:
        model = copy.deepcopy(student)
        trainer = DistillationTrainer(
            model=model,
            teacher_model=teacher,
            args=make_args(
                objectives=objectives,
                optim="sgd",
                learning_rate=0.1,
                per_device_train_batch_size=4 // accumulation,
                gradient_accumulation_steps=accumulation,
            ),
            train_dataset=rows,
            data_collator=MultipleChoice().collator(tokenizer),
        )
        trainer.train()
        return model.state_dict()

    expected, found = trained(1), trained(4)
    assert all(torch.allclose(found[name], expected[name], atol=1e-5) for name in expected)


@pytest.mark.parametrize("kind", OBJECTIVES)
def test_a_recording_teaches_what_the_teacher_does(
    kind: str, models: tuple, tokenizer: PreTrainedTokenizerBase, make_args: Callable, tmp_path: Any
) -> None:
    student, teacher = models
    rows, collator = encoded(MultipleChoice(), ROWS, tokenizer), MultipleChoice().collator(tokenizer)
    given = {"train_dataset": rows, "data_collator": collator}
    path = record_knowledge(
        teacher,
        objectives=OBJECTIVES[kind],
        output_dir=tmp_path / "recording",
        student_config=student.config,
        compression="fp32",
        **given,
    )

    def losses(source: Any) -> list[float]:
        args = make_args(objectives=OBJECTIVES[kind], max_steps=3, logging_steps=1, logging_strategy="steps")
        trainer = DistillationTrainer(model=copy.deepcopy(student), teacher_model=source, args=args, **given)
        trainer.train()
        return [line["loss"] for line in trainer.state.log_history if "loss" in line]

    assert losses(path) == pytest.approx(losses(teacher), abs=1e-4)
