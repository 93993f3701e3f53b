# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""The models of a report as rows of numbers: what each scores, weighs and takes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

BYTES_PER_MEGABYTE = 1_000_000
KINDS = ("teacher", "baseline", "student", "quantized")
LOWER_IS_BETTER = frozenset({"loss", "mse", "rmse", "mae", "perplexity", "mean_squared_error", "mean_absolute_error"})


@dataclass(frozen=True)
class ComparisonRow:
    """What a report says of one model; what was not measured is `None`.

    Args:
        model (`str`): Key of the model in the report: "teacher", "baseline", "student" or "quantized/<backend>".
        scores (`dict[str, float]`): Value of each metric, the primary metric first.
        kept (`float`, *optional*): Its primary metric as a share of the teacher's; an error has none.
        parameters (`int`, *optional*): Number of parameters.
        megabytes (`float`, *optional*): Size on disk in megabytes of 1,000,000 bytes.
        latency_batch_1 (`float`, *optional*): Median time of a batch of 1, in milliseconds.
        latency_batch_32 (`float`, *optional*): Median time of a batch of 32, in milliseconds.
        speedup_batch_1 (`float`, *optional*): The teacher's `latency_batch_1` divided by this model's.
        speedup_batch_32 (`float`, *optional*): The teacher's `latency_batch_32` divided by this model's.
        agreement (`float`, *optional*): Share of predictions equal to the teacher's, from 0 to 1; of sentence
            embeddings, Spearman's correlation of the cosines of both.
        agreement_with_student (`float`, *optional*): Of a quantized model, the same against the student.
        precision (`str`, *optional*): Of a quantized model, what its weights are stored in, such as "int8".
    """

    model: str
    scores: dict[str, float]
    kept: float | None = None
    parameters: int | None = None
    megabytes: float | None = None
    latency_batch_1: float | None = None
    latency_batch_32: float | None = None
    speedup_batch_1: float | None = None
    speedup_batch_32: float | None = None
    agreement: float | None = None
    agreement_with_student: float | None = None
    precision: str | None = None

    @property
    def kind(self) -> str:
        """One of `KINDS`: the model's key without the backend."""
        return self.model.partition("/")[0]

    @property
    def backend(self) -> str:
        """Which backend quantized it; empty if none did."""
        return self.model.partition("/")[2]


def model_keys(report: Mapping[str, Any]) -> list[str]:
    """Keys of the models in a report, in the order teacher, baseline, student, quantized (by name).

    Args:
        report (`Mapping[str, Any]`): The report.

    Returns:
        `list[str]`: Keys of the models that have metrics.
    """
    models = [
        key
        for key, value in report.items()
        if (key in KINDS[:3] or key.startswith("quantized/"))
        and isinstance(value, Mapping)
        and isinstance(value.get("metrics"), Mapping)
    ]
    return sorted(models, key=lambda key: (KINDS.index(key.partition("/")[0]), key))


def comparison_rows(report: Mapping[str, Any]) -> list[ComparisonRow]:
    """One row for each model of a report, in the order of `model_keys`.

    Args:
        report (`Mapping[str, Any]`): The report.

    Returns:
        `list[ComparisonRow]`: The rows.

    Example:
        >>> report = {"primary_metric": "f1", "student": {"metrics": {"f1": 0.5}, "size_bytes": 2_000_000}}
        >>> comparison_rows(report)[0].megabytes
        2.0
    """
    names = metric_names(report)
    rows = []
    for key in model_keys(report):
        model = report[key]
        scores = {name: number_at(model["metrics"], name) for name in names}
        parameters = number_at(model, "parameters")
        size_bytes = number_at(model, "size_bytes")
        rows.append(
            ComparisonRow(
                model=key,
                scores={name: score for name, score in scores.items() if score is not None},
                kept=_kept(report, key),
                parameters=None if parameters is None else int(parameters),
                megabytes=None if size_bytes is None else size_bytes / BYTES_PER_MEGABYTE,
                latency_batch_1=_latency(report, key, "batch_1"),
                latency_batch_32=_latency(report, key, "batch_32"),
                speedup_batch_1=_ratio(_latency(report, "teacher", "batch_1"), _latency(report, key, "batch_1")),
                speedup_batch_32=_ratio(_latency(report, "teacher", "batch_32"), _latency(report, key, "batch_32")),
                agreement=number_at(model, "agreement_with_teacher"),
                agreement_with_student=number_at(model, "agreement_with_student"),
                precision=model.get("precision", "int8") if key.startswith("quantized/") else None,
            )
        )
    return rows


def metric_names(report: Mapping[str, Any]) -> list[str]:
    """Names of the metrics in a report: the primary metric first, losses and errors after the other scores.

    Args:
        report (`Mapping[str, Any]`): The report.

    Returns:
        `list[str]`: The names, otherwise in the order in which the models give them.
    """
    names = dict.fromkeys(name for key in model_keys(report) for name in report[key]["metrics"])
    others = [name for name in names if name != report["primary_metric"]]
    return [report["primary_metric"], *sorted(others, key=is_error)]


def is_error(metric: str) -> bool:
    """Whether less of the metric is better.

    Args:
        metric (`str`): Name of the metric, with or without "eval_".

    Returns:
        `bool`: True for losses and errors.
    """
    name = metric.removeprefix("eval_").lower()
    return name in LOWER_IS_BETTER or name.endswith(("_loss", "_error"))


def format_score(value: float) -> str:
    """A score with four decimals, or with two if it is given on a scale up to 100.

    Args:
        value (`float`): The score.

    Returns:
        `str`: The score as text.
    """
    return f"{value:.4f}" if abs(value) <= 1 else f"{value:.2f}"


def number_at(value: Any, *path: str) -> float | None:
    """The finite number at a path of keys.

    Args:
        value (`Any`): Nested mappings, as read from JSON.
        path (`str`): The keys, from the outermost.

    Returns:
        `int` or `float`, *optional*: The number; `None` if there is none or it is not finite.
    """
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return value


def _kept(report: Mapping[str, Any], key: str) -> float | None:
    """How much of the teacher's score a model has."""
    metric = report["primary_metric"]
    model, teacher = (number_at(report, name, "metrics", metric) for name in (key, "teacher"))
    return None if is_error(metric) or (teacher or 0) <= 0 else _ratio(model, teacher)


def _latency(report: Mapping[str, Any], key: str, batch: str) -> float | None:
    """Median latency of a model in milliseconds."""
    return number_at(report, key, "latency_ms", batch, "p50")


def _ratio(numerator: float | None, denominator: float | None) -> float | None:
    """The quotient, or `None` where it cannot be told."""
    return numerator / denominator if numerator is not None and denominator else None
