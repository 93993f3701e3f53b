# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Runs that nobody ran: a report and disagreements, as they would be written."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from datasets import Dataset
from PIL import Image

from hf_distill.evaluation.disagreements import (
    Answer,
    Disagreement,
    Disagreements,
    find_disagreements,
    write_disagreements,
)
from hf_distill.evaluation.report import write_report
from hf_distill.tasks import find_task

LABELS = ("negative", "neutral", "positive")
BEGINNINGS = ("The plot is thin, but", "I did not expect much and", "After the first hour", "As with the book,")
HOSTILE = (
    "<script>window.hacked = 1</script>",
    '"><script>window.hacked = 1</script>',
    "</script><script>window.hacked = 1</script>",
    "</style></title><img src=x onerror=window.hacked=1>",
    """' onmouseover='window.hacked=1' autofocus onfocus="window.hacked=1""",
    "javascript:window.hacked=1",
    "{{ 7 * 7 }} {% raw %} ${window.hacked=1}",
    "[bold red]not bold[/bold red] [link=https://example.com]no link[/link]",
    "two\nlines\r\nor \x1b[31mthree\x1b[0m",
    "left \u202ethgir",
    "שלום עולם, مرحبا",
    "\U0001f9d1\u200d\U0001f680 \U0001f600",
    "&lt;b&gt; &amp; <b>",
    "long" * 2000,
)
"""What somebody might write into a label, a text or a name to make a page do something."""
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
    # Drawing it takes a second.
    Image.new("RGB", (1200, 750), "white").save(folder / "report" / "comparison.png")
    return folder


def make_hostile_run(folder: Path) -> Path:
    """Write a run in which everything that others may have written is hostile."""
    report = make_report(hardware=HOSTILE[1], split=HOSTILE[2], task=HOSTILE[3])
    report["student"]["metrics"][HOSTILE[0]] = 0.5
    report["student"]["per_class"] = {name: {"f1": 0.5} for name in HOSTILE}
    report["quantized/<script>window.hacked = 1<"] = report.pop("quantized/onnxruntime")
    found = find_disagreements(
        find_task("text-classification")(),
        Dataset.from_dict({"text": HOSTILE}),
        list(range(len(HOSTILE))),
        {"teacher": list(range(len(HOSTILE))), "student": [0] * len(HOSTILE), HOSTILE[4]: [1] * len(HOSTILE)},
        HOSTILE,
        None,
    )
    return make_run(folder / """a'"><script>window.hacked = 1<\n\x1b[31mb \u202ec""", report, found)
