# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""What a report says, in sentences: good or bad, and nothing that the numbers do not show."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from hf_distill.evaluation.rows import ComparisonRow, comparison_rows, format_score, is_error


def findings(report: Mapping[str, Any]) -> list[str]:
    """Sentences that follow from a report's primary metric, sizes and latencies.

    They say whether the teacher is good enough to learn from, what distillation gained over the baseline, how much of
    the teacher's score the student keeps, what quantization changed, and how far chance alone may move a score.

    Args:
        report (`Mapping[str, Any]`): The report.

    Returns:
        `list[str]`: One line each, the warning first. A line is left out where its numbers are missing.

    Example:
        >>> scores = {"teacher": 0.93, "baseline": 0.92, "student": 0.92}
        >>> findings({"primary_metric": "f1", **{model: {"metrics": {"f1": f1}} for model, f1 in scores.items()}})[0]
        'Distillation gave nothing here: the student (0.9200) and the baseline (0.9200) have the same f1.'
    """
    metric = report["primary_metric"]
    models = {row.model: row for row in comparison_rows(report) if metric in row.scores}
    teacher, baseline, student = (models.get(model) for model in ("teacher", "baseline", "student"))
    sentences = []
    if teacher and baseline:
        sentences += _teacher_below_baseline(metric, teacher, baseline)
    if student:
        sentences += _gain_of_distillation(metric, student, baseline)
        sentences += _kept_of_teacher(metric, student, teacher) if teacher else []
        sentences += [
            _change_by_quantization(metric, row, student) + _kept_in_floats(metric, report[row.model].get("budget"))
            for row in models.values()
            if row.kind == "quantized"
        ]
        sentences += _effect_of_chance(metric, report, student)
    return sentences


def advantage(metric: str, first: float, second: float) -> float:
    """By how much the first score is better than the second, in points.

    Args:
        metric (`str`): Name of the metric; of an error or loss, less is better.
        first (`float`): A score.
        second (`float`): A score of the same metric.

    Returns:
        `float`: Difference, positive if the first is better, rounded as it is shown. A point is 0.01 of a score from 0
        to 1, and 1 of any other score or error.
    """
    if is_error(metric):
        return round(second - first, 4)
    share = abs(first) <= 1 and abs(second) <= 1
    return round((first - second) * (100 if share else 1), 2)


def _points(metric: str, first: float, second: float) -> str:
    """The size of a difference in words."""
    if is_error(metric):
        return f"{abs(advantage(metric, first, second)):.4f}"
    return f"{abs(advantage(metric, first, second)):.2f} points"


def _pair(metric: str, first: ComparisonRow, second: ComparisonRow) -> tuple[float, float, str, str]:
    """The two models' scores, as numbers and as text."""
    scores = first.scores[metric], second.scores[metric]
    return (*scores, format_score(scores[0]), format_score(scores[1]))


def _teacher_below_baseline(metric: str, teacher: ComparisonRow, baseline: ComparisonRow) -> list[str]:
    first, second, teacher_score, baseline_score = _pair(metric, teacher, baseline)
    if advantage(metric, first, second) >= 0:
        return []
    return [
        f"Warning: The teacher ({teacher_score}) scores below the baseline ({baseline_score}): its {metric} is worse "
        "than that of the student trained without it, so fine-tune it longer or choose a better one."
    ]


def _gain_of_distillation(metric: str, student: ComparisonRow, baseline: ComparisonRow | None) -> list[str]:
    if baseline is None:
        return ["No baseline was measured, so this report cannot tell what distillation gained."]
    first, second, student_score, baseline_score = _pair(metric, student, baseline)
    gain = advantage(metric, first, second)
    difference = _points(metric, first, second)
    if gain > 0:
        return [
            f"Distillation improved {metric} by {difference}: the student scores {student_score}, "
            f"the baseline, trained without the teacher, {baseline_score}."
        ]
    if gain < 0:
        return [
            f"Distillation gave nothing here: it worsened {metric} by {difference}: the student scores "
            f"{student_score}, the baseline, trained without the teacher, {baseline_score}."
        ]
    return [
        f"Distillation gave nothing here: the student ({student_score}) and the baseline ({baseline_score}) "
        f"have the same {metric}."
    ]


def _kept_of_teacher(metric: str, student: ComparisonRow, teacher: ComparisonRow) -> list[str]:
    _, _, student_score, teacher_score = _pair(metric, student, teacher)
    if student.kept is None:
        score = f"The student's {metric} is {student_score}, the teacher's {teacher_score}"
    else:
        share = f"{100 * student.kept:.1f}%"
        score = f"The student keeps {share} of the teacher's {metric} ({student_score} of {teacher_score})"
    size = _fraction(student.megabytes, teacher.megabytes)
    parts = [f"at {size} of its size"] if size else []
    if student.speedup_batch_1:
        parts.append(f"{student.speedup_batch_1:.2f} times its speed at batch 1")
    return [f"{score}{', ' if parts else ''}{' and '.join(parts)}."]


def _change_by_quantization(metric: str, quantized: ComparisonRow, student: ComparisonRow) -> str:
    first, second, quantized_score, student_score = _pair(metric, quantized, student)
    change = advantage(metric, first, second)
    name = f"{quantized.precision} ({quantized.backend})"
    if change:
        verb = "improves" if change > 0 else "worsens"
        score = f"{name} {verb} {metric} by {_points(metric, first, second)} against the student ({quantized_score}, "
        score += f"was {student_score})"
    else:
        score = f"{name} keeps the student's {metric} ({quantized_score})"
    parts = []
    if quantized.agreement_with_student is not None:
        share = f"predicting as the student in {100 * quantized.agreement_with_student:.1f}%"
        # Cosines are not equal or unequal, but ordered.
        order = f"ordering pairs as the student (Spearman {quantized.agreement_with_student:.4f})"
        parts.append(order if metric == "spearman" else share)
    size = _fraction(quantized.megabytes, student.megabytes)
    parts += [f"at {size} of its size"] if size else []
    if quantized.latency_batch_1 and student.latency_batch_1:
        parts.append(f"{student.latency_batch_1 / quantized.latency_batch_1:.2f} times its speed at batch 1")
    return f"{score}{', ' if parts else ''}{', '.join(parts[:-1])}{' and ' if parts[1:] else ''}{''.join(parts[-1:])}."


def _kept_in_floats(metric: str, budget: Mapping[str, Any] | None) -> str:
    """What it took to keep a quantized model within what the recipe allows it to lose; nothing if it took nothing."""
    if not budget:
        return ""
    finishing = _finishing(metric, budget)
    if budget["held"] and not budget["kept"]:
        return finishing
    lost = _lost(metric, budget["drop_of_all"])
    lost += f" was lost on the {budget['measured_on']} split with all of them quantized"
    kept = f" {len(budget['kept'])} of its {budget['operators']} operators stay in floats, for {lost}"
    even_so = (
        "" if budget["held"] else f"; even so {_lost(metric, budget['drop'])} is lost, more than the recipe allows"
    )
    return f"{finishing}{kept}{even_so}."


def _lost(metric: str, drop: float | None) -> str:
    """What quantization loses: of an error, the share by which it grows."""
    if drop is None:
        return "more than a number can tell"
    return f"{100 * drop:.2f}%" if is_error(metric) else f"{drop:.4f}"


def _finishing(metric: str, budget: Mapping[str, Any]) -> str:
    """What training on as if quantized brought; nothing if it was not done."""
    done = budget.get("finishing")
    if not done:
        return ""
    return (
        f" It was distilled {done['steps']} steps longer as if in int8, which brought what is lost on the "
        f"{budget['measured_on']} split from {_lost(metric, done['before'])} to {_lost(metric, done['after'])}."
    )


def _effect_of_chance(metric: str, report: Mapping[str, Any], student: ComparisonRow) -> list[str]:
    """The binomial standard error, which holds only where each row is one right or wrong answer."""
    rows, score, task = report.get("rows"), student.scores[metric], str(report.get("task") or "token")
    if metric != "accuracy" or "token" in task or not isinstance(rows, int) or rows < 1 or not 0 <= score <= 1:
        return []
    error = 100 * math.sqrt(score * (1 - score) / rows)
    if not error:
        return []
    return [
        f"Measured on {rows:,} rows, the student's accuracy has a standard error of {error:.2f} points: "
        "differences of that order may be chance."
    ]


def _fraction(size: float | None, reference: float | None) -> str | None:
    """How large one size is of another, in percent."""
    return f"{100 * size / reference:.0f}%" if size is not None and reference else None
