# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""What objectives may read of a batch beside what the models say of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch

from hf_distill.features.units import Unit, unit_masks


@dataclass(frozen=True)
class Progress:
    """
    How far a training has come.

    Args:
        step (`int`, *optional*, defaults to 0): Optimizer steps that are done.
        steps (`int`, *optional*, defaults to 1): Optimizer steps of the whole training.
    """

    step: int = 0
    steps: int = 1


@dataclass(frozen=True, eq=False)
class BatchView:
    """
    Which units of a batch are real, its labels, and when in the training it is seen.

    Args:
        masks (`dict[Unit, torch.Tensor]`, *optional*): A boolean mask for each unit that the batch has. Units without
            a mask are all real.
        labels (`torch.Tensor`, *optional*): The labels as the collator returned them, ids being the student's; -100
            where there is none.
        progress ([`Progress`], *optional*): How far the training has come.
    """

    masks: dict[Unit, torch.Tensor] = field(default_factory=dict)
    labels: torch.Tensor | None = None
    progress: Progress = Progress()

    @classmethod
    def of(
        cls, batch: Mapping[str, torch.Tensor], special_ids: Sequence[int] = (), progress: Progress | None = None
    ) -> BatchView:
        """Read what the collator returned."""
        return cls(unit_masks(batch, special_ids), batch.get("labels"), progress or Progress())

    def mask(self, unit: Unit, values: torch.Tensor) -> torch.Tensor:
        """Say which entries of `values`, one for each unit, are real."""
        mask = self.masks.get(unit)
        return torch.ones_like(values, dtype=torch.bool) if mask is None else mask


ALL_REAL = BatchView()
"""A batch without padding and labels, for objectives that are called by hand."""
