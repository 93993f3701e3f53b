# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Quantizing the student of a run, within what the recipe allows it to lose."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from hf_distill.errors import InputError
from hf_distill.evaluation.predict import forward_function, predict
from hf_distill.evaluation.rows import is_error
from hf_distill.files import scratch_folder
from hf_distill.pipeline.context import Context
from hf_distill.pipeline.recipe import QuantizationSection
from hf_distill.quantization import find_backend
from hf_distill.quantization.budget import quantize_within

ERROR_ROWS = 64
"""Rows on which the error of an operator is measured."""


def quantize_student(context: Context, section: QuantizationSection, folder: Path) -> dict[str, Any]:
    """
    Quantize the student of a run.

    Args:
        context ([`Context`]): The run.
        section ([`QuantizationSection`]): How.
        folder (`Path`): Empty folder to write to.

    Returns:
        `dict[str, Any]`: What is known of it beside its scores: which operators stay in floats, if there is a limit to
        what may be lost.

    Raises:
        InputError: If the metric is not a number.
    """
    backend, student = find_backend(section.backend), context.run.folder / "student"
    with scratch_folder(folder) as aside:
        source, tries = aside / "source", aside / "tries"
        source.mkdir()
        tries.mkdir()
        model = backend.prepare(student, source, context.task, section.options, context.data.train)
        if section.max_drop is None:
            model.write(folder)
            return {}
        measure = _Measure(context, section.backend)
        outcome = quantize_within(model, folder, tries, measure.drop, measure.error, section.max_drop)
    return {**outcome.to_dict(), "measured_on": measure.split}


class _Measure:
    """What a quantized model loses against the student, on rows that it is not told by in the report if there are."""

    def __init__(self, context: Context, backend: str):
        self._context, self._backend = context, find_backend(backend)
        data = context.data
        self._rows = data.validation if data.validation is not None else data.evaluation
        self.split = "validation" if data.validation is not None else data.evaluation_split
        self._collator = context.task.collator(context.tokenizer)
        self._references = context.task.references(self._rows)
        self._student = forward_function(context.load(context.run.folder / "student"))
        places = np.unique(np.linspace(0, len(self._rows) - 1, min(ERROR_ROWS, len(self._rows))).astype(int))
        self._sample = [self._collator([self._rows[place]]) for place in places.tolist()]
        self._logits = [self._student(batch) for batch in self._sample]
        self._score = self._score_of(self._student)
        if np.isnan(self._score):
            raise InputError(f"quantization: the student's {context.task.primary_metric} is not a number")

    def drop(self, folder: Path) -> float:
        """Return what a quantized model loses of the metric."""
        lost = self._score - self._score_of(self._forward(folder))
        return -lost if is_error(self._context.task.primary_metric) else lost

    def error(self, folder: Path) -> float:
        """Return how far its logits are from the student's."""
        forward = self._forward(folder)
        differences = [forward(batch) - logits for batch, logits in zip(self._sample, self._logits)]
        return sum(difference.square().mean().item() for difference in differences) / len(differences)

    def _forward(self, folder: Path) -> Any:
        return forward_function(self._backend.load(folder, self._context.task))

    @torch.inference_mode()
    def _score_of(self, forward: Any) -> float:
        context = self._context
        batch_size, said = context.recipe.evaluation.batch_size, "Measuring what is lost"
        found = predict(forward, self._rows, context.task, self._collator, batch_size, said, alone=True)
        return context.task.score(found, self._references, context.data.names)[context.task.primary_metric]
