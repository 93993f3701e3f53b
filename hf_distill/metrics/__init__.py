# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Metrics with the interface of the `evaluate` library that fetch no script and write no file."""

from __future__ import annotations

from hf_distill.metrics.classification import (
    F1,
    Accuracy,
    Precision,
    Recall,
    compute_class_metrics,
    compute_classification_metrics,
)
from hf_distill.metrics.correlation import (
    RegressionScores,
    compute_correlation_metrics,
    compute_regression_metrics,
)
from hf_distill.metrics.in_memory import InMemoryMetric
from hf_distill.metrics.multi_label import MultiLabelScores, compute_multi_label_metrics
from hf_distill.metrics.squad import Squad, compute_squad_metrics
from hf_distill.metrics.tagging import Seqeval, compute_tagging_metrics, compute_type_metrics

__all__ = [
    "F1",
    "Accuracy",
    "InMemoryMetric",
    "MultiLabelScores",
    "Precision",
    "Recall",
    "RegressionScores",
    "Seqeval",
    "Squad",
    "compute_class_metrics",
    "compute_classification_metrics",
    "compute_correlation_metrics",
    "compute_multi_label_metrics",
    "compute_regression_metrics",
    "compute_squad_metrics",
    "compute_tagging_metrics",
    "compute_type_metrics",
]
