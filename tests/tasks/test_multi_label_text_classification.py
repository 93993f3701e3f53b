# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Tests of classification where any number of labels is right."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from datasets import ClassLabel, Dataset, DatasetDict, Features, List, Value
from transformers import BertConfig, EvalPrediction, PreTrainedTokenizerBase

from hf_distill.errors import InputError
from hf_distill.tasks.multi_label_text_classification import MultiLabelTextClassification

NAMES = ["joy", "anger", "fear"]
LISTS = Features({"text": Value("string"), "labels": List(ClassLabel(names=NAMES))})


def encoded(data: DatasetDict, task: MultiLabelTextClassification | None = None) -> list:
    task = task or MultiLabelTextClassification()
    data = task.select_columns(data)
    names = task.label_names(data)
    return task.encode_labels(data, names, list(range(len(names))))["train"]["labels"][:]


def lists(labels: list, features: Features | None = LISTS) -> DatasetDict:
    rows = Dataset.from_dict({"text": ["good"] * len(labels), "labels": labels}, features=features)
    return DatasetDict(train=rows)


def test_ids_become_a_number_for_each_label() -> None:
    assert encoded(lists([[0, 2], [], None])) == [[1, 0, 1], [0, 0, 0], None]


def test_texts_become_a_number_for_each_label_in_sorted_order() -> None:
    assert encoded(lists([["b", "a"], ["c"]], features=None)) == [[1, 1, 0], [0, 0, 1]]


def test_labels_get_the_ids_of_the_models() -> None:
    task = MultiLabelTextClassification()
    rows = task.encode_labels(lists([[0], [1]]), NAMES, [2, 0, 1])["train"]
    assert rows["labels"][:] == [[0, 0, 1], [1, 0, 0]]


def test_columns_of_0_and_1_become_the_labels_of_their_names() -> None:
    task = MultiLabelTextClassification({"text": "comment", "labels": ["toxic", "insult"]})
    columns = {"comment": ["good", "bad", "film"], "toxic": [0, 1, 0], "insult": [1, 1, None], "id": [1, 2, 3]}
    data = task.select_columns(DatasetDict(train=Dataset.from_dict(columns)))
    assert task.label_names(data) == ["toxic", "insult"]
    assert task.encode_labels(data, ["toxic", "insult"], [0, 1])["train"]["labels"][:] == [[0, 1], [1, 1], None]


def test_columns_with_other_numbers_are_refused() -> None:
    task = MultiLabelTextClassification({"labels": ["stars", "toxic"]})
    data = DatasetDict(train=Dataset.from_dict({"text": ["good"], "stars": [5], "toxic": [1]}))
    with pytest.raises(InputError, match="split 'train', row 0: a column of labels holds 5; need 0 or 1"):
        task.select_columns(data)


def test_a_missing_column_of_labels_names_the_nearest() -> None:
    task = MultiLabelTextClassification({"labels": ["toxik", "insult"]})
    data = DatasetDict(train=Dataset.from_dict({"text": ["good"], "toxic": [1], "insult": [0]}))
    with pytest.raises(InputError, match="no column 'toxik'; did you mean 'toxic'"):
        task.select_columns(data)


def test_one_label_a_row_is_refused() -> None:
    data = DatasetDict(train=Dataset.from_dict({"text": ["good"], "labels": ["joy"]}))
    with pytest.raises(InputError, match="'labels' must hold a list of labels for each row"):
        MultiLabelTextClassification().label_names(data)


def test_rows_without_a_list_are_unlabelled_and_an_empty_list_is_a_label(tokenizer: PreTrainedTokenizerBase) -> None:
    task = MultiLabelTextClassification()
    data = task.encode_labels(lists([None, [], [1]]), NAMES, [0, 1, 2])
    rows = task.encode_inputs(data["train"], tokenizer)
    assert rows["labels"][:] == [[-100.0] * 3, [0, 0, 0], [0, 1, 0]]
    assert task.labelled(rows)["labels"][:] == [[0, 0, 0], [0, 1, 0]]
    batch = task.collator(tokenizer)([rows[row] for row in range(3)])
    assert batch["labels"].shape == (3, 3)
    assert batch["labels"].dtype == torch.float32


def test_a_label_is_predicted_where_it_is_more_likely_than_not() -> None:
    found = MultiLabelTextClassification().predictions(torch.tensor([[2.0, -1.0], [0.0, 0.1]]), {})
    assert np.array_equal(found, [[1, 0], [0, 1]])


def test_a_checkpoint_that_says_nothing_of_its_logits_may_have_the_head() -> None:
    task = MultiLabelTextClassification()
    config = BertConfig(architectures=["BertForSequenceClassification"], num_labels=3)
    assert task.has_head(config)
    config.problem_type = "single_label_classification"
    assert not task.has_head(config)


def test_head_options_say_that_labels_do_not_compete() -> None:
    config = BertConfig(**MultiLabelTextClassification().head_options(NAMES))
    assert config.problem_type == "multi_label_classification"
    assert config.num_labels == 3


def test_what_the_trainer_gathers_is_scored() -> None:
    prediction = EvalPrediction(np.array([[2.0, -1.0], [1.0, 1.0]]), np.array([[1.0, 0.0], [0.0, 1.0]]))
    scores = MultiLabelTextClassification().compute_metrics(prediction, ["a", "b"])
    assert scores["accuracy"] == 0.5
    assert scores["f1_micro"] == pytest.approx(0.8)
