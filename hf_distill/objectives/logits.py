# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Objectives on the logits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
import torch.nn.functional as F

from hf_distill.errors import InputError
from hf_distill.features.batch import ALL_REAL, BatchView
from hf_distill.features.features import Features
from hf_distill.features.heads import IMPOSSIBLE, Head
from hf_distill.features.units import Unit
from hf_distill.objectives.base import LogitsObjective, full_precision
from hf_distill.objectives.option_groups import parse_group
from hf_distill.objectives.schedules import Schedule
from hf_distill.objectives.temperature import ExampleTemperature

Temperature = float | torch.Tensor
"""One temperature, or one for each row `(..., 1)`."""


@dataclass
class SoftenedLogitsObjective(LogitsObjective):
    """
    An objective on logits that are divided by a temperature.

    Args:
        weight (`float` or `dict`, *optional*, defaults to 1.0): Factor of this objective in the total loss, at least
            0, or the options of a [`Schedule`].
        focus (`dict`, *optional*): Options of a [`Focus`]: learn more, or only, where the teacher is sure or unsure.
        temperature (`float` or `dict`, *optional*, defaults to 1.0): Temperature T, above 0, or the options of a
            [`Schedule`] or of an [`ExampleTemperature`].
    """

    temperature: float | dict[str, Any] | Schedule | ExampleTemperature = field(
        default=1.0, metadata={"help": "Temperature T that softens both sides, above 0, or its schedule."}
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        owner = f"objective {self.name}: temperature"
        if isinstance(self.temperature, Mapping) and self.temperature.get("schedule") in ("flsw", "cwsm"):
            self.temperature = parse_group(ExampleTemperature, self.temperature, owner)
        elif not isinstance(self.temperature, ExampleTemperature):
            self._check_schedule("temperature", above=0.0)
        if isinstance(self.temperature, Schedule):
            _check_schedule_of_temperature(self.temperature, owner)

    @property
    def compares_units(self) -> bool:
        """Whether each has a temperature by how hard it is beside the others."""
        return isinstance(self.temperature, ExampleTemperature)

    def __call__(self, student: Features, teacher: Features, batch: BatchView = ALL_REAL) -> torch.Tensor:
        """Return the loss of every example `(batch,)` or token `(batch, tokens)`."""
        logits = full_precision(student.logits), full_precision(teacher.logits)
        if self._head is Head.SPAN:
            # The two ends of the span are as two examples of one row.
            logits = tuple(over_tokens(entry, batch) for entry in logits)
        losses = self.compare(*logits, temperature=self.temperature_of(*logits, batch))
        return losses.mean(1) if self._head is Head.SPAN else losses

    def temperature_of(self, student: torch.Tensor, teacher: torch.Tensor, batch: BatchView = ALL_REAL) -> Temperature:
        """Return the temperature for logits `(..., classes)`: a number, or one for each row `(..., 1)`."""
        if isinstance(self.temperature, Schedule):
            return self.temperature.at(batch.progress)
        if isinstance(self.temperature, ExampleTemperature):
            rows = student[..., 0]
            # Both ends of every span count.
            every = self._head is Head.SPAN
            real = torch.ones_like(rows, dtype=torch.bool) if every else batch.mask(self.unit(rows), rows)
            return self.temperature.of(student, teacher, real)
        return self.temperature


def _check_schedule_of_temperature(schedule: Schedule, owner: str) -> None:
    if schedule.schedule == "warmup" or schedule.stop_at_step is not None:
        raise InputError(f"{owner}: cannot start or stop at 0; use constant, linear or cosine without stop_at_step")
    if 0 in (schedule.start, schedule.end if schedule.schedule != "constant" else 1):
        raise InputError(f"{owner}: start and end must be above 0; got {schedule.start:g} and {schedule.end:g}")


def over_tokens(logits: torch.Tensor, batch: BatchView) -> torch.Tensor:
    """Return the logits `(batch, 2, tokens)` of where a span begins and ends; no softmax gives anything to padding."""
    mask = batch.mask(Unit.TOKEN, logits[..., 0])
    return logits.masked_fill(~mask.unsqueeze(-1), IMPOSSIBLE).transpose(1, 2)


def squared(temperature: Temperature) -> Temperature:
    """Return the square of a temperature, as a factor for the losses of rows."""
    return temperature.square().squeeze(-1) if isinstance(temperature, torch.Tensor) else temperature**2


@dataclass
class DistributionObjective(SoftenedLogitsObjective):
    """
    An objective on the distributions over classes, or over the teacher's likeliest classes.

    Args:
        weight (`float` or `dict`, *optional*, defaults to 1.0): Factor of this objective in the total loss, at least
            0, or the options of a [`Schedule`].
        focus (`dict`, *optional*): Options of a [`Focus`]: learn more, or only, where the teacher is sure or unsure.
        temperature (`float` or `dict`, *optional*, defaults to 1.0): Temperature T, above 0, or the options of a
            [`Schedule`] or of an [`ExampleTemperature`].
        top_k (`int`, *optional*): Number of the teacher's likeliest classes to compare, at least 2; all if left out.
    """

    heads: ClassVar[frozenset[Head]] = frozenset({Head.CLASSES, Head.SPAN})

    top_k: int | None = field(
        default=None,
        metadata={"help": "How many of the teacher's likeliest classes to compare, at least 2; all if left out."},
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.top_k is not None and (type(self.top_k) is not int or self.top_k < 2):
            raise InputError(
                f"objective {self.name}: top_k must be a whole number at least 2, or left out; got {self.top_k!r}"
            )

    def _log_probabilities(
        self, student: torch.Tensor, teacher: torch.Tensor, temperature: Temperature
    ) -> tuple[torch.Tensor, torch.Tensor]:
        if self.top_k is not None and self.top_k < teacher.shape[-1]:
            teacher, classes = teacher.topk(self.top_k, dim=-1)
            student = student.gather(-1, classes)
        return F.log_softmax(student / temperature, dim=-1), F.log_softmax(teacher / temperature, dim=-1)


def kl_divergence(student_log: torch.Tensor, teacher_log: torch.Tensor) -> torch.Tensor:
    """Return KL(teacher || student) over the last dimension of log-probabilities."""
    return F.kl_div(student_log, teacher_log, reduction="none", log_target=True).sum(-1)


@dataclass
class LogitsKL(DistributionObjective):
    r"""
    Kullback-Leibler divergence of the student's softened distribution from the teacher's.

    \\( T^2 \sum_c p^t_c (\log p^t_c - \log p^s_c) \\) with \\( p = \mathrm{softmax}(z / T) \\), at least 0. The
    factor \\( T^2 \\) keeps the size of the gradient, \\( T (p^s - p^t) \\), comparable over temperatures. Adding a
    constant to all logits of an example changes nothing. With `top_k`, both distributions are renormalised over the
    k classes with the teacher's largest logits, and the student is told nothing of the others.

    The usual choice where one of several classes is right.

    Args:
        weight (`float` or `dict`, *optional*, defaults to 1.0): Factor of this objective in the total loss, at least
            0, or the options of a [`Schedule`].
        focus (`dict`, *optional*): Options of a [`Focus`]: learn more, or only, where the teacher is sure or unsure.
        temperature (`float` or `dict`, *optional*, defaults to 1.0): Temperature T, above 0, or the options of a
            [`Schedule`] or of an [`ExampleTemperature`].
        top_k (`int`, *optional*): Number of the teacher's likeliest classes to compare, at least 2; all if left out.

    Source: Hinton, Vinyals, Dean 2015, *Distilling the Knowledge in a Neural Network*, arXiv:1503.02531.

    Example:

    ```python
    >>> LogitsKL(temperature=2.0).compare(torch.tensor([[0.5, 1.0, -1.0]]), torch.tensor([[2.0, 1.0, 0.0]]))
    tensor([0.2267])
    ```
    """

    name: ClassVar[str] = "logits_kl"
    paper: ClassVar[str] = "Hinton et al. 2015, arXiv:1503.02531"

    def compare(
        self, student: torch.Tensor, teacher: torch.Tensor, temperature: Temperature | None = None
    ) -> torch.Tensor:
        """Compare logits `(..., classes)` and return losses `(...,)`; the temperature is its own by default."""
        temperature = self.temperature_of(student, teacher) if temperature is None else temperature
        return kl_divergence(*self._log_probabilities(student, teacher, temperature)) * squared(temperature)


@dataclass
class LogitsCE(DistributionObjective):
    r"""
    Cross-entropy of the student's softened distribution against the teacher's.

    \\( -T^2 \sum_c p^t_c \log p^s_c \\) with \\( p = \mathrm{softmax}(z / T) \\), at least \\( T^2 \\) times the
    entropy of \\( p^t \\): the divergence of `logits_kl` and that entropy, which no student can change. The gradient
    is that of `logits_kl`. `top_k` is as in `logits_kl`.

    For runs that are compared with published ones that report this value; `logits_kl` is 0 when all is learned.

    Args:
        weight (`float` or `dict`, *optional*, defaults to 1.0): Factor of this objective in the total loss, at least
            0, or the options of a [`Schedule`].
        focus (`dict`, *optional*): Options of a [`Focus`]: learn more, or only, where the teacher is sure or unsure.
        temperature (`float` or `dict`, *optional*, defaults to 1.0): Temperature T, above 0, or the options of a
            [`Schedule`] or of an [`ExampleTemperature`].
        top_k (`int`, *optional*): Number of the teacher's likeliest classes to compare, at least 2; all if left out.

    Source: Hinton, Vinyals, Dean 2015, *Distilling the Knowledge in a Neural Network*, arXiv:1503.02531.

    Example:

    ```python
    >>> LogitsCE().compare(torch.tensor([[0.5, 1.0, -1.0]]), torch.tensor([[2.0, 1.0, 0.0]]))
    tensor([1.0676])
    ```
    """

    name: ClassVar[str] = "logits_ce"
    paper: ClassVar[str] = "Hinton et al. 2015, arXiv:1503.02531"

    def compare(
        self, student: torch.Tensor, teacher: torch.Tensor, temperature: Temperature | None = None
    ) -> torch.Tensor:
        """Compare logits `(..., classes)` and return losses `(...,)`; the temperature is its own by default."""
        temperature = self.temperature_of(student, teacher) if temperature is None else temperature
        student_log, teacher_log = self._log_probabilities(student, teacher, temperature)
        return -(teacher_log.exp() * student_log).sum(-1) * squared(temperature)


@dataclass
class LogitsBCE(SoftenedLogitsObjective):
    r"""
    Binary cross-entropy of the student's softened yes or no to each label against the teacher's, mean over labels.

    \\( -\frac{T^2}{C} \sum_c \left( q^t_c \log q^s_c + (1 - q^t_c) \log (1 - q^s_c) \right) \\) with
    \\( q = \sigma(z / T) \\), at least \\( T^2 \\) times the mean entropy of \\( q^t \\). The mean over the C labels
    is that of the task loss of a multi-label head.

    For multi-label heads, where any number of labels is right and logits do not compete.

    Args:
        weight (`float` or `dict`, *optional*, defaults to 1.0): Factor of this objective in the total loss, at least
            0, or the options of a [`Schedule`].
        focus (`dict`, *optional*): Options of a [`Focus`]: learn more, or only, where the teacher is sure or unsure.
        temperature (`float` or `dict`, *optional*, defaults to 1.0): Temperature T, above 0, or the options of a
            [`Schedule`] or of an [`ExampleTemperature`].

    Source: Yang et al. 2023, *Multi-Label Knowledge Distillation*, arXiv:2308.06453 (there as a divergence, which has
    the same gradient).

    Example:

    ```python
    >>> LogitsBCE().compare(torch.tensor([[0.5, 1.0, -1.0]]), torch.tensor([[2.0, 1.0, 0.0]]))
    tensor([0.6430])
    ```
    """

    name: ClassVar[str] = "logits_bce"
    heads: ClassVar[frozenset[Head]] = frozenset({Head.CLASSES, Head.LABELS})
    paper: ClassVar[str] = "Yang et al. 2023 (multi-label), arXiv:2308.06453"

    def compare(
        self, student: torch.Tensor, teacher: torch.Tensor, temperature: Temperature | None = None
    ) -> torch.Tensor:
        """Compare logits `(..., labels)` and return losses `(...,)`; the temperature is its own by default."""
        temperature = self.temperature_of(student, teacher) if temperature is None else temperature
        wanted = torch.sigmoid(teacher / temperature)
        losses = F.binary_cross_entropy_with_logits(student / temperature, wanted, reduction="none")
        return losses.mean(-1) * squared(temperature)


@dataclass
class LogitsMSE(LogitsObjective):
    r"""
    Mean squared difference of the logits, \\( \frac{1}{C} \sum_c (z^s_c - z^t_c)^2 \\), at least 0.

    Keeps what a softmax throws away, and has no temperature to choose.

    Args:
        weight (`float` or `dict`, *optional*, defaults to 1.0): Factor of this objective in the total loss, at least
            0, or the options of a [`Schedule`].
        focus (`dict`, *optional*): Options of a [`Focus`]: learn more, or only, where the teacher is sure or unsure.

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
    Squared difference of the predicted value from the teacher's, mean over the outputs of the head.

    \\( \frac{1}{C} \sum_c (y^s_c - y^t_c)^2 \\), at least 0, for the logits `(batch, 1)` of a regression head or
    `(batch, outputs)` of one with several. The mean over outputs is that of the task loss of a regression head.

    For regression heads, such as the similarity of two sentences. It is `logits_mse` under the name of what it is
    there.

    Args:
        weight (`float` or `dict`, *optional*, defaults to 1.0): Factor of this objective in the total loss, at least
            0, or the options of a [`Schedule`].
        focus (`dict`, *optional*): Options of a [`Focus`]: learn more, or only, where the teacher is sure or unsure.

    Source: Saputra et al. 2019, *Distilling Knowledge From a Deep Pose Regressor Network*, arXiv:1908.00858 (the
    imitation loss without the weight of its confidence).

    Example:

    ```python
    >>> RegressionMSE().compare(torch.tensor([[3.0]]), torch.tensor([[2.5]]))
    tensor([0.2500])
    ```
    """

    name: ClassVar[str] = "regression_mse"
    paper: ClassVar[str] = "Saputra et al. 2019, arXiv:1908.00858"
