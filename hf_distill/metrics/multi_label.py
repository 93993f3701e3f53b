# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""F1, precision and recall where any number of labels is right, computed by scikit-learn."""

from __future__ import annotations

import datasets
import evaluate
import numpy as np
from numpy.typing import ArrayLike

from hf_distill.metrics.classification import CITATION, IGNORED_LABEL
from hf_distill.metrics.in_memory import InMemoryMetric


def compute_multi_label_metrics(predictions: ArrayLike, references: ArrayLike) -> dict[str, float]:
    """Compute micro and macro F1, micro precision and recall, and the share of rows with every label right.

    A label that is neither predicted nor right anywhere has an F1 of 0 in the macro average.

    Args:
        predictions (`ArrayLike` of shape `(rows, labels)`): 1 where a label is predicted, else 0.
        references (`ArrayLike` of shape `(rows, labels)`): 1 where a label is right, else 0; rows with -100 are left
            out.

    Returns:
        `dict[str, float]`: `f1_micro`, `f1_macro`, `precision_micro`, `recall_micro` and `accuracy`, in [0, 1].

    Raises:
        ValueError: If there is no labelled row, or if the shapes differ.

    Example:

    ```py
    >>> from hf_distill.metrics import compute_multi_label_metrics
    >>> compute_multi_label_metrics(predictions=[[1, 0], [1, 1]], references=[[1, 0], [0, 1]])["accuracy"]
    0.5
    ```
    """
    from sklearn.metrics import accuracy_score, f1_score, precision_score, recall_score

    predicted, true = np.asarray(predictions), np.asarray(references)
    if predicted.shape != true.shape or true.ndim != 2:
        raise ValueError(
            f"predictions and references must be of one shape (rows, labels), but are {predicted.shape} and "
            f"{true.shape}"
        )
    known = (true != IGNORED_LABEL).all(1)
    if not known.any():
        raise ValueError("references has no labelled row, give at least one")
    predicted, true = predicted[known].astype(int), true[known].astype(int)
    return {
        "f1_micro": float(f1_score(true, predicted, average="micro", zero_division=0)),
        "f1_macro": float(f1_score(true, predicted, average="macro", zero_division=0)),
        "precision_micro": float(precision_score(true, predicted, average="micro", zero_division=0)),
        "recall_micro": float(recall_score(true, predicted, average="micro", zero_division=0)),
        "accuracy": float(accuracy_score(true, predicted)),
    }


class MultiLabelScores(InMemoryMetric):
    """Micro and macro F1, micro precision and recall, and accuracy of whole rows.

    Example:

    ```py
    >>> from hf_distill.metrics import MultiLabelScores
    >>> MultiLabelScores().compute(predictions=[[1, 0]], references=[[1, 0]])["f1_micro"]
    1.0
    ```
    """

    def _info(self) -> evaluate.MetricInfo:
        labels = datasets.Sequence(datasets.Value("int64"))
        return evaluate.MetricInfo(
            description="F1, precision and recall where any number of labels is right.",
            citation=CITATION,
            inputs_description="predictions and references: 1 or 0 for each label of each row.",
            features=datasets.Features({"predictions": labels, "references": labels}),
            reference_urls=["https://scikit-learn.org/stable/modules/model_evaluation.html"],
        )

    def _compute(self, predictions: ArrayLike, references: ArrayLike) -> dict[str, float]:
        return compute_multi_label_metrics(predictions, references)
