# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Objectives on the logits that ask for the same ranking and not for the same values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import torch

from hf_distill.features.batch import ALL_REAL, BatchView
from hf_distill.features.features import Features
from hf_distill.features.heads import Head
from hf_distill.objectives.base import full_precision
from hf_distill.objectives.logits import SoftenedLogitsObjective, Temperature, squared

CONSTANT = 1e-6


@dataclass
class DIST(SoftenedLogitsObjective):
    r"""
    One minus the correlation with the teacher: over the classes of each example, and over the batch for each class.

    \\( T^2 \left( \beta (1 - \rho(p^s_{i\cdot}, p^t_{i\cdot})) + \frac{\gamma}{C} \sum_c (1 - \rho(p^s_{\cdot c},
    p^t_{\cdot c})) \right) \\) for row i, with \\( p = \mathrm{softmax}(z / T) \\) and Pearson's correlation
    \\( \rho \\), from 0 to \\( 2 T^2 (\beta + \gamma) \\). Rows are examples, or predicted tokens. The first part is
    a row's own. The second compares the rows of a micro-batch with each other: every row of the micro-batch gets its
    value, so that accumulation over micro-batches averages their values by their numbers of rows, which is not the
    value of one large batch. A row or column in which the teacher does not vary counts 0, such as the columns of a
    single row; one in which the student alone does not vary counts as uncorrelated.

    For a teacher much stronger than the student, which can follow its ranking but not its probabilities. Of two
    classes any two rows correlate by 1 or -1, so that the columns alone teach.

    Args:
        weight (`float` or `dict`, *optional*, defaults to 1.0): Factor of this objective in the total loss, at least
            0, or the options of a [`Schedule`].
        focus (`dict`, *optional*): Options of a [`Focus`]: learn more, or only, where the teacher is sure or unsure.
        temperature (`float` or `dict`, *optional*, defaults to 1.0): Temperature T, above 0, or the options of a
            [`Schedule`] or of an [`ExampleTemperature`].
        beta (`float`, *optional*, defaults to 1.0): Factor of the part over the classes of a row, at least 0.
        gamma (`float`, *optional*, defaults to 1.0): Factor of the part over the rows of the micro-batch, at least 0.

    Source: Huang et al. 2022, *Knowledge Distillation from A Stronger Teacher*, arXiv:2205.10536.

    Example:

    ```python
    >>> student = torch.tensor([[0.5, 1.0, -1.0], [1.0, 0.0, 0.0]])
    >>> teacher = torch.tensor([[2.0, 1.0, 0.0], [0.0, 2.0, 1.0]])
    >>> DIST(gamma=0.0).compare(student, teacher)
    tensor([0.6904, 1.7079])
    >>> DIST(beta=0.0).compare(student, teacher)
    tensor([1.3333, 1.3333])
    ```
    """

    name: ClassVar[str] = "dist"
    heads: ClassVar[frozenset[Head]] = frozenset({Head.CLASSES})
    paper: ClassVar[str] = "Huang et al. 2022 (DIST), arXiv:2205.10536"

    beta: float = field(default=1.0, metadata={"help": "Factor of the part over the classes of a row; at least 0."})
    gamma: float = field(
        default=1.0, metadata={"help": "Factor of the part over the rows of the micro-batch; at least 0."}
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_number("beta", at_least=0.0)
        self._check_number("gamma", at_least=0.0)

    @property
    def compares_units(self) -> bool:
        """Whether the rows of a micro-batch are compared with each other."""
        return True

    def __call__(self, student: Features, teacher: Features, batch: BatchView = ALL_REAL) -> torch.Tensor:
        """Return the loss of every example `(batch,)` or token `(batch, tokens)`."""
        values = teacher.logits[..., 0]
        real = batch.mask(self.unit(values), values)
        logits = full_precision(student.logits), full_precision(teacher.logits)
        return self.compare(*logits, real, self.temperature_of(*logits, batch))

    def compare(
        self,
        student: torch.Tensor,
        teacher: torch.Tensor,
        real: torch.Tensor | None = None,
        temperature: Temperature | None = None,
    ) -> torch.Tensor:
        """Compare logits `(..., classes)`, columns over the rows that are `real` `(...,)`; return losses `(...,)`."""
        temperature = self.temperature_of(student, teacher) if temperature is None else temperature
        student, teacher = (student / temperature).softmax(-1), (teacher / temperature).softmax(-1)
        real = torch.ones_like(teacher[..., 0], dtype=torch.bool) if real is None else real
        classes = teacher.shape[-1]
        rows = _distance(student, teacher, torch.ones_like(teacher, dtype=torch.bool))
        columns = _distance(student.reshape(-1, classes).T, teacher.reshape(-1, classes).T, real.reshape(1, -1))
        return (self.beta * rows + self.gamma * columns.mean()) * squared(temperature)


def _distance(student: torch.Tensor, teacher: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
    """Return 1 minus the correlation over the last dimension, of what is real there."""
    student, student_varies = _standardised(student, real)
    teacher, teacher_varies = _standardised(teacher, real)
    # Half the squared distance of unit vectors is 1 minus their product, never below 0 and without a gradient at 0.
    distance = (student - teacher).square().sum(-1) / 2 + torch.where(student_varies, 0.0, 0.5)
    return torch.where(teacher_varies, distance, 0.0)


def _standardised(values: torch.Tensor, real: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return `values` with mean 0 and length 1, and whether they vary by more than rounding; zeros if they do not."""
    values = torch.where(real, values, 0.0)
    mean = values.sum(-1, keepdim=True) / real.sum(-1, keepdim=True).clamp(min=1)
    centred = torch.where(real, values - mean, 0.0)
    squares = centred.square().sum(-1, keepdim=True)
    varies = squares > CONSTANT**2 * values.square().sum(-1, keepdim=True)
    scaled = torch.where(varies, centred, 0.0) * torch.where(varies, squares, 1.0).rsqrt()
    return scaled, varies.squeeze(-1)
