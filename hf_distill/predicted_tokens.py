# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Losses on the logits of a vocabulary: of the predicted tokens alone, and of a few of them at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
import torch.nn.functional as F
from torch.utils.checkpoint import checkpoint

from hf_distill.errors import InputError
from hf_distill.features.batch import BatchView
from hf_distill.features.features import Features
from hf_distill.features.units import IGNORED_LABEL, Unit, mean_over
from hf_distill.features.vocabulary import OutputLayer
from hf_distill.knowledge.live import LiveTeacher
from hf_distill.knowledge.source import KnowledgeSource
from hf_distill.objectives import LogitsObjective, Objective

LOGITS_AT_ONCE = 2**22
"""Logits that are made at a time, 16 MB in 32 bits; a training step holds a few tensors of this size."""
TASK = "task"


class PredictedTokens:
    """
    The task loss and the objectives on the logits, at the predicted tokens of one batch.

    Some 15% of the tokens of a masked text are predicted, and each has a logit for every word of the vocabulary. The
    layers that make the logits are given the vectors of these tokens only, a piece at a time, within the student's own
    forward; the logits of a piece are made once more for the gradient, so that those of two pieces never stand in
    memory together.

    Args:
        layer ([`OutputLayer`]): The student's.
        teacher ([`KnowledgeSource`], *optional*): Who teaches.
        objectives (`Sequence[Objective]`): What compares the two; what does not look at logits is left aside.
        batch ([`BatchView`]): What is real in the batch, and its labels.
    """

    def __init__(
        self, layer: OutputLayer, teacher: KnowledgeSource | None, objectives: Sequence[Objective], batch: BatchView
    ):
        self._layer = layer
        self._teacher = teacher if isinstance(teacher, LiveTeacher) and teacher.output_layer is not None else None
        self._objectives = [objective for objective in objectives if objective.needs.logits]
        masks = [batch.masks[unit] for unit in (Unit.PREDICTION, Unit.LABEL) if unit in batch.masks]
        self._places = torch.stack(masks).any(0)
        self.batch = _as_one_row(batch, self._places)
        """The predicted tokens, as if they were one row."""

    @property
    def names(self) -> list[str]:
        """The components of the loss that it makes."""
        return [TASK] * (self.batch.labels is not None) + [objective.name for objective in self._objectives]

    def asking_teacher(self) -> AbstractContextManager:
        """Let the teacher give vectors in place of logits, if it can."""
        return nullcontext() if self._teacher is None else self._teacher.vectors_in_place_of_logits()

    @contextmanager
    def in_place_of_logits(self, knowledge: Features) -> Iterator[None]:
        """Let the losses leave the student's forward in place of its logits; the teacher's are taken out of sight."""
        theirs, knowledge.logits = knowledge.logits, None
        with self._layer.replaced(lambda vectors: self._losses(vectors, theirs)):
            yield

    def read(self, outputs: Mapping[str, Any], counts: Mapping[Unit, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Return the components, each the part of this batch in the mean over the global one."""
        units = {TASK: Unit.LABEL}
        return {
            name: mean_over(losses.unsqueeze(0), units.get(name, Unit.PREDICTION), self.batch.masks, counts)
            for name, losses in zip(self.names, outputs["logits"])
        }

    def _losses(self, vectors: torch.Tensor, theirs: torch.Tensor | None) -> torch.Tensor:
        """Return the loss of every component at every token, `(components, tokens)`."""
        own = vectors[self._places]
        theirs = None if theirs is None else theirs[self._places]
        together = any(objective.compares_units for objective in self._objectives)
        size = len(own) if together else max(1, LOGITS_AT_ONCE // self._layer.size)
        pieces = [slice(first, first + size) for first in range(0, max(len(own), 1), max(size, 1))]
        if len(pieces) == 1:
            return self._of_piece(own, theirs, self.batch)
        return torch.cat(
            [
                checkpoint(
                    self._of_piece,
                    own[piece],
                    None if theirs is None else theirs[piece],
                    _cut(self.batch, piece),
                    use_reentrant=False,
                    preserve_rng_state=False,
                )
                for piece in pieces
            ],
            dim=1,
        )

    def _of_piece(self, own: torch.Tensor, theirs: torch.Tensor | None, batch: BatchView) -> torch.Tensor:
        student, teacher = Features(logits=self._layer.logits(own).unsqueeze(0)), Features()
        if theirs is not None:
            teacher.logits = (theirs if self._teacher is None else self._teacher.logits_of(theirs)).unsqueeze(0)
            if teacher.logits.shape != student.logits.shape:
                raise InputError(
                    f"teacher_model: its vocabulary has {teacher.logits.shape[-1]} tokens, the student's "
                    f"{self._layer.size}; both need the same tokenizer"
                )
        found = []
        if batch.labels is not None:
            logits, labels = student.logits.flatten(0, 1).float(), batch.labels.flatten()
            found.append(F.cross_entropy(logits, labels, ignore_index=IGNORED_LABEL, reduction="none"))
        for objective in self._objectives:
            losses = objective.focused(objective(student, teacher, batch), teacher, batch)
            found.append(losses.squeeze(0))
        return torch.stack(found)


def take_tokens_alone(objectives: Sequence[Objective]) -> bool:
    """Say whether these objectives look at logits of predicted tokens only, each by itself or all of a batch."""
    reading = [objective for objective in objectives if objective.all_needs.logits]
    return all(isinstance(objective, LogitsObjective) for objective in reading)


def _as_one_row(batch: BatchView, places: torch.Tensor) -> BatchView:
    of_tokens = {unit: mask for unit, mask in batch.masks.items() if mask.shape == places.shape}
    labels = None if batch.labels is None else batch.labels[places].unsqueeze(0)
    return BatchView({unit: mask[places].unsqueeze(0) for unit, mask in of_tokens.items()}, labels, batch.progress)


def _cut(batch: BatchView, piece: slice) -> BatchView:
    labels = None if batch.labels is None else batch.labels[:, piece]
    return BatchView({unit: mask[:, piece] for unit, mask in batch.masks.items()}, labels, batch.progress)
