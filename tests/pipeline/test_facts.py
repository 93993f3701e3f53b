# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Tests of what a report tells of the training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hf_distill.pipeline.facts import training_facts
from hf_distill.pipeline.manifest import Run

STUDENT = {
    "objectives": [{"name": "logits_kl"}], "task_weight": 0.5, "train_rows": 96, "labelled_rows": 90, "steps": 4,
    "seconds": 2.5, "hardware": "CPU",
}  # fmt: skip
FRENCH = {"kwh": 0.5, "emissions_kg": 0.1, "country": "FRA", "source": "codecarbon 3"}


def facts(tmp_path: Path, **stages: dict[str, Any]) -> dict[str, Any]:
    run = Run(tmp_path)
    run.manifest["stages"] = stages
    return training_facts(run)


def test_one_stage(tmp_path: Path) -> None:
    assert facts(tmp_path, student=STUDENT) == {
        "objectives": [{"name": "logits_kl"}], "task_weight": 0.5, "rows": 96, "labelled_rows": 90, "steps": 4,
        "seconds": 2.5, "hardware": "CPU",
    }  # fmt: skip


def test_two_stages_are_added(tmp_path: Path) -> None:
    before = {"objectives": [{"name": "pkd"}], "steps": 6, "seconds": 1.0}
    found = facts(tmp_path, intermediate=before, student=STUDENT)
    assert (found["steps"], found["seconds"], found["intermediate"]) == (10, 3.5, [{"name": "pkd"}])


@pytest.mark.parametrize(
    ("first", "last", "total"),
    [
        (FRENCH, FRENCH, {"kwh": 1.0, "emissions_kg": 0.2, "country": "FRA", "source": "codecarbon 3"}),
        (FRENCH, {**FRENCH, "country": "DEU"}, {"kwh": 1.0, "source": "codecarbon 3"}),
        (None, FRENCH, None),
    ],
)
def test_energy_is_that_of_all_stages(tmp_path: Path, first: Any, last: Any, total: Any) -> None:
    found = facts(tmp_path, intermediate={"steps": 6, "energy": first}, student={**STUDENT, "energy": last})
    assert found.get("energy") == total
