# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Tests of predicting with any model of a task."""

from __future__ import annotations

import pytest
import torch
from datasets import Dataset
from transformers import BertConfig, BertForSequenceClassification

from hf_distill.evaluation.predict import forward_function, predict
from hf_distill.tasks.text_classification import TextClassification

TASK = TextClassification()
LENGTHS = [5, 2, 9, 2, 7, 1, 3]


def collate(rows: list[dict]) -> dict[str, torch.Tensor]:
    width = max(len(row["input_ids"]) for row in rows)
    padded = [row["input_ids"] + [0] * (width - len(row["input_ids"])) for row in rows]
    return {"input_ids": torch.tensor(padded), "labels": torch.tensor([row["labels"] for row in rows])}


def says_its_length(batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """Predict as label the number of tokens that are not padding."""
    return torch.nn.functional.one_hot((batch["input_ids"] != 0).sum(1), 10).float()


@pytest.fixture
def rows() -> Dataset:
    return Dataset.from_dict({"input_ids": [[1] * length for length in LENGTHS], "labels": [0] * len(LENGTHS)})


@pytest.fixture
def model() -> BertForSequenceClassification:
    sizes = {"hidden_size": 8, "intermediate_size": 8, "num_attention_heads": 1, "num_hidden_layers": 1}
    return BertForSequenceClassification(BertConfig(vocab_size=11, num_labels=3, **sizes))


@pytest.mark.parametrize("batch_size", [1, 2, 3, 7, 64])
def test_predictions_come_in_the_order_of_the_rows(rows: Dataset, batch_size: int) -> None:
    predictions = predict(says_its_length, rows, TASK, collate, batch_size)
    assert [int(label) for label in predictions] == LENGTHS


def test_rows_of_like_length_share_a_batch(rows: Dataset) -> None:
    widths = []

    def forward(batch: dict[str, torch.Tensor]) -> torch.Tensor:
        widths.append(batch["input_ids"].shape[1])
        return says_its_length(batch)

    predict(forward, rows, TASK, collate, 2)
    assert widths == [2, 3, 7, 9]


def test_model_is_asked_in_eval_mode_and_without_gradients(model: BertForSequenceClassification) -> None:
    model.train()
    logits = forward_function(model, TASK)({"input_ids": torch.tensor([[1, 2]])})
    assert not model.training
    assert not logits.requires_grad


def test_model_is_not_told_the_labels(model: BertForSequenceClassification) -> None:
    batch = {"input_ids": torch.tensor([[1, 2]]), "labels": torch.tensor([99]), "prediction_mask": torch.ones(1, 2)}
    assert forward_function(model, TASK)(batch).shape == (1, 3)


def test_exported_model_gets_the_inputs_that_it_names() -> None:
    class Exported:
        input_names = {"input_ids": 0}
        device = torch.device("cpu")

        def forward(self, **inputs: torch.Tensor) -> None: ...

        def __call__(self, **inputs: torch.Tensor) -> dict[str, list[str]]:
            return {"logits": sorted(inputs)}

    batch = {"input_ids": torch.zeros(1, 1), "token_type_ids": torch.zeros(1, 1)}
    assert forward_function(Exported(), TASK)(batch) == ["input_ids"]
