# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""How fast a training is and how much memory it takes, for its log."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import torch
from accelerate.utils import find_batch_size


class Speedometer:
    """
    Counts examples between two lines of a log.

    Args:
        processes (`int`, *optional*, defaults to 1): Processes that train together; they are taken to be alike.
    """

    def __init__(self, processes: int = 1):
        self._processes = processes
        self._examples, self._since = 0, None

    def count(self, batches: Sequence[Any]) -> None:
        """Add the examples of this process's micro-batches; the first call is the beginning."""
        self._since = time.monotonic() if self._since is None else self._since
        self._examples += sum(find_batch_size(batch) or 0 for batch in batches)

    def read(self, device: torch.device) -> dict[str, float]:
        """
        Return the numbers since the last reading, and begin anew.

        Args:
            device (`torch.device`): Where the student is trained.

        Returns:
            `dict[str, float]`: `samples_per_second`, of all processes together, and on a GPU `memory_gb`: the most
            that this process has held there, in units of 10^9 bytes.
        """
        now = time.monotonic()
        seconds = max(now - (now if self._since is None else self._since), 1e-9)
        found = {"samples_per_second": round(self._examples * self._processes / seconds, 2)}
        if device.type == "cuda":
            found["memory_gb"] = round(torch.cuda.max_memory_allocated(device) / 1e9, 3)
        self._examples, self._since = 0, now
        return found
