# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""A number for a text, or for a pair of texts, such as how alike two sentences are."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from datasets import Dataset, DatasetDict, Value
from transformers import EvalPrediction

from hf_distill.errors import InputError
from hf_distill.features.heads import Head
from hf_distill.features.units import IGNORED_LABEL
from hf_distill.metrics import compute_correlation_metrics, compute_regression_metrics
from hf_distill.tasks.in_words import NumbersInWords
from hf_distill.tasks.text_classification import TextClassification


class TextRegression(NumbersInWords, TextClassification):
    """A number for a text, or for two texts together; rows without a number learn from the teacher only."""

    name = "text-regression"
    head = Head.NUMBERS
    primary_metric = "spearman"

    def label_names(self, data: DatasetDict) -> list[str]:
        """Return nothing: a number has no names."""
        return []

    def encode_labels(self, data: DatasetDict, names: Sequence[str], order: Sequence[int]) -> DatasetDict:
        """Turn what the column holds into numbers, `None` for what is missing; see [`Task.encode_labels`]."""
        result = DatasetDict()
        for split, rows in data.items():
            numbers = [
                _number(value, f"dataset, split {split!r}, row {row}") for row, value in enumerate(rows["label"])
            ]
            result[split] = rows.remove_columns("label").add_column("label", numbers, feature=Value("float32"))
        return result

    def encode_inputs(self, rows: Dataset, processor: Any) -> Dataset:
        """Turn texts into token ids; a row without a number has the ignored label -100."""
        return super().encode_inputs(rows, processor).cast_column("labels", Value("float32"))

    def predictions(self, logits: torch.Tensor, batch: Mapping[str, torch.Tensor]) -> list[np.ndarray]:
        """Return the predicted number of each row."""
        return list(logits.squeeze(-1).float().cpu().numpy())

    def agreement(self, one: Sequence[Any], other: Sequence[Any]) -> float:
        """Return the rank correlation of what two models predict."""
        return compute_correlation_metrics(one, other)["spearman"]

    def head_options(self, names: Sequence[str]) -> dict[str, Any]:
        """Return what a model's configuration must say of the number."""
        return {"num_labels": 1, "problem_type": "regression"}

    def score(self, answers: Sequence[Any], references: Sequence[Any], names: Sequence[str]) -> dict[str, float]:
        """Return Spearman's and Pearson's correlation, and the mean squared and absolute error."""
        return compute_regression_metrics(answers, references)

    def compute_metrics(self, prediction: EvalPrediction, names: Sequence[str]) -> dict[str, float]:
        """Score what [`~transformers.Trainer`] gathered in an evaluation during training."""
        logits = prediction.predictions[0] if isinstance(prediction.predictions, tuple) else prediction.predictions
        known = prediction.label_ids != IGNORED_LABEL
        return self.score(logits.squeeze(-1)[known], prediction.label_ids[known], names)


def _number(value: object, place: str) -> float | None:
    if value is None or value == "" or (isinstance(value, float) and math.isnan(value)):
        return None
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        number = math.inf
    if not math.isfinite(number):
        raise InputError(f"{place}: the label {value!r} is no number; leave it empty where there is none")
    if number == IGNORED_LABEL:
        raise InputError(f"{place}: the label {value!r} is what marks a missing one in training; add 1 to all labels")
    return number
