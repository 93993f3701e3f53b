# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Tests of text classification."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from datasets import ClassLabel, Dataset, DatasetDict, Features, Value
from transformers import BertConfig, EvalPrediction, PreTrainedTokenizerBase

from hf_distill.errors import InputError
from hf_distill.tasks.base import CUT
from hf_distill.tasks.text_classification import TextClassification

CLASSES = Features({"text": Value("string"), "label": ClassLabel(names=["neg", "pos"])})


def splits(features: Features | None = None, **columns: list) -> DatasetDict:
    return DatasetDict(train=Dataset.from_dict(columns, features=features))


def encoded(task: TextClassification, labels: list, order: list[int] | None = None) -> list[int | None]:
    data = splits(text=["good"] * len(labels), label=labels)
    names = task.label_names(data)
    return task.encode_labels(data, names, order or list(range(len(names))))["train"]["label"][:]


def test_columns_are_renamed_and_others_dropped() -> None:
    task = TextClassification({"text": "review", "label": "stars"})
    data = task.select_columns(splits(review=["good"], stars=[1], author=["anna"]))
    assert data["train"].column_names == ["text", "label"]
    assert data["train"][0] == {"text": "good", "label": 1}


def test_columns_may_change_places() -> None:
    task = TextClassification({"text": "label", "label": "text"})
    data = task.select_columns(splits(text=[1], label=["good"]))
    assert data["train"].to_dict() == {"text": ["good"], "label": [1]}


def test_second_text_is_read_where_there_is_one() -> None:
    data = TextClassification().select_columns(splits(text=["a"], text_pair=["b"], label=[0]))
    assert set(data["train"].column_names) == {"text", "text_pair", "label"}


def test_missing_column_names_split_and_nearest_column() -> None:
    with pytest.raises(
        InputError, match=r"columns\.text: the split 'train' has no column 'text'; did you mean 'texts'"
    ):
        TextClassification().select_columns(splits(texts=["a"], label=[0]))


def test_optional_column_that_was_asked_for_must_be_there() -> None:
    with pytest.raises(InputError, match=r"columns\.text_pair: the split 'train' has no column 'other'"):
        TextClassification({"text_pair": "other"}).select_columns(splits(text=["a"], label=[0]))


def test_unknown_key_of_columns_names_the_nearest() -> None:
    with pytest.raises(InputError, match="has no column 'labels'; did you mean 'label'"):
        TextClassification({"labels": "stars"})


def test_class_labels_keep_their_names() -> None:
    assert TextClassification().label_names(splits(CLASSES, text=["a"], label=[1])) == ["neg", "pos"]


def test_missing_labels_of_every_kind_become_none() -> None:
    task = TextClassification()
    data = splits(CLASSES, text=["a"] * 4, label=[1, None, -1, 0])
    assert task.encode_labels(data, ["neg", "pos"], [0, 1])["train"]["label"][:] == [1, None, None, 0]
    assert encoded(task, ["pos", "", None, "neg"]) == [1, None, None, 0]
    assert encoded(task, [1, -1, None, 0]) == [1, None, None, 0]


def test_labels_get_the_ids_of_the_models() -> None:
    assert encoded(TextClassification(), ["neg", "pos"], order=[1, 0]) == [1, 0]


def test_label_outside_the_range_names_split_and_row() -> None:
    data = DatasetDict(
        train=Dataset.from_dict({"text": ["a", "b"], "label": [0, 1]}),
        test=Dataset.from_dict({"text": ["a", "b"], "label": [0, 7]}),
    )
    with pytest.raises(InputError, match="dataset, split 'test', row 1: the label 7 is outside the 2 labels"):
        TextClassification().encode_labels(data, ["a", "b"], [0, 1])


def test_text_becomes_token_ids(tokenizer: PreTrainedTokenizerBase) -> None:
    rows = TextClassification().encode_inputs(Dataset.from_dict({"text": ["good filming"], "label": [1]}), tokenizer)
    assert rows[0]["input_ids"] == [2, 5, 7, 8, 3]
    assert rows[0]["labels"] == 1
    assert "text" not in rows.column_names


def test_pair_becomes_two_segments(tokenizer: PreTrainedTokenizerBase) -> None:
    data = Dataset.from_dict({"text": ["good"], "text_pair": ["bad"], "label": [1]})
    row = TextClassification().encode_inputs(data, tokenizer)[0]
    assert row["input_ids"] == [2, 5, 3, 6, 3]
    assert row["token_type_ids"] == [0, 0, 0, 1, 1]


def test_long_text_is_cut(tokenizer: PreTrainedTokenizerBase) -> None:
    data = Dataset.from_dict({"text": ["good " * 20], "label": [1]})
    row = TextClassification(max_length=6).encode_inputs(data, tokenizer)[0]
    assert row["input_ids"] == [2, 5, 5, 5, 5, 3]


def test_row_without_label_has_the_ignored_label(tokenizer: PreTrainedTokenizerBase) -> None:
    task = TextClassification()
    rows = task.encode_inputs(Dataset.from_dict({"text": ["good", "bad"], "label": [None, 1]}), tokenizer)
    assert rows["labels"][:] == [-100, 1]
    assert task.labelled(rows)["input_ids"][:] == [[2, 6, 3]]


@pytest.mark.parametrize("side", ["left", "right"])
def test_collator_pads_on_the_side_of_the_tokenizer(tokenizer: PreTrainedTokenizerBase, side: str) -> None:
    tokenizer.padding_side = side
    task = TextClassification()
    rows = task.encode_inputs(Dataset.from_dict({"text": ["good", "good film"], "label": [0, 1]}), tokenizer)
    batch = task.collator(tokenizer)(list(rows))
    short = [0, 0, 0, 0, 0, 2, 5, 3] if side == "left" else [2, 5, 3, 0, 0, 0, 0, 0]
    assert batch["input_ids"][0].tolist() == short
    assert batch["attention_mask"][0].tolist() == [int(token != 0) for token in short]
    assert batch["labels"].tolist() == [0, 1]


@pytest.mark.parametrize(("words", "width"), [(6, 8), (7, 16), (14, 16)])
def test_batches_have_few_widths(tokenizer: PreTrainedTokenizerBase, words: int, width: int) -> None:
    task = TextClassification()
    rows = task.encode_inputs(Dataset.from_dict({"text": ["good " * words], "label": [0]}), tokenizer)
    assert task.collator(tokenizer)(list(rows))["input_ids"].shape == (1, width)


def test_predictions_and_references_line_up(tokenizer: PreTrainedTokenizerBase) -> None:
    task = TextClassification()
    rows = task.encode_inputs(Dataset.from_dict({"text": ["good", "bad film"], "label": [0, 1]}), tokenizer)
    batch = task.collator(tokenizer)(list(rows))
    predictions = task.predictions(torch.tensor([[2.0, 1.0], [-1.0, 1.0]]), batch)
    assert [int(label) for label in predictions] == [int(label) for label in task.references(rows)] == [0, 1]


def test_scores_by_hand() -> None:
    predictions, references = ([np.int64(label) for label in labels] for labels in ([0, 1, 1, 1], [0, 1, 0, 1]))
    scores = TextClassification().score(predictions, references, ["a", "b"])
    # Class a: precision 1, recall 1/2, F1 2/3. Class b: precision 2/3, recall 1, F1 4/5.
    assert scores["accuracy"] == 0.75
    assert scores["precision_macro"] == pytest.approx(5 / 6)
    assert scores["recall_macro"] == 0.75
    assert scores["f1_macro"] == pytest.approx((2 / 3 + 4 / 5) / 2)


def test_metrics_during_training_leave_out_rows_without_label() -> None:
    logits = np.array([[2.0, 1.0], [0.0, 1.0], [3.0, 0.0]])
    prediction = EvalPrediction(predictions=(logits, "hidden states"), label_ids=np.array([0, 0, -100]))
    assert TextClassification().compute_metrics(prediction, ["a", "b"])["accuracy"] == 0.5


def test_head_is_recognised_by_the_architecture() -> None:
    task = TextClassification()
    assert task.has_head(BertConfig(architectures=["BertForSequenceClassification"]))
    assert not task.has_head(BertConfig(architectures=["BertForTokenClassification"]))
    assert not task.has_head(BertConfig())


def test_head_options_name_the_labels_both_ways() -> None:
    options = TextClassification().head_options(["neg", "pos"])
    assert options == {"num_labels": 2, "id2label": {0: "neg", 1: "pos"}, "label2id": {"neg": 0, "pos": 1}}


def test_rows_without_a_text_are_found_with_the_users_own_name_of_the_column() -> None:
    rows = Dataset.from_dict({"text": ["good", None, " ", "bad"], "label": [0, 1, 1, None]})
    task = TextClassification({"text": "review"})
    assert task.unusable(rows) == {1: "the column 'review' is empty", 2: "the column 'review' is empty"}


def test_texts_that_are_cut_are_told(tokenizer: PreTrainedTokenizerBase) -> None:
    rows = Dataset.from_dict({"text": ["good", "good film in rome", "good film"], "label": [0, 1, 1]})
    assert TextClassification(max_length=4).encode_inputs(rows, tokenizer)[CUT][:] == [False, True, False]
