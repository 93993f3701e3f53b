# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""The report of a run: reading and writing `report/metrics.json`, with its tables and findings."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hf_distill.errors import InputError
from hf_distill.escaping import markdown
from hf_distill.evaluation.findings import findings
from hf_distill.evaluation.rows import ComparisonRow, comparison_rows, model_keys
from hf_distill.evaluation.tables import compare_runs, comparison_markdown, comparison_table
from hf_distill.files import write_atomically

__all__ = [
    "ComparisonRow",
    "compare_runs",
    "comparison_markdown",
    "comparison_rows",
    "comparison_table",
    "findings",
    "read_report",
    "write_report",
]


def read_report(run: Path) -> dict[str, Any]:
    """Read `report/metrics.json` of a run.

    Args:
        run (`Path`): Folder of the run.

    Returns:
        `dict[str, Any]`: The report.

    Raises:
        `InputError`: If the run has no report, or if the file is none: not JSON, no primary metric or no model.
    """
    path = Path(run) / "report" / "metrics.json"
    remedy = f"make it with `hf-distill evaluate {run}`"
    if not path.is_file():
        raise InputError(f"{path}: no such file; {remedy}")
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{path}: not valid JSON ({error}); {remedy}") from error
    if not isinstance(report, dict) or not isinstance(report.get("primary_metric"), str):
        raise InputError(f'{path}: has no "primary_metric" with the name of a metric; {remedy}')
    if not model_keys(report):
        raise InputError(f'{path}: has no model with "metrics" (teacher, baseline, student, quantized/...); {remedy}')
    return report


def write_report(report: Mapping[str, Any], folder: Path) -> Path:
    """Write a report as `metrics.json` and as `comparison.md`.

    Args:
        report (`Mapping[str, Any]`): The report; values that are not finite are written as `null`.
        folder (`Path`): Folder to write to, usually `<run>/report`.

    Returns:
        `Path`: Path of `metrics.json`.
    """
    sentences = "\n".join(f"- {markdown(sentence)}" for sentence in findings(report))
    comparison = f"# Comparison\n\n{comparison_markdown(report)}\n\n## Findings\n\n{sentences}\n"
    write_atomically(Path(folder) / "comparison.md", comparison)
    content = json.dumps(_finite(report), indent=2, allow_nan=False) + "\n"
    return write_atomically(Path(folder) / "metrics.json", content)


def _finite(value: Any) -> Any:
    """The same value with `None` for every number that JSON cannot say."""
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
