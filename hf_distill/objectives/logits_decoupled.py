# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Objectives on the logits that treat the right class and the others apart."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
import torch.nn.functional as F

from hf_distill.errors import InputError
from hf_distill.features.batch import ALL_REAL, BatchView
from hf_distill.features.features import Features
from hf_distill.features.heads import Head
from hf_distill.objectives.base import full_precision
from hf_distill.objectives.logits import SoftenedLogitsObjective, Temperature, kl_divergence, squared
from hf_distill.objectives.schedules import Schedule
from hf_distill.objectives.temperature import ExampleTemperature


@dataclass
class DKD(SoftenedLogitsObjective):
    r"""
    Decoupled distillation: how sure the teacher is of the right class, and how it ranks the others, weighed apart.

    \\( T^2 (\alpha\,\mathrm{TCKD} + \beta\,\mathrm{NCKD}) \\), at least 0. With y the label and
    \\( p = \mathrm{softmax}(z / T) \\), TCKD is the divergence of the student's \\( (p_y, 1 - p_y) \\) from the
    teacher's and NCKD that of the distributions over the classes other than y. Where an example or token has no label
    (-100, or a batch without labels), its loss is that of `logits_kl`, \\( T^2 \mathrm{KL} \\), which needs none:
    \\( \mathrm{KL} = \mathrm{TCKD} + (1 - p^t_y)\,\mathrm{NCKD} \\).

    For a teacher that is nearly always sure of the label, where \\( 1 - p^t_y \\) silences what it says of the other
    classes. Of two classes it is alpha times `logits_kl`: there is nothing to rank. Large beta can upset the first
    steps; a learning rate with a warm-up helps.

    Args:
        weight (`float` or `dict`, *optional*, defaults to 1.0): Factor of this objective in the total loss, at least
            0, or the options of a [`Schedule`].
        focus (`dict`, *optional*): Options of a [`Focus`]: learn more, or only, where the teacher is sure or unsure.
        temperature (`float` or `dict`, *optional*, defaults to 4.0): Temperature T, above 0, or the options of a
            [`Schedule`] or of an [`ExampleTemperature`].
        alpha (`float`, *optional*, defaults to 1.0): Factor of the part of the right class, at least 0.
        beta (`float`, *optional*, defaults to 8.0): Factor of the part of the other classes, at least 0.

    Source: Zhao et al. 2022, *Decoupled Knowledge Distillation*, arXiv:2203.08679.

    Example:

    ```python
    >>> student, teacher = torch.tensor([[0.5, 1.0, -1.0]]), torch.tensor([[2.0, 1.0, 0.0]])
    >>> DKD(temperature=4.0, alpha=1.0, beta=8.0).compare(student, teacher, torch.tensor([0]))
    tensor([1.1147])
    ```
    """

    name: ClassVar[str] = "dkd"
    heads: ClassVar[frozenset[Head]] = frozenset({Head.CLASSES})
    paper: ClassVar[str] = "Zhao et al. 2022 (DKD), arXiv:2203.08679"
    reads: ClassVar[str] = "logits, labels"

    temperature: float | dict[str, Any] | Schedule | ExampleTemperature = field(
        default=4.0, metadata={"help": "Temperature T that softens both sides, above 0, or its schedule."}
    )
    alpha: float = field(default=1.0, metadata={"help": "Factor of the part of the right class; at least 0."})
    beta: float = field(default=8.0, metadata={"help": "Factor of the part of the other classes; at least 0."})

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_number("alpha", at_least=0.0)
        self._check_number("beta", at_least=0.0)

    def __call__(self, student: Features, teacher: Features, batch: BatchView = ALL_REAL) -> torch.Tensor:
        """
        Return the loss of every example `(batch,)` or token `(batch, tokens)`.

        Raises:
            InputError: If the labels are not one class for each example or token.
        """
        labels, shape = batch.labels, student.logits.shape[:-1]
        if labels is not None:
            if labels.is_floating_point() or labels.numel() != shape.numel():
                raise InputError(
                    f"objective {self.name}: needs one class as the label of each example or token; the labels have "
                    f"shape {tuple(labels.shape)} and type {labels.dtype}; use logits_bce for several labels at once, "
                    "regression_mse for values"
                )
            labels = labels.reshape(shape)
        logits = full_precision(student.logits), full_precision(teacher.logits)
        return self.compare(*logits, labels, self.temperature_of(*logits, batch))

    def compare(
        self,
        student: torch.Tensor,
        teacher: torch.Tensor,
        labels: torch.Tensor | None = None,
        temperature: Temperature | None = None,
    ) -> torch.Tensor:
        """Compare logits `(..., classes)` given labels `(...,)`, -100 where there is none; return losses `(...,)`."""
        temperature = self.temperature_of(student, teacher) if temperature is None else temperature
        student_log = F.log_softmax(student / temperature, dim=-1)
        teacher_log = F.log_softmax(teacher / temperature, dim=-1)
        if labels is None:
            return kl_divergence(student_log, teacher_log) * squared(temperature)
        # No class is marked where there is no label, so that "the classes other than the label" are all classes.
        right = labels.unsqueeze(-1) == torch.arange(student.shape[-1], device=student.device)
        right_part = kl_divergence(_right_or_not(student_log, right), _right_or_not(teacher_log, right))
        others_part = kl_divergence(_among_others(student_log, right), _among_others(teacher_log, right))
        decoupled = self.alpha * right_part + self.beta * others_part
        return torch.where(right.any(-1), decoupled, others_part) * squared(temperature)


def _right_or_not(log_probabilities: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """Return the logarithms of the probability of the right class and of that of all others, `(..., 2)`."""
    others = log_probabilities.masked_fill(right, torch.finfo(log_probabilities.dtype).min)
    # Not log(1 - p), which is minus infinity as soon as p rounds to 1.
    return torch.stack([log_probabilities.masked_fill(~right, 0.0).sum(-1), others.logsumexp(-1)], dim=-1)


def _among_others(log_probabilities: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """Return the logarithms of the probabilities among the classes but the right one, which gets 0 on both sides."""
    others = log_probabilities.masked_fill(right, torch.finfo(log_probabilities.dtype).min)
    return F.log_softmax(others, dim=-1).masked_fill(right, 0.0)
