# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Runs that nobody ran: a report and disagreements, as they would be written."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from hf_distill.evaluation.disagreements import Answer, Disagreement, Disagreements, write_disagreements
from hf_distill.evaluation.plots import plot_comparison
from hf_distill.evaluation.report import write_report

LABELS = ("negative", "neutral", "positive")
BEGINNINGS = ("The plot is thin, but", "I did not expect much and", "After the first hour", "As with the book,")
ENDS = ("the cast carries it.", "nothing held my attention.", "it grows on you.", "the end falls flat.")


def make_report(shift: float = 0.0, metric: str = "accuracy", **more: Any) -> dict[str, Any]:
    """Make a report; `shift` is added to the scores, and takes as much of the latencies."""
    numbers = {
        "teacher": (0.9298, 22_800_000, 90_900_000, 11.22, 193.99, 1.0),
        "baseline": (0.8911, 15_600_000, 62_500_000, 4.33, 65.28, 0.9022),
        "student": (0.9171, 15_600_000, 62_500_000, 4.28, 65.90, 0.9518),
        "quantized/onnxruntime": (0.9147, 15_600_000, 15_800_000, 2.23, 28.91, 0.9493),
    }
    models = {
        model: {
            "metrics": {metric: score + shift, "f1": score + shift - 0.004},
            "parameters": parameters,
            "size_bytes": size,
            "latency_ms": {
                "batch_1": {"p50": one * (1 - shift), "p95": 2 * one},
                "batch_32": {"p50": many, "p95": 2 * many},
            },
            "agreement_with_teacher": agreement,
        }
        for model, (score, parameters, size, one, many, agreement) in numbers.items()
    }
    how = {"task": "text-classification", "split": "test", "rows": 1821, "hardware": "Example CPU", "threads": 2}
    return {**models, "primary_metric": metric, **how, **more}


def make_disagreements(number: int = 48, labels: tuple[str, ...] = LABELS, text: str | None = None) -> Disagreements:
    """Make disagreements on three labels; `text` stands in each example if it is given."""
    generator = random.Random(0)
    examples = []
    for place in range(number):
        teacher, student = generator.sample(labels, 2)
        right, baseline = generator.choice(labels), generator.choice(labels)
        answers = {"teacher": teacher, "baseline": baseline, "student": student, "quantized/onnxruntime": student}
        made = f"{generator.choice(BEGINNINGS)} {generator.choice(ENDS)}"
        examples.append(
            Disagreement(
                number=7 * place,
                text=made if text is None else text,
                reference=right,
                answers={model: Answer(text=given, right=given == right) for model, given in answers.items()},
            )
        )
    outcomes = [example.outcome for example in examples]
    return Disagreements(
        examples_measured=1821,
        differing=number,
        numbers=False,
        outcomes={outcome: outcomes.count(outcome) for outcome in sorted(set(outcomes))},
        examples=examples,
    )


def make_run(folder: Path, report: dict[str, Any] | None = None, found: Disagreements | None = None) -> Path:
    """Write a run's report folder."""
    report = make_report() if report is None else report
    write_report(report, folder / "report")
    write_disagreements(make_disagreements() if found is None else found, folder / "report")
    plot_comparison({folder.name: report}, folder / "report" / "comparison.png")
    return folder
