# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Tests of correlations and errors of predicted numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest

from hf_distill.metrics import RegressionScores, compute_regression_metrics, rank_correlation


def ranks(values: np.ndarray) -> np.ndarray:
    """Ranks from 1, equal values sharing the mean of theirs."""
    return np.array([(values < value).sum() + ((values == value).sum() + 1) / 2 for value in values])


def test_rank_correlation_is_the_correlation_of_ranks() -> None:
    generator = np.random.default_rng(0)
    one, other = generator.integers(0, 9, 40), generator.integers(0, 9, 40)
    assert rank_correlation(one, other) == pytest.approx(np.corrcoef(ranks(one), ranks(other))[0, 1])


def test_scores_by_hand() -> None:
    scores = compute_regression_metrics([1.0, 2.0, 5.0], [1.0, 3.0, 4.0])
    assert scores["mse"] == pytest.approx(2 / 3)
    assert scores["mae"] == pytest.approx(2 / 3)
    assert scores["spearman"] == 1.0
    assert scores["pearson"] == pytest.approx(np.corrcoef([1, 2, 5], [1, 3, 4])[0, 1])


def test_a_constant_has_no_correlation() -> None:
    scores = compute_regression_metrics([1.0, 1.0], [1.0, 2.0])
    assert math.isnan(scores["spearman"])
    assert math.isnan(scores["pearson"])
    assert scores["mae"] == 0.5


def test_rows_without_a_number_are_left_out() -> None:
    assert compute_regression_metrics([1.0, 2.0, 9.0], [1.0, 2.0, math.nan])["mse"] == 0.0


def test_too_few_rows_and_other_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="at least two"):
        compute_regression_metrics([1.0], [1.0])
    with pytest.raises(ValueError, match="of one shape"):
        compute_regression_metrics([[1.0]], [1.0])


def test_it_works_as_a_metric_of_evaluate() -> None:
    assert RegressionScores().compute(predictions=[1.0, 2.0], references=[1.0, 2.0])["pearson"] == pytest.approx(1.0)
