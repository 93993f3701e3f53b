# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Training the student on, as if it were quantized already, where quantization alone loses too much."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from transformers import PreTrainedModel, TrainingArguments

from hf_distill.files import write_atomically
from hf_distill.knowledge.shards import read_json
from hf_distill.pipeline.context import Context
from hf_distill.pipeline.learning import StudentStage
from hf_distill.pipeline.quantize import drop_of_all
from hf_distill.pipeline.recipe import Recipe
from hf_distill.pipeline.sections import QuantizationSection
from hf_distill.pipeline.training import shared_budget
from hf_distill.processes import from_main, processes
from hf_distill.quantization import find_backend
from hf_distill.quantization.fake import fake_quantized

OUTCOME_FILE = "outcome.json"
SLOWER = 0.1
"""The learning rate, as a share of that of training."""


class FinishingStage(StudentStage):
    """Distil the student on as if in int8, where quantization loses too much."""

    name = "finishing"
    after = ("teacher", "recording", "student")
    result = f"finishing/{OUTCOME_FILE}"
    section = "finishing.training"

    def is_wanted(self, context: Context) -> bool:
        """Say whether the recipe has `finishing`, and int8 with a limit to what may be lost."""
        return context.recipe.finishing is not None and bool(_limited(context.recipe))

    def inputs(self, context: Context) -> Any:
        """Everything that teaches, and what is quantized."""
        return [super().inputs(context), [section.model_dump() for section in _limited(context.recipe)]]

    def _options(self, recipe: Recipe) -> dict[str, Any]:
        shared = shared_budget(recipe.training, recipe.finishing.share)
        # What the student has learnt would be undone by steps as large as those that it was learnt with.
        rate = SLOWER * recipe.training.get("learning_rate", TrainingArguments.learning_rate)
        return {**shared, "learning_rate": rate, **recipe.finishing.training}

    def _start(self, context: Context, teacher: PreTrainedModel, seed: int) -> PreTrainedModel:
        return context.load(context.run.folder / "student")

    def _during(self, context: Context, student: PreTrainedModel) -> AbstractContextManager:
        modes = {find_backend(section.backend).mode(section.options) for section in _limited(context.recipe)}
        return fake_quantized(student, activations=modes != {"weights"})

    def run(self, context: Context, inputs: str) -> dict[str, Any]:
        """Measure what is lost, train on if it is too much, and measure again."""
        limits = {section.backend: section.max_drop for section in _limited(context.recipe)}
        before = _measure(context, context.run.folder / "student")
        if all(before[backend] <= limits[backend] for backend in limits):
            done, after = {"steps": 0}, before
        else:
            done = super().run(context, inputs)
            after = _measure(context, context.run.folder / self.name)
        if processes().is_main_process:
            sections = {section.backend: section.model_dump() for section in _limited(context.recipe)}
            outcome = {"steps": done["steps"], "before": before, "after": after, "sections": sections}
            write_atomically(context.run.folder / self.result, json.dumps(outcome, indent=2) + "\n")
        return {**done, "before": before, "after": after}


def finished(context: Context, section: QuantizationSection) -> dict[str, Any] | None:
    """Return what finishing brought, if it was done for this section and made its model lose less: steps and drops."""
    path = context.run.folder / FinishingStage.result
    if context.recipe.finishing is None or not path.is_file():
        return None
    outcome, backend = read_json(path), section.backend
    # The section may have been changed since.
    if (
        outcome["sections"].get(backend) != section.model_dump()
        or outcome["after"][backend] >= outcome["before"][backend]
    ):
        return None
    drops = {when: outcome[when][backend] for when in ("before", "after")}
    return {"steps": outcome["steps"], **drops, "folder": path.parent}


def _limited(recipe: Recipe) -> list[QuantizationSection]:
    """Return the sections whose model is in int8 and may lose no more than so much."""
    return [
        section
        for section in recipe.quantization
        if section.max_drop is not None and find_backend(section.backend).precision(section.options) == "int8"
    ]


def _measure(context: Context, source: Path) -> dict[str, float]:
    """Return what each backend loses with all operators quantized; the main process measures."""
    found = None
    if processes().is_main_process:
        found = {}
        for section in _limited(context.recipe):
            found[section.backend] = drop_of_all(context, section, source)
    return from_main(found)
