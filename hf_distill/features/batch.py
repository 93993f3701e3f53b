# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""What objectives may read of a batch beside what the models say of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch

from hf_distill.features.units import Unit, unit_masks


@dataclass(frozen=True, eq=False)
class BatchView:
    """
    Which units of a batch are real, and its labels.

    Args:
        masks (`dict[Unit, torch.Tensor]`, *optional*): A boolean mask for each unit that the batch has. Units without
            a mask are all real.
        labels (`torch.Tensor`, *optional*): The labels as the collator returned them, ids being the student's; -100
            where there is none.
    """

    masks: dict[Unit, torch.Tensor] = field(default_factory=dict)
    labels: torch.Tensor | None = None

    @classmethod
    def of(cls, batch: Mapping[str, torch.Tensor]) -> BatchView:
        """Read what the collator returned."""
        return cls(masks=unit_masks(batch), labels=batch.get("labels"))

    def mask(self, unit: Unit, values: torch.Tensor) -> torch.Tensor:
        """Say which entries of `values`, one for each unit, are real."""
        mask = self.masks.get(unit)
        return torch.ones_like(values, dtype=torch.bool) if mask is None else mask


ALL_REAL = BatchView()
"""A batch without padding and labels, for objectives that are called by hand."""
