# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Tests of scores where any number of labels is right."""

from __future__ import annotations

import numpy as np
import pytest

from hf_distill.metrics import MultiLabelScores, compute_multi_label_metrics


def test_scores_by_hand() -> None:
    found, wanted = np.array([[1, 0, 1], [0, 1, 0]]), np.array([[1, 1, 0], [0, 1, 0]])
    scores = compute_multi_label_metrics(found, wanted)
    hits, said, right = 2, 3, 3
    assert scores["precision_micro"] == pytest.approx(hits / said)
    assert scores["recall_micro"] == pytest.approx(hits / right)
    assert scores["f1_micro"] == pytest.approx(2 * hits / (said + right))
    assert scores["f1_macro"] == pytest.approx((1 + 2 / 3 + 0) / 3)
    assert scores["accuracy"] == 0.5


def test_unlabelled_rows_are_left_out() -> None:
    assert compute_multi_label_metrics([[1, 0], [1, 1]], [[1, 0], [-100, -100]])["accuracy"] == 1.0


def test_shapes_that_differ_and_no_labels_are_refused() -> None:
    with pytest.raises(ValueError, match="of one shape"):
        compute_multi_label_metrics([[1, 0]], [1])
    with pytest.raises(ValueError, match="no labelled row"):
        compute_multi_label_metrics([[1, 0]], [[-100, -100]])


def test_it_works_as_a_metric_of_evaluate() -> None:
    metric = MultiLabelScores()
    metric.add_batch(predictions=[[1, 0]], references=[[1, 0]])
    metric.add_batch(predictions=[[1, 1]], references=[[0, 1]])
    assert metric.compute()["accuracy"] == 0.5
