# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""How predicted numbers go with the true ones, computed by SciPy and scikit-learn."""

from __future__ import annotations

import math
import warnings

import datasets
import evaluate
import numpy as np
from numpy.typing import ArrayLike

from hf_distill.metrics.in_memory import InMemoryMetric


def rank_correlation(one: ArrayLike, other: ArrayLike) -> float:
    """
    Return Spearman's rank correlation, from -1 to 1; NaN where one side is constant.

    Args:
        one (`ArrayLike` of shape `(rows,)`): Numbers.
        other (`ArrayLike` of shape `(rows,)`): As many numbers.

    Source: `scipy.stats.spearmanr`.
    """
    from scipy.stats import spearmanr

    with warnings.catch_warnings():
        # That a constant has no correlation is told by the NaN.
        warnings.simplefilter("ignore")
        return float(spearmanr(one, other).statistic)


def compute_regression_metrics(predictions: ArrayLike, references: ArrayLike) -> dict[str, float]:
    """Compute Spearman's and Pearson's correlation, and the mean squared and absolute error.

    Args:
        predictions (`ArrayLike` of shape `(rows,)`): Predicted number of each row.
        references (`ArrayLike` of shape `(rows,)`): True number of each row; rows with NaN are left out.

    Returns:
        `dict[str, float]`: `spearman` and `pearson`, from -1 to 1 (NaN where one side is constant), `mse` and `mae`.

    Raises:
        ValueError: If there are fewer than two rows with a number, or the numbers of rows differ.

    Example:

    ```py
    >>> from hf_distill.metrics import compute_regression_metrics
    >>> compute_regression_metrics(predictions=[1.0, 2.0, 4.0], references=[1.0, 2.0, 3.0])["spearman"]
    1.0
    ```
    """
    from scipy.stats import pearsonr
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
    constant = predicted.min() == predicted.max() or true.min() == true.max()
    return {
        "spearman": rank_correlation(predicted, true),
        "pearson": math.nan if constant else float(pearsonr(predicted, true).statistic),
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
