# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""What a report tells of the training: how the student learnt, for how long, on what."""

from __future__ import annotations

from typing import Any

from hf_distill.pipeline.manifest import Run

LEARNING_STAGES = ("intermediate", "student")
"""The stages in which the student learns from the teacher, in their order."""


def training_facts(run: Run) -> dict[str, Any]:
    """
    Return what a run's manifest says of its student's training.

    Args:
        run ([`Run`]): A run with a student.

    Returns:
        `dict[str, Any]`: `objectives`, `task_weight`, `intermediate` (the objectives of the first of two stages),
        `rows`, `labelled_rows`, `steps`, `seconds`, `hardware` and `energy`; without what is not known.
    """
    stages = [run.stage(name) for name in LEARNING_STAGES if run.stage(name)]
    last = run.stage("student")
    facts = {
        "objectives": last.get("objectives", []),
        "intermediate": stages[0].get("objectives", []) if len(stages) > 1 else None,
        "task_weight": last.get("task_weight"),
        "rows": last.get("train_rows"),
        "labelled_rows": last.get("labelled_rows"),
        "steps": sum(stage.get("steps", 0) for stage in stages) or None,
        "seconds": sum(stage.get("seconds", 0) for stage in stages) or None,
        "hardware": last.get("hardware"),
        "energy": _energy([stage.get("energy") for stage in stages]),
    }
    return {name: value for name, value in facts.items() if value is not None}


def _energy(parts: list[dict[str, Any] | None]) -> dict[str, Any] | None:
    """Return what all stages took together; of a part nothing is told."""
    if not parts or not all(parts):
        return None
    total = {"kwh": sum(part["kwh"] for part in parts), "source": parts[-1]["source"]}
    if len({part.get("country") for part in parts}) == 1 and "country" in parts[-1]:
        total |= {"emissions_kg": sum(part["emissions_kg"] for part in parts), "country": parts[-1]["country"]}
    return total
