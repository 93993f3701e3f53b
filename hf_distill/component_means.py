# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""The components of the loss as the log shows them."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from accelerate import Accelerator


class ComponentMeans:
    """The mean of each component over the steps since the last line of the log."""

    def __init__(self) -> None:
        self.sums: dict[str, torch.Tensor] = {}
        """The sum of each component so far, as this process sees it."""
        self._steps: dict[str, set[int]] = {}

    def add(self, losses: Mapping[str, torch.Tensor], step: int) -> None:
        """Add up the components of a batch, without waiting for the device."""
        for name, loss in losses.items():
            self.sums[name] = self.sums.get(name, 0.0) + loss.detach()
            self._steps.setdefault(name, set()).add(step)

    def read(self, accelerator: Accelerator) -> dict[str, float]:
        """Return the mean of each component, over all processes."""
        if not self.sums:
            return {}
        sums = torch.stack(list(self.sums.values())).float()
        sums = accelerator.reduce(sums, reduction="sum") if accelerator.num_processes > 1 else sums
        return {name: total / len(self._steps[name]) for name, total in zip(self.sums, sums.tolist())}

    def clear(self) -> None:
        """Begin anew."""
        self.sums, self._steps = {}, {}
