# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Correlation of predicted with true numbers, computed by SciPy."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats


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
