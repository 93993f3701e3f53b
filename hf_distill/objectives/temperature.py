# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Temperatures that each example has for itself."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from pydantic import Field

from hf_distill.objectives.option_groups import OptionGroup


class ExampleTemperature(OptionGroup):
    r"""
    A temperature for each example: lower where it is harder for the student, so that its target is sharper.

    \\( T_i = \mathrm{start} + \beta\,(\bar\omega - \omega_i) \\), with \\( \bar\omega \\) the mean over the
    examples (or predicted tokens) of the micro-batch, and never below a tenth of `start`. \\( \omega_i \\) is
    \\( (1 - \cos(z^s_i, z^t_i))^\gamma \\) with `"flsw"`, \\( 1 / \max_c p^s_{ic} \\) with `"cwsm"`. No gradient goes
    through it. That it compares the examples of a micro-batch makes the value depend on how the batch is cut.

    Args:
        schedule (`str`): `"flsw"` (by the disagreement with the teacher) or `"cwsm"` (by the student's confidence).
        start (`float`, *optional*, defaults to 4.0): The temperature of an example of mean difficulty, above 0.
        beta (`float`, *optional*, defaults to 1.0): How far temperatures differ, at least 0.
        gamma (`float`, *optional*, defaults to 1.0): Exponent of `"flsw"`, above 0.

    Source: Wen, Lai, Qian 2019, *Preparing Lessons: Improve Knowledge Distillation with Better Supervision*,
    arXiv:1911.07471.

    Example:

    ```python
    >>> student, teacher = torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    >>> ExampleTemperature(schedule="flsw", start=4.0).of(student, teacher, torch.ones(2, dtype=torch.bool))
    tensor([[4.5000],
            [3.5000]])
    ```
    """

    schedule: Literal["flsw", "cwsm"]
    start: float = Field(4.0, gt=0)
    beta: float = Field(1.0, ge=0)
    gamma: float = Field(1.0, gt=0)

    @torch.no_grad()
    def of(self, student: torch.Tensor, teacher: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
        """Return the temperatures `(..., 1)` of logits `(..., classes)`; the mean is over those that are `real`."""
        if self.schedule == "flsw":
            hardness = (1 - F.cosine_similarity(student, teacher, dim=-1)).clamp(min=0) ** self.gamma
        else:
            hardness = 1 / student.softmax(-1).amax(-1)
        mean = torch.where(real, hardness, 0.0).sum() / real.sum().clamp(min=1)
        return (self.start + self.beta * (mean - hardness)).clamp(min=self.start / 10).unsqueeze(-1)
