# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Numbers that change while a student is trained: weights and temperatures."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field, model_validator

from hf_distill.features.batch import Progress
from hf_distill.objectives.option_groups import OptionGroup


class Schedule(OptionGroup):
    r"""
    A number that changes with the optimizer steps.

    With p the share of `steps` that is done, from 0 to 1, the number is `start` (`"constant"`),
    \\( \mathrm{start} + p\,(\mathrm{end} - \mathrm{start}) \\) (`"linear"`), the same along half a cosine
    (`"cosine"`), or \\( p \cdot \mathrm{start} \\) (`"warmup"`).

    Args:
        schedule (`str`): `"constant"`, `"linear"`, `"cosine"` or `"warmup"`.
        start (`float`, *optional*, defaults to 1.0): The number at the first step; of a warm-up, that after it.
        end (`float`, *optional*, defaults to 0.0): The number after `steps`, for linear and cosine.
        steps (`int`, *optional*): Optimizer steps that the change takes; the whole training if left out.
        stop_at_step (`int`, *optional*): From this optimizer step on, counted from 0, an objective with this weight is
            not computed any more. For weights only.

    Example:

    ```python
    >>> Schedule(schedule="linear", start=4.0, end=1.0).at(Progress(step=50, steps=100))
    2.5
    ```
    """

    schedule: Literal["constant", "linear", "cosine", "warmup"]
    start: float = Field(1.0, ge=0)
    end: float = Field(0.0, ge=0)
    steps: int | None = Field(None, ge=1)
    stop_at_step: int | None = Field(None, ge=1)

    @model_validator(mode="after")
    def _warm_up_says_how_long(self) -> Schedule:
        if self.schedule == "warmup" and self.steps is None:
            raise ValueError("warmup needs steps, the number of optimizer steps that it takes")
        return self

    def at(self, progress: Progress) -> float:
        """Return the number at this point of the training."""
        if self.has_stopped(progress):
            return 0.0
        share = min(progress.step / max(self.steps or progress.steps, 1), 1.0)
        if self.schedule == "constant":
            return self.start
        if self.schedule == "warmup":
            return share * self.start
        if self.schedule == "cosine":
            share = (1 - math.cos(math.pi * share)) / 2
        return self.start + share * (self.end - self.start)

    def has_stopped(self, progress: Progress) -> bool:
        """Say whether `stop_at_step` is reached."""
        return self.stop_at_step is not None and progress.step >= self.stop_at_step

    @property
    def largest(self) -> float:
        """The largest number it can reach."""
        return max(self.start, self.end) if self.schedule in ("linear", "cosine") else self.start
