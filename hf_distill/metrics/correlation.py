# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""How predicted numbers go with the true ones, computed by SciPy and scikit-learn."""

from __future__ import annotations

import datasets
import evaluate
import numpy as np
from numpy.typing import ArrayLike

from hf_distill.metrics.in_memory import InMemoryMetric


def compute_correlation_metrics(predictions: ArrayLike, references: ArrayLike) -> dict[str, float]:
    """Compute the rank correlation of Spearman and the linear correlation of Pearson.

    Where all predictions, or all references, are the same there is no correlation to tell, and both are 0.

    Args:
        predictions (`ArrayLike` of shape `(rows,)`): Predicted number of each row.
        references (`ArrayLike` of shape `(rows,)`): True number of each row.

    Returns:
        `dict[str, float]`: `spearman` and `pearson`, in [-1, 1].

    Raises:
        ValueError: If the inputs are not one number per row of the same number of rows, at least one.

    Example:

    ```py
    >>> from hf_distill.metrics import compute_correlation_metrics
    >>> compute_correlation_metrics(predictions=[0.1, 0.2, 0.9], references=[0, 1, 2])["spearman"]
    1.0
    ```
    """
    from scipy import stats

    predictions, references = np.asarray(predictions, np.float64), np.asarray(references, np.float64)
    if predictions.ndim != 1 or predictions.shape != references.shape or len(predictions) == 0:
        raise ValueError(
            f"expected one prediction and one reference for each row, got shapes {predictions.shape} and "
            f"{references.shape}"
        )
    if np.ptp(predictions) == 0 or np.ptp(references) == 0:
        return {"spearman": 0.0, "pearson": 0.0}
    return {
        "spearman": float(stats.spearmanr(predictions, references).statistic),
        "pearson": float(stats.pearsonr(predictions, references).statistic),
    }


def compute_regression_metrics(predictions: ArrayLike, references: ArrayLike) -> dict[str, float]:
    """Compute Spearman's and Pearson's correlation, and the mean squared and absolute error.

    Args:
        predictions (`ArrayLike` of shape `(rows,)`): Predicted number of each row.
        references (`ArrayLike` of shape `(rows,)`): True number of each row; rows with NaN are left out.

    Returns:
        `dict[str, float]`: `spearman` and `pearson`, in [-1, 1], `mse` and `mae`.

    Raises:
        ValueError: If there are fewer than two rows with a number, or the numbers of rows differ.

    Example:

    ```py
    >>> from hf_distill.metrics import compute_regression_metrics
    >>> compute_regression_metrics(predictions=[1.0, 2.0, 4.0], references=[1.0, 2.0, 3.0])["spearman"]
    1.0
    ```
    """
    from sklearn.metrics import mean_absolute_error, mean_squared_error

    predicted, true = np.asarray(predictions, dtype=float), np.asarray(references, dtype=float)
    if predicted.shape != true.shape or true.ndim != 1:
        raise ValueError(
            f"predictions and references must be of one shape (rows,), but are {predicted.shape} and {true.shape}"
        )
    known = ~np.isnan(true)
    predicted, true = predicted[known], true[known]
    if len(true) < 2:
        raise ValueError(f"references has {len(true)} rows with a number, give at least two")
    return {
        **compute_correlation_metrics(predicted, true),
        "mse": float(mean_squared_error(true, predicted)),
        "mae": float(mean_absolute_error(true, predicted)),
    }


class RegressionScores(InMemoryMetric):
    """`spearman`, `pearson`, `mse` and `mae` of predicted numbers.

    Example:

    ```py
    >>> from hf_distill.metrics import RegressionScores
    >>> RegressionScores().compute(predictions=[1.0, 2.0], references=[1.0, 2.0])["mse"]
    0.0
    ```
    """

    def _info(self) -> evaluate.MetricInfo:
        number = datasets.Value("float64")
        return evaluate.MetricInfo(
            description="Correlation and error of predicted numbers.",
            citation="",
            inputs_description="predictions and references: a number for each row.",
            features=datasets.Features({"predictions": number, "references": number}),
            reference_urls=["https://docs.scipy.org/doc/scipy/reference/stats.html"],
        )

    def _compute(self, predictions: ArrayLike, references: ArrayLike) -> dict[str, float]:
        return compute_regression_metrics(predictions, references)
