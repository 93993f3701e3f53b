# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Quantizing the student of a run, within what the recipe allows it to lose."""

from __future__ import annotations

import math
from functools import cached_property
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
import torch

from hf_distill.data.sampling import spread_rows
from hf_distill.errors import InputError
from hf_distill.evaluation.predict import ForwardFunction, forward_function, predict
from hf_distill.evaluation.rows import is_error
from hf_distill.files import scratch_folder
from hf_distill.pipeline.context import Context
from hf_distill.pipeline.sections import QuantizationSection
from hf_distill.quantization import QuantizationBackend, find_backend
from hf_distill.quantization.base import without_chatter
from hf_distill.quantization.budget import quantize_within

ERROR_ROWS = 64
"""Rows on which the error of an operator is measured."""


def quantize_student(context: Context, section: QuantizationSection, source: Path, folder: Path) -> dict[str, Any]:
    """
    Quantize the student of a run.

    Args:
        context ([`Context`]): The run.
        section ([`QuantizationSection`]): How.
        source (`Path`): Folder of the student, or of what was made of it for this.
        folder (`Path`): Empty folder to write to.

    Returns:
        `dict[str, Any]`: What is known of it beside its scores: which operators stay in floats, if there is a limit to
        what may be lost.

    Raises:
        InputError: If the metric is not a number.
    """
    backend = find_backend(section.backend)
    given = context.task, section.options, context.data.train
    if section.max_drop is None:
        backend.quantize(source, folder, *given)
        return {}
    with scratch_folder(folder) as aside, without_chatter():
        prepared, tries = aside / "prepared", aside / "tries"
        prepared.mkdir()
        tries.mkdir()
        model, loss = backend.prepare(source, prepared, *given), _Loss(context, backend, source)
        outcome = quantize_within(model, folder, tries, loss.drop, loss.error, section.max_drop)
    return {**outcome.to_dict(), "measured_on": loss.split}


def drop_of_all(context: Context, section: QuantizationSection, source: Path) -> float:
    """
    Return what is lost of the metric with every operator quantized.

    Args:
        context ([`Context`]): The run.
        section ([`QuantizationSection`]): How it is quantized.
        source (`Path`): Folder of the student, or of what was made of it for this.

    Raises:
        InputError: If the metric is not a number.
    """
    backend = find_backend(section.backend)
    with scratch_folder(context.run.folder / "quantized" / section.backend) as aside:
        folder = aside / "all"
        folder.mkdir()
        backend.quantize(source, folder, context.task, section.options, context.data.train)
        return _Loss(context, backend, source).drop(folder)


class _Loss:
    """What a quantized model loses against the student, on other rows than those of the report if there are any."""

    def __init__(self, context: Context, backend: QuantizationBackend, source: Path):
        self._context, self._backend, self._source, data = context, backend, source, context.data
        self._rows = data.validation if data.validation is not None else data.evaluation
        self.split = "validation" if data.validation is not None else data.evaluation_split
        self._collator = context.task.collator(context.processor)
        self._score = self._score_of(forward_function(context.load(context.run.folder / "student"), context.task))
        if math.isnan(self._score):
            raise InputError(f"quantization: the student's {context.task.primary_metric} is not a number")

    @cached_property
    def _sample(self) -> list[tuple[Any, torch.Tensor]]:
        """Batches of a row each, and the logits of what is quantized."""
        forward = forward_function(self._context.load(self._source), self._context.task)
        batches = [self._collator([self._rows[row]]) for row in spread_rows(len(self._rows), ERROR_ROWS)]
        return [(batch, forward(batch)) for batch in batches]

    def drop(self, folder: Path) -> float:
        """Return what a quantized model loses of the metric; of an error, by what share of the student's it grows."""
        found = self._score_of(self._forward(folder))
        if is_error(self._context.task.primary_metric):
            # Errors have no common scale, as scores from 0 to 1 have.
            return (found - self._score) / max(self._score, np.finfo(float).tiny)
        return self._score - found

    def error(self, folder: Path) -> float:
        """Return how far its logits are from those of what it was made of."""
        forward = self._forward(folder)
        return mean((forward(batch) - logits).square().mean().item() for batch, logits in self._sample)

    def _forward(self, folder: Path) -> ForwardFunction:
        return forward_function(self._backend.load(folder, self._context.task), self._context.task)

    def _score_of(self, forward: ForwardFunction) -> float:
        task, batch_size = self._context.task, self._context.recipe.evaluation.batch_size
        found = predict(forward, self._rows, task, self._collator, batch_size, "Measuring what is lost", alone=True)
        return task.score(found, task.references(self._rows), self._context.data.names)[task.primary_metric]
