# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""How many examples, tokens and labels a whole step has: what the means of each of its batches divide by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from accelerate import Accelerator

from hf_distill.features.units import Unit, unit_masks
from hf_distill.preemption import Preemption


class UnitCounts:
    """
    The counts of units in the global batch, of all micro-batches and all processes.

    Args:
        accelerator ([`~accelerate.Accelerator`]): What processes speak through.
        special_ids (`Sequence[int]`): Ids of special tokens.
        preemption ([`Preemption`]): Whether this process was told to end; the counts carry it to the others.
    """

    def __init__(self, accelerator: Accelerator, special_ids: Sequence[int], preemption: Preemption):
        self._accelerator, self._special_ids, self._preemption = accelerator, special_ids, preemption
        self._counts: dict[Unit, torch.Tensor] = {}
        self._batches_left = 0
        self.micro_batches = 1
        """How many batches of this process the step has."""

    def start_step(self, batches: Sequence[Mapping[str, torch.Tensor]]) -> None:
        """Count the units of a step, of which this process has these batches."""
        self._counts = self._count(batches)
        self._batches_left = self.micro_batches = len(batches)

    def of(self, batch: Mapping[str, torch.Tensor]) -> dict[Unit, torch.Tensor]:
        """Return the counts of the step, or of this batch alone if it did not come through the loop."""
        if self._batches_left == 0:
            return self._count([batch])
        self._batches_left -= 1
        return self._counts

    def _count(self, batches: Sequence[Mapping[str, torch.Tensor]]) -> dict[Unit, torch.Tensor]:
        counts = torch.zeros(len(Unit) + 1, dtype=torch.int64, device=self._accelerator.device)
        for batch in batches:
            masks = unit_masks(batch, self._special_ids)
            for place, unit in enumerate(Unit):
                if unit in masks:
                    counts[place] += masks[unit].sum()
        if self._accelerator.num_processes > 1:
            # What processes must know of each other travels together.
            counts[-1] = int(self._preemption.signalled)
            counts = self._accelerator.reduce(counts, reduction="sum")
            self._preemption.agree(counts[-1])
        return dict(zip(Unit, counts[:-1].clamp(min=1)))
