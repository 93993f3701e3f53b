# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Objectives on how the logits of the classes stand to each other."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import torch
import torch.nn.functional as F

from hf_distill.errors import InputError
from hf_distill.features.batch import ALL_REAL, BatchView
from hf_distill.features.features import Features
from hf_distill.features.units import IGNORED_LABEL
from hf_distill.objectives.base import full_precision
from hf_distill.objectives.logits import LogitsKL, SoftenedLogitsObjective


@dataclass
class DKD(SoftenedLogitsObjective):
    r"""
    Decoupled distillation: the target class against all others, and the others among themselves, weighed apart.

    \\( T^2 (\alpha \, \mathrm{TCKD} + \beta \, \mathrm{NCKD}) \\). TCKD is the divergence of the two probabilities
    \\( (p_y, 1 - p_y) \\), y being the label; NCKD that of the distributions over the other classes alone. Both are at
    least 0. `logits_kl` is the case \\( \alpha = 1, \beta = 1 - p^t_y \\): there, a sure teacher says next to nothing
    of the other classes, which is what this objective mends. An example or token without a label has no target class
    and gets `logits_kl`.

    Args:
        weight (`float`, *optional*, defaults to 1.0): Factor of this objective in the total loss, at least 0.
        temperature (`float`, *optional*, defaults to 4.0): Temperature T, above 0.
        alpha (`float`, *optional*, defaults to 1.0): Factor of the target class's part, at least 0.
        beta (`float`, *optional*, defaults to 8.0): Factor of the other classes' part, at least 0; the surer the
            teacher, the more is of use.

    Raises:
        InputError: If there are labels and they are not one class for each example or token.

    Source: Zhao et al. 2022, *Decoupled Knowledge Distillation*, arXiv:2203.08679.

    Example:

    ```python
    >>> student, teacher = torch.tensor([[0.5, 1.0, -1.0]]), torch.tensor([[2.0, 1.0, 0.0]])
    >>> DKD()(Features(logits=student), Features(logits=teacher), BatchView(masks={}, labels=torch.tensor([0])))
    tensor([1.1147])
    ```
    """

    name: ClassVar[str] = "dkd"
    paper: ClassVar[str] = "Zhao et al. 2022 (DKD), arXiv:2203.08679"
    reads: ClassVar[str] = "logits, labels"

    temperature: float = field(default=4.0, metadata={"help": "Temperature T that softens both sides; above 0."})
    alpha: float = field(default=1.0, metadata={"help": "Factor of the target class's part; at least 0."})
    beta: float = field(default=8.0, metadata={"help": "Factor of the other classes' part; at least 0."})

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_number("alpha", at_least=0.0)
        self._check_number("beta", at_least=0.0)

    def __call__(self, student: Features, teacher: Features, batch: BatchView = ALL_REAL) -> torch.Tensor:
        """Return the loss of every example `(batch,)` or token `(batch, tokens)`."""
        given, wanted = full_precision(student.logits), full_precision(teacher.logits)
        undivided = self.compare(given, wanted)
        labels = batch.labels
        if labels is None:
            return undivided
        if labels.shape != undivided.shape or labels.is_floating_point():
            raise InputError(
                f"objective dkd: needs one class as the label of each example or token; got labels of shape "
                f"{tuple(labels.shape)} and logits of shape {tuple(given.shape)}"
            )
        has_label = labels != IGNORED_LABEL
        target, others = self.parts(given, wanted, labels.where(has_label, 0))
        return torch.where(has_label, self.alpha * target + self.beta * others, undivided)

    def compare(self, student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
        """Compare logits `(..., classes)` without labels, as `logits_kl`, and return losses `(...,)`."""
        return LogitsKL(temperature=self.temperature).compare(student, teacher)

    def parts(
        self, student: torch.Tensor, teacher: torch.Tensor, labels: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """
        Return the target class's part and the other classes' part, each times the square of the temperature.

        Args:
            student (`torch.Tensor`): Logits `(..., classes)`.
            teacher (`torch.Tensor`): Logits `(..., classes)`.
            labels (`torch.Tensor`): The target class of each, `(...,)`.

        Returns:
            `tuple[torch.Tensor, torch.Tensor]`: TCKD and NCKD, each `(...,)`.
        """
        is_target = F.one_hot(labels, student.shape[-1]).bool()
        (target_s, rest_s, others_s), (target_t, rest_t, others_t) = (
            _split(logits / self.temperature, is_target) for logits in (student, teacher)
        )
        target = target_t.exp() * (target_t - target_s) + rest_t.exp() * (rest_t - rest_s)
        others = torch.where(is_target, 0.0, others_t.exp() * (others_t - others_s)).sum(-1)
        return target * self.temperature**2, others * self.temperature**2


def _split(logits: torch.Tensor, is_target: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return the logarithms of the target's probability, of all others' together, and of each among the others."""
    log = F.log_softmax(logits, dim=-1)
    # Not minus infinity, whose differences and gradients are not numbers: nothing beside any other class.
    without_target = log.masked_fill(is_target, torch.finfo(log.dtype).min / 2)
    rest = without_target.logsumexp(-1)
    return torch.where(is_target, log, 0.0).sum(-1), rest, without_target - rest.unsqueeze(-1)


@dataclass
class DIST(SoftenedLogitsObjective):
    r"""
    One minus the correlation of probabilities: over the classes of an example, and over the examples for each class.

    \\( T^2 (\beta \, (1 - \rho(p^s_i, p^t_i)) + \frac{\gamma}{C} \sum_c (1 - \rho(p^s_{\cdot c}, p^t_{\cdot c}))) \\)
    with Pearson's correlation and \\( p = \mathrm{softmax}(z / T) \\), from 0 to \\( 2 T^2 (\beta + \gamma) \\). Only
    the order and the relative distances of probabilities matter, which a student much smaller than its teacher can
    follow more easily than their values.

    The second part compares the examples (or predicted tokens) of a micro-batch with each other: each of them gets the
    micro-batch's value, and with fewer than two of them it teaches nothing. The size of the micro-batch is a setting.

    Args:
        weight (`float`, *optional*, defaults to 1.0): Factor of this objective in the total loss, at least 0.
        temperature (`float`, *optional*, defaults to 1.0): Temperature T, above 0.
        beta (`float`, *optional*, defaults to 1.0): Factor of the correlation over classes, at least 0.
        gamma (`float`, *optional*, defaults to 1.0): Factor of the correlation over examples, at least 0.

    Source: Huang et al. 2022, *Knowledge Distillation from A Stronger Teacher*, arXiv:2205.10536.

    Example:

    ```python
    >>> student = torch.tensor([[0.5, 1.0, -1.0], [1.0, 0.0, 0.0]])
    >>> teacher = torch.tensor([[2.0, 1.0, 0.0], [0.0, 2.0, 1.0]])
    >>> DIST().compare(student, teacher).mean()
    tensor(2.5325)
    ```
    """

    name: ClassVar[str] = "dist"
    paper: ClassVar[str] = "Huang et al. 2022 (DIST), arXiv:2205.10536"
    compares_examples: ClassVar[bool] = True

    beta: float = field(default=1.0, metadata={"help": "Factor of the correlation over classes; at least 0."})
    gamma: float = field(default=1.0, metadata={"help": "Factor of the correlation over examples; at least 0."})

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_number("beta", at_least=0.0)
        self._check_number("gamma", at_least=0.0)

    def __call__(self, student: Features, teacher: Features, batch: BatchView = ALL_REAL) -> torch.Tensor:
        """Return the loss of every example `(batch,)` or token `(batch, tokens)`."""
        given, wanted = full_precision(student.logits), full_precision(teacher.logits)
        one_each = given[..., 0]
        return self.compare(given, wanted, batch.mask(self.unit(one_each), one_each))

    def compare(self, student: torch.Tensor, teacher: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """
        Compare logits.

        Args:
            student (`torch.Tensor`): Logits `(..., classes)`.
            teacher (`torch.Tensor`): Logits `(..., classes)`.
            mask (`torch.Tensor`, *optional*): Which of them are real, `(...,)`; all by default.

        Returns:
            `torch.Tensor`: Losses `(...,)`.
        """
        given, wanted = (F.softmax(logits / self.temperature, dim=-1) for logits in (student, teacher))
        over_classes = 1.0 - _correlation(given.flatten(0, -2), wanted.flatten(0, -2)).view(given.shape[:-1])
        columns_s, columns_t = given.flatten(0, -2).T, wanted.flatten(0, -2).T
        mask = torch.ones_like(columns_s[0], dtype=torch.bool) if mask is None else mask.flatten()
        over_examples = (1.0 - _correlation(columns_s, columns_t, mask)).mean()
        # One example stands in no relation to another.
        over_examples = torch.where(mask.sum() > 1, over_examples, 0.0)
        return self.temperature**2 * (self.beta * over_classes + self.gamma * over_examples)


def _correlation(one: torch.Tensor, other: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
    """Pearson's correlation along the last dimension, over the entries of `mask`; 0 where there is no variance."""
    mask = torch.ones_like(one[0], dtype=torch.bool) if mask is None else mask
    return F.cosine_similarity(_centred(one, mask), _centred(other, mask), dim=-1)


def _centred(values: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    mean = torch.where(mask, values, 0.0).sum(-1, keepdim=True) / mask.sum().clamp(min=1)
    return torch.where(mask, values - mean, 0.0)
