# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""What every objective is: a pure function of tensors that declares what it needs."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

import torch
from transformers import PretrainedConfig

from hf_distill.errors import InputError
from hf_distill.features.batch import ALL_REAL, BatchView, Progress
from hf_distill.features.features import Features, Needs
from hf_distill.features.heads import WITH_LOGITS, Head
from hf_distill.features.layer_map import LayerPairs
from hf_distill.features.units import Unit
from hf_distill.objectives.focus import Focus
from hf_distill.objectives.option_groups import OptionGroup, parse_group
from hf_distill.objectives.schedules import Schedule


def full_precision(tensor: torch.Tensor) -> torch.Tensor:
    """Return `tensor` in at least 32 bits: differences of half-precision logits and squares lose too much."""
    return tensor if tensor.dtype == torch.float64 else tensor.float()


@dataclass
class Objective(ABC):
    """
    One term of the loss, comparing what the student says of a batch with what the teacher says.

    An objective returns a loss for each unit (example, token ...) and never averages over them: the trainer divides
    by the number of units in the whole global batch, over all accumulation steps and processes. An objective that
    compares the units of a batch with each other gives its value for the micro-batch to every unit of it.

    Args:
        weight (`float` or `dict`, *optional*, defaults to 1.0): Factor of this objective in the total loss, at least
            0, or the options of a [`Schedule`].
        focus (`dict`, *optional*): Options of a [`Focus`]: learn more, or only, where the teacher is sure or unsure.
    """

    name: ClassVar[str]
    """The name by which recipes and flags call it."""
    paper: ClassVar[str] = ""
    """Where it comes from."""
    reads: ClassVar[str] = ""
    """What it compares, in words."""
    heads: ClassVar[frozenset[Head]] = frozenset(Head)
    """The heads whose logits it can compare; all, if it does not look at logits."""
    across_tokenizers: ClassVar[bool] = False
    """Whether it can compare models with different tokenizers: examples, words, or spans of text for tokens."""

    weight: float | dict[str, Any] | Schedule = field(
        default=1.0, metadata={"help": "Factor of this objective in the total loss, at least 0, or its schedule."}
    )
    focus: dict[str, Any] | Focus | None = field(
        default=None, metadata={"help": "Learn more, or only, where the teacher is sure or unsure."}
    )
    _head: Head = field(default=Head.CLASSES, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._check_schedule("weight", at_least=0.0)
        if self.focus is not None:
            if not isinstance(self.focus, (Mapping, Focus)):
                raise InputError(
                    f"objective {self.name}: focus must be a mapping such as {{weigh_by: confidence}}; "
                    f"got {self.focus!r}"
                )
            self.focus = parse_group(Focus, self.focus, f"objective {self.name}: focus")

    def weight_at(self, progress: Progress) -> float:
        """Return the weight at this point of the training."""
        return self.weight.at(progress) if isinstance(self.weight, Schedule) else self.weight

    def has_stopped(self, progress: Progress) -> bool:
        """Say whether the schedule of the weight has switched this objective off for good."""
        return isinstance(self.weight, Schedule) and self.weight.has_stopped(progress)

    @property
    def largest_weight(self) -> float:
        """The largest weight that it has in the training."""
        return self.weight.largest if isinstance(self.weight, Schedule) else self.weight

    @property
    @abstractmethod
    def needs(self) -> Needs:
        """What must be asked of the teacher."""

    @property
    def all_needs(self) -> Needs:
        """What must be asked of the teacher, for `focus` too."""
        return self.needs | Needs(logits=self.focus is not None)

    @property
    def compares_units(self) -> bool:
        """Whether it compares the units of a micro-batch with each other, so that it must be given them together."""
        return False

    @property
    def student_needs(self) -> Needs:
        """What must be asked of the student as it is, beside what is projected."""
        return Needs(logits=self.needs.logits)

    @property
    def projected_pairs(self) -> LayerPairs:
        """The `(student layer, teacher layer)` pairs whose hidden states are compared in the teacher's width."""
        return []

    def bind(self, student: PretrainedConfig, teacher: PretrainedConfig) -> None:  # noqa: B027 (not all have layers)
        """
        Settle what depends on the two models, such as the layer map.

        Args:
            student ([`~transformers.PretrainedConfig`]): The student's configuration.
            teacher ([`~transformers.PretrainedConfig`]): The teacher's configuration.

        Raises:
            InputError: If the objective cannot compare these two.
        """

    def fit_head(self, head: Head) -> None:
        """
        Settle what the logits of both models are.

        Raises:
            InputError: If the objective cannot compare such logits.
        """
        if head is Head.VECTORS and head not in self.heads:
            raise InputError(
                f"objective {self.name}: compares logits, and the models of the task give none; choose one on vectors "
                "or hidden states, such as sentence_cosine"
            )
        if head not in self.heads:
            known = " or ".join(sorted(entry.value for entry in self.heads))
            raise InputError(
                f"objective {self.name}: compares logits of {known}, and those of the task are {head.value}"
            )
        if self.focus is not None and head is not Head.CLASSES:
            raise InputError(
                f"objective {self.name}: focus goes by the teacher's probabilities of classes, and the task's models "
                f"give {head.value}; leave it out"
            )
        self._head = head

    @abstractmethod
    def unit(self, losses: torch.Tensor) -> Unit:
        """Say what one entry of `losses` is the loss of."""

    @abstractmethod
    def __call__(self, student: Features, teacher: Features, batch: BatchView = ALL_REAL) -> torch.Tensor:
        """Return the loss of every unit, `(batch,)` or `(batch, tokens)`, masked ones included."""

    def focused(self, losses: torch.Tensor, teacher: Features, batch: BatchView) -> torch.Tensor:
        """Return the losses of the units times the factors of `focus`, by what the teacher's logits say of them."""
        if self.focus is None:
            return losses
        factors = self.focus.factors(full_precision(teacher.logits))
        if factors.dim() > losses.dim():
            predicted = batch.mask(Unit.PREDICTION, factors)
            factors = torch.where(predicted, factors, 0.0).sum(1) / predicted.sum(1).clamp(min=1)
        if len(losses) > len(factors):
            # An example of several sequences has one factor for all of them.
            factors = factors.repeat_interleave(len(losses) // len(factors))
        return losses * (factors if factors.dim() == losses.dim() else factors.unsqueeze(1))

    def to_dict(self) -> dict[str, Any]:
        """Return the specification that makes this objective again."""
        values = {entry.name: getattr(self, entry.name) for entry in fields(self) if entry.init}
        values = {name: value.to_dict() if isinstance(value, OptionGroup) else value for name, value in values.items()}
        return {"name": self.name, **values}

    def _check_schedule(self, option: str, at_least: float | None = None, above: float | None = None) -> None:
        value = getattr(self, option)
        if isinstance(value, (Mapping, Schedule)):
            setattr(self, option, parse_group(Schedule, value, f"objective {self.name}: {option}"))
        else:
            self._check_number(option, at_least, above)

    def _check_choice(self, option: str, choices: Iterable[str]) -> None:
        value = getattr(self, option)
        if not isinstance(value, str) or value not in choices:
            raise InputError(f"objective {self.name}: {option} must be {' or '.join(choices)}; got {value!r}")

    def _check_number(self, option: str, at_least: float | None = None, above: float | None = None) -> None:
        value = getattr(self, option)
        # YAML 1.1, and so recipes and flags, reads 1e-3 as text.
        if isinstance(value, str) and re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)[eE][+-]?\d+", value):
            value = float(value)
            setattr(self, option, value)
        limit = f"at least {at_least:g}" if at_least is not None else f"above {above:g}"
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        # Written so that NaN, for which every comparison is false, is refused.
        inside = number and (value >= at_least if at_least is not None else value > above) and value < float("inf")
        if not inside:
            raise InputError(f"objective {self.name}: {option} must be a number {limit}; got {value!r}")


@dataclass
class LogitsObjective(Objective):
    """An objective on the logits: one loss per example, or per predicted token where the logits are per token."""

    reads: ClassVar[str] = "logits"
    heads: ClassVar[frozenset[Head]] = WITH_LOGITS
    across_tokenizers: ClassVar[bool] = True

    @property
    def needs(self) -> Needs:
        """The teacher's logits."""
        return Needs(logits=True)

    def unit(self, losses: torch.Tensor) -> Unit:
        """Examples where the logits are `(batch, classes)`, else predicted tokens."""
        return Unit.EXAMPLE if losses.dim() == 1 else Unit.PREDICTION

    def __call__(self, student: Features, teacher: Features, batch: BatchView = ALL_REAL) -> torch.Tensor:
        """Return the loss of every example `(batch,)` or token `(batch, tokens)`."""
        return self.compare(full_precision(student.logits), full_precision(teacher.logits))

    @abstractmethod
    def compare(self, student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
        """Compare logits `(..., classes)` and return losses `(...,)`."""
