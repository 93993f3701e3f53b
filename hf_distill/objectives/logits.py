# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Objectives on the logits."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import torch
import torch.nn.functional as F

from hf_distill.objectives.base import LogitsObjective


@dataclass
class LogitsKL(LogitsObjective):
    r"""
    Kullback-Leibler divergence of the student's softened distribution from the teacher's.

    \\( T^2 \sum_c p^t_c (\log p^t_c - \log p^s_c) \\) with \\( p = \mathrm{softmax}(z / T) \\), at least 0. The
    factor \\( T^2 \\) keeps the size of the gradient, \\( T (p^s - p^t) \\), comparable over temperatures. Adding a
    constant to all logits of an example changes nothing.

    Args:
        weight (`float`, *optional*, defaults to 1.0): Factor of this objective in the total loss, at least 0.
        temperature (`float`, *optional*, defaults to 1.0): Temperature T, above 0.

    Source: Hinton, Vinyals, Dean 2015, *Distilling the Knowledge in a Neural Network*, arXiv:1503.02531.

    Example:

    ```python
    >>> LogitsKL(temperature=2.0).compare(torch.tensor([[0.5, 1.0, -1.0]]), torch.tensor([[2.0, 1.0, 0.0]]))
    tensor([0.2267])
    ```
    """

    name: ClassVar[str] = "logits_kl"
    paper: ClassVar[str] = "Hinton et al. 2015, arXiv:1503.02531"

    temperature: float = field(default=1.0, metadata={"help": "Temperature T that softens both sides; above 0."})

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_number("temperature", above=0.0)

    def compare(self, student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
        """Compare logits `(..., classes)` and return losses `(...,)`."""
        student_log = F.log_softmax(student / self.temperature, dim=-1)
        teacher_log = F.log_softmax(teacher / self.temperature, dim=-1)
        divergence = F.kl_div(student_log, teacher_log, reduction="none", log_target=True).sum(-1)
        return divergence * self.temperature**2


@dataclass
class LogitsMSE(LogitsObjective):
    r"""
    Mean squared difference of the logits, \\( \frac{1}{C} \sum_c (z^s_c - z^t_c)^2 \\), at least 0.

    Args:
        weight (`float`, *optional*, defaults to 1.0): Factor of this objective in the total loss, at least 0.

    Source: Ba, Caruana 2014, *Do Deep Nets Really Need to be Deep?*, arXiv:1312.6184.

    Example:

    ```python
    >>> LogitsMSE().compare(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 0.0]]))
    tensor([0.5000])
    ```
    """

    name: ClassVar[str] = "logits_mse"
    paper: ClassVar[str] = "Ba & Caruana 2014, arXiv:1312.6184"

    def compare(self, student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
        """Compare logits `(..., classes)` and return losses `(...,)`."""
        return (student - teacher).square().mean(-1)
