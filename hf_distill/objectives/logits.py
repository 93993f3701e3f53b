# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Objectives on the logits."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import torch
import torch.nn.functional as F

from hf_distill.objectives.base import LogitsObjective


@dataclass
class SoftenedLogitsObjective(LogitsObjective):
    """
    An objective on distributions that a temperature makes softer, or sharper below 1.

    Args:
        weight (`float`, *optional*, defaults to 1.0): Factor of this objective in the total loss, at least 0.
        temperature (`float`, *optional*, defaults to 1.0): Temperature T, above 0.
    """

    temperature: float = field(default=1.0, metadata={"help": "Temperature T that softens both sides; above 0."})

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_number("temperature", above=0.0)


@dataclass
class LogitsKL(SoftenedLogitsObjective):
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

    def compare(self, student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
        """Compare logits `(..., classes)` and return losses `(...,)`."""
        student_log = F.log_softmax(student / self.temperature, dim=-1)
        teacher_log = F.log_softmax(teacher / self.temperature, dim=-1)
        divergence = F.kl_div(student_log, teacher_log, reduction="none", log_target=True).sum(-1)
        return divergence * self.temperature**2


@dataclass
class LogitsCE(SoftenedLogitsObjective):
    r"""
    Cross-entropy of the student's softened distribution with the teacher's as the labels.

    \\( -T^2 \sum_c p^t_c \log p^s_c \\) with \\( p = \mathrm{softmax}(z / T) \\), at least the teacher's entropy
    times \\( T^2 \\). Its gradient is that of `logits_kl`, which is 0 where student and teacher agree and so is easier
    to read in a log; this form is there to reproduce what was trained with it.

    Args:
        weight (`float`, *optional*, defaults to 1.0): Factor of this objective in the total loss, at least 0.
        temperature (`float`, *optional*, defaults to 1.0): Temperature T, above 0.

    Source: Hinton, Vinyals, Dean 2015, *Distilling the Knowledge in a Neural Network*, arXiv:1503.02531.

    Example:

    ```python
    >>> LogitsCE().compare(torch.tensor([[0.5, 1.0, -1.0]]), torch.tensor([[2.0, 1.0, 0.0]]))
    tensor([1.0676])
    ```
    """

    name: ClassVar[str] = "logits_ce"
    paper: ClassVar[str] = "Hinton et al. 2015, arXiv:1503.02531"

    def compare(self, student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
        """Compare logits `(..., classes)` and return losses `(...,)`."""
        wanted = F.softmax(teacher / self.temperature, dim=-1)
        given_log = F.log_softmax(student / self.temperature, dim=-1)
        return -(wanted * given_log).sum(-1) * self.temperature**2


@dataclass
class LogitsBCE(SoftenedLogitsObjective):
    r"""
    Binary cross-entropy of each label with the teacher's probability of it: for multi-label heads.

    \\( -\frac{T^2}{C} \sum_c q^t_c \log q^s_c + (1 - q^t_c) \log(1 - q^s_c) \\) with
    \\( q = \mathrm{sigmoid}(z / T) \\), at least the teacher's own entropy. The mean over the labels keeps it on the
    scale of the task loss of such a head, [`~torch.nn.BCEWithLogitsLoss`].

    Args:
        weight (`float`, *optional*, defaults to 1.0): Factor of this objective in the total loss, at least 0.
        temperature (`float`, *optional*, defaults to 1.0): Temperature T, above 0.

    Source: Hinton, Vinyals, Dean 2015, arXiv:1503.02531, with a Bernoulli distribution for each label.

    Example:

    ```python
    >>> LogitsBCE().compare(torch.tensor([[0.0, 0.0]]), torch.tensor([[3.0, -3.0]]))
    tensor([0.6931])
    ```
    """

    name: ClassVar[str] = "logits_bce"
    paper: ClassVar[str] = "Hinton et al. 2015, arXiv:1503.02531, a label at a time"

    def compare(self, student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
        """Compare logits `(..., labels)` and return losses `(...,)`."""
        wanted = torch.sigmoid(teacher / self.temperature)
        losses = F.binary_cross_entropy_with_logits(student / self.temperature, wanted, reduction="none")
        return losses.mean(-1) * self.temperature**2


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


@dataclass
class RegressionMSE(LogitsMSE):
    r"""
    Squared difference from the teacher's value, \\( (z^s - z^t)^2 \\), at least 0: for regression heads.

    A head of several values gives the mean over them.

    Args:
        weight (`float`, *optional*, defaults to 1.0): Factor of this objective in the total loss, at least 0.

    Source: Ba, Caruana 2014, *Do Deep Nets Really Need to be Deep?*, arXiv:1312.6184.

    Example:

    ```python
    >>> RegressionMSE().compare(torch.tensor([[2.5]]), torch.tensor([[4.0]]))
    tensor([2.2500])
    ```
    """

    name: ClassVar[str] = "regression_mse"
