# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Accuracy, precision, recall and F1 of class predictions, computed by scikit-learn."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import datasets
import evaluate
import numpy as np
from numpy.typing import ArrayLike, NDArray

from hf_distill.metrics.in_memory import InMemoryMetric

# The label of rows without a class, as in `torch.nn.CrossEntropyLoss`.
IGNORED_LABEL = -100
AVERAGES = ("macro", "weighted", "micro", "binary")

CITATION = """\
@article{scikit-learn,
  title={Scikit-learn: Machine Learning in {P}ython},
  author={Pedregosa, F. and Varoquaux, G. and Gramfort, A. and Michel, V. and Thirion, B. and Grisel, O. and
          Blondel, M. and Prettenhofer, P. and Weiss, R. and Dubourg, V. and Vanderplas, J. and Passos, A. and
          Cournapeau, D. and Brucher, M. and Perrot, M. and Duchesnay, E.},
  journal={Journal of Machine Learning Research},
  volume={12},
  pages={2825--2830},
  year={2011}
}
"""

_INPUTS = """
Args:
    predictions (`list[int]`): Predicted class of each row.
    references (`list[int]`): True class of each row; rows with -100 are left out.
"""


def compute_classification_metrics(predictions: ArrayLike, references: ArrayLike) -> dict[str, float]:
    """Compute accuracy, macro and weighted F1, macro precision and macro recall.

    A class without predictions has precision 0, a class without references has recall 0.

    Args:
        predictions (`ArrayLike` of shape `(rows,)`): Predicted class of each row.
        references (`ArrayLike` of shape `(rows,)`): True class of each row; rows with -100 are left out.

    Returns:
        `dict[str, float]`: `accuracy`, `f1_macro`, `f1_weighted`, `precision_macro` and `recall_macro`, in [0, 1].

    Raises:
        ValueError: If there is no labelled row, or the inputs are not one class per row of the same number of rows.

    Example:

    ```py
    >>> from hf_distill.metrics import compute_classification_metrics
    >>> compute_classification_metrics(predictions=[0, 1, 1, 1], references=[0, 1, 0, -100])["recall_macro"]
    0.75
    ```
    """
    from sklearn.metrics import accuracy_score, f1_score, precision_score, recall_score

    predicted, true = _select_labelled_rows(predictions, references)
    return {
        "accuracy": float(accuracy_score(true, predicted)),
        "f1_macro": float(f1_score(true, predicted, average="macro", zero_division=0)),
        "f1_weighted": float(f1_score(true, predicted, average="weighted", zero_division=0)),
        "precision_macro": float(precision_score(true, predicted, average="macro", zero_division=0)),
        "recall_macro": float(recall_score(true, predicted, average="macro", zero_division=0)),
    }


def compute_class_metrics(
    predictions: ArrayLike, references: ArrayLike, names: Sequence[str]
) -> dict[str, dict[str, float]]:
    """Compute F1, precision, recall and support of each class, or of each label where any number of them is right.

    Args:
        predictions (`ArrayLike` of shape `(rows,)` or `(rows, labels)`): Predicted class of each row, or 1 for each
            predicted label and 0 for the others.
        references (`ArrayLike` of the same shape): What is right; rows with -100 are left out.
        names (`Sequence[str]`): Name of each class.

    Returns:
        `dict[str, dict[str, float]]`: `f1`, `precision` and `recall`, in [0, 1], and `support`, the number of rows of
        the class, by its name.

    Example:

    ```py
    >>> from hf_distill.metrics import compute_class_metrics
    >>> compute_class_metrics(predictions=[0, 1, 1], references=[0, 1, 0], names=["no", "yes"])["no"]["recall"]
    0.5
    ```
    """
    from sklearn.metrics import precision_recall_fscore_support

    predicted, true = np.asarray(predictions), np.asarray(references)
    known = true != IGNORED_LABEL if true.ndim == 1 else (true != IGNORED_LABEL).all(1)
    scores = precision_recall_fscore_support(
        true[known].astype(int), predicted[known].astype(int), labels=range(len(names)), zero_division=0
    )
    return by_class(names, *scores)


def by_class(
    names: Sequence[str], precision: ArrayLike, recall: ArrayLike, f1: ArrayLike, support: ArrayLike
) -> dict[str, dict[str, float]]:
    """Put the scores of classes, as scikit-learn and seqeval return them, under the names of the classes."""
    return {
        name: {"f1": float(f1[place]), "precision": float(precision[place]), "recall": float(recall[place])}
        | {"support": int(support[place])}
        for place, name in enumerate(names)
    }


class _ClassificationMetric(InMemoryMetric):
    _description: str

    def _info(self) -> evaluate.MetricInfo:
        return evaluate.MetricInfo(
            description=self._description,
            citation=CITATION,
            inputs_description=_INPUTS,
            features=datasets.Features(
                {"predictions": datasets.Value("int64"), "references": datasets.Value("int64")}
            ),
            reference_urls=["https://scikit-learn.org/stable/modules/model_evaluation.html"],
        )


class Accuracy(_ClassificationMetric):
    """Share of rows whose predicted class is the true class, under the key `accuracy`.

    Example:

    ```py
    >>> from hf_distill.metrics import Accuracy
    >>> Accuracy().compute(predictions=[0, 1, 1, 1], references=[0, 1, 0, 1])
    {'accuracy': 0.75}
    ```
    """

    _description = "Share of rows whose predicted class is the true class."

    def _compute(self, predictions: ArrayLike, references: ArrayLike) -> dict[str, float]:
        from sklearn.metrics import accuracy_score

        predicted, true = _select_labelled_rows(predictions, references)
        return {"accuracy": float(accuracy_score(true, predicted))}


class _AveragedMetric(_ClassificationMetric):
    """A metric of each class, averaged over the classes; the averaging is part of the result's key."""

    def __init__(self, average: str = "macro", **kwargs: Any) -> None:
        if average not in AVERAGES:
            raise ValueError(f"average is {average!r}, but must be one of: {', '.join(AVERAGES)}")
        self.average = average
        super().__init__(config_name=average, **kwargs)

    @staticmethod
    @abstractmethod
    def _score_function() -> Callable[..., float]: ...

    def _compute(self, predictions: ArrayLike, references: ArrayLike) -> dict[str, float]:
        predicted, true = _select_labelled_rows(predictions, references)
        score = self._score_function()(true, predicted, average=self.average, zero_division=0)
        return {f"{self.name}_{self.average}": float(score)}


class Precision(_AveragedMetric):
    """Share of the rows predicted as a class that are of the class, under a key such as `precision_macro`.

    Args:
        average (`str`, *optional*, defaults to `"macro"`): How classes are averaged: `"macro"`, `"weighted"`,
            `"micro"`, or `"binary"` for class 1 of two classes. A class without predictions counts as 0.
        **kwargs (`Any`): Further arguments of `evaluate.Metric`.

    Raises:
        ValueError: If `average` is none of these.

    Example:

    ```py
    >>> from hf_distill.metrics import Precision
    >>> Precision("binary").compute(predictions=[0, 1, 1, 0], references=[0, 1, 0, 1])
    {'precision_binary': 0.5}
    ```
    """

    _description = "Share of the rows predicted as a class that are of the class, averaged over the classes."

    @staticmethod
    def _score_function() -> Callable[..., float]:
        from sklearn.metrics import precision_score

        return precision_score


class Recall(_AveragedMetric):
    """Share of the rows of a class that are predicted as the class, under a key such as `recall_macro`.

    Args:
        average (`str`, *optional*, defaults to `"macro"`): How classes are averaged: `"macro"`, `"weighted"`,
            `"micro"`, or `"binary"` for class 1 of two classes. A class without references counts as 0.
        **kwargs (`Any`): Further arguments of `evaluate.Metric`.

    Raises:
        ValueError: If `average` is none of these.

    Example:

    ```py
    >>> from hf_distill.metrics import Recall
    >>> Recall("binary").compute(predictions=[0, 1, 1, 0], references=[0, 1, 0, 1])
    {'recall_binary': 0.5}
    ```
    """

    _description = "Share of the rows of a class that are predicted as the class, averaged over the classes."

    @staticmethod
    def _score_function() -> Callable[..., float]:
        from sklearn.metrics import recall_score

        return recall_score


class F1(_AveragedMetric):
    """Harmonic mean of precision and recall, under a key such as `f1_macro`.

    Args:
        average (`str`, *optional*, defaults to `"macro"`): How classes are averaged: `"macro"`, `"weighted"`,
            `"micro"`, or `"binary"` for class 1 of two classes. A class without true positives counts as 0.
        **kwargs (`Any`): Further arguments of `evaluate.Metric`.

    Raises:
        ValueError: If `average` is none of these.

    Example:

    ```py
    >>> import evaluate
    >>> from hf_distill.metrics import F1, Accuracy
    >>> combined = evaluate.combine([Accuracy(), F1("micro"), F1("binary")])
    >>> combined.compute(predictions=[0, 1, 1, 0], references=[0, 1, 0, 1])
    {'accuracy': 0.5, 'f1_micro': 0.5, 'f1_binary': 0.5}
    ```
    """

    _description = "Harmonic mean of the precision and the recall of a class, averaged over the classes."

    @staticmethod
    def _score_function() -> Callable[..., float]:
        from sklearn.metrics import f1_score

        return f1_score


def _select_labelled_rows(predictions: ArrayLike, references: ArrayLike) -> tuple[NDArray[Any], NDArray[Any]]:
    predicted, true = np.asarray(predictions), np.asarray(references)
    for name, values in (("predictions", predicted), ("references", true)):
        if values.ndim != 1:
            raise ValueError(f"{name} has shape {values.shape}, but must have one class per row: shape (rows,)")
    if len(predicted) != len(true):
        raise ValueError(f"predictions has {len(predicted)} rows and references has {len(true)}, but they must match")
    labelled = true != IGNORED_LABEL
    if not labelled.any():
        raise ValueError(
            f"references has {len(true)} rows and none is labelled, give at least one other than {IGNORED_LABEL}"
        )
    return predicted[labelled], true[labelled]
