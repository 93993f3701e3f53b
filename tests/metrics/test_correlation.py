# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import math

import numpy as np
import pytest

from hf_distill.metrics import RegressionScores, compute_correlation_metrics, compute_regression_metrics


def test_values_by_hand() -> None:
    scores = compute_correlation_metrics([1.0, 2.0, 4.0], [1.0, 3.0, 2.0])
    # Ranks 1 2 3 and 1 3 2: 1 - 6 * 2 / (3 * 8); deviations (-4, -1, 5) / 3 and (-1, 1, 0).
    assert scores["spearman"] == pytest.approx(0.5)
    assert scores["pearson"] == pytest.approx(3 / 3 / np.sqrt(42 / 9 * 2))


def test_ranks_of_equal_values_are_shared() -> None:
    generator = np.random.default_rng(0)
    predictions, references = generator.normal(size=50), generator.integers(0, 5, 50)

    def ranks(values: np.ndarray) -> np.ndarray:
        return np.array([(values < value).sum() + ((values == value).sum() + 1) / 2 for value in values])

    expected = np.corrcoef(ranks(predictions), ranks(references))[0, 1]
    scores = compute_correlation_metrics(predictions, references)
    assert scores["spearman"] == pytest.approx(expected)
    assert scores["pearson"] == pytest.approx(np.corrcoef(predictions, references)[0, 1])


def test_only_the_order_counts_for_spearman() -> None:
    predictions, references = np.random.default_rng(0).normal(size=(2, 20))
    one, other = (compute_correlation_metrics(given, references) for given in (predictions, np.exp(predictions)))
    assert one["spearman"] == pytest.approx(other["spearman"])
    assert one["pearson"] != pytest.approx(other["pearson"])


@pytest.mark.parametrize(("predictions", "references"), [([1, 1, 1], [1, 2, 3]), ([1, 2, 3], [2, 2, 2]), ([1], [1])])
def test_nothing_that_varies_correlates_with_nothing(predictions: list, references: list) -> None:
    assert compute_correlation_metrics(predictions, references) == {"spearman": 0.0, "pearson": 0.0}


@pytest.mark.parametrize(("predictions", "references"), [([], []), ([1, 2], [1]), ([[1]], [[1]])])
def test_rows_must_fit(predictions: list, references: list) -> None:
    with pytest.raises(ValueError, match="expected one prediction and one reference for each row"):
        compute_correlation_metrics(predictions, references)


def test_errors_by_hand() -> None:
    scores = compute_regression_metrics([1.0, 2.0, 5.0], [1.0, 3.0, 4.0])
    assert scores["mse"] == pytest.approx(2 / 3)
    assert scores["mae"] == pytest.approx(2 / 3)
    assert scores["spearman"] == 1.0
    assert scores["pearson"] == pytest.approx(np.corrcoef([1, 2, 5], [1, 3, 4])[0, 1])


def test_rows_without_a_number_are_left_out() -> None:
    assert compute_regression_metrics([1.0, 2.0, 9.0], [1.0, 2.0, math.nan])["mse"] == 0.0


def test_too_few_numbers_and_other_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="at least two"):
        compute_regression_metrics([1.0], [1.0])
    with pytest.raises(ValueError, match="of one shape"):
        compute_regression_metrics([[1.0]], [1.0])


def test_it_works_as_a_metric_of_evaluate() -> None:
    assert RegressionScores().compute(predictions=[1.0, 2.0], references=[1.0, 2.0])["pearson"] == pytest.approx(1.0)
