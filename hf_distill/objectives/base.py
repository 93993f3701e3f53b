# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""What every objective is: a pure function of tensors that declares what it needs."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

import torch
from transformers import PretrainedConfig

from hf_distill.errors import InputError
from hf_distill.features.batch import ALL_REAL, BatchView
from hf_distill.features.features import Features, Needs
from hf_distill.features.layer_map import LayerPairs, check_layers, resolve_layers
from hf_distill.features.units import Unit


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
        weight (`float`, *optional*, defaults to 1.0): Factor of this objective in the total loss, at least 0.
    """

    name: ClassVar[str]
    """The name by which recipes and flags call it."""
    paper: ClassVar[str] = ""
    """Where it comes from."""
    reads: ClassVar[str] = ""
    """What it compares, in words."""
    projected: ClassVar[bool] = True
    """Whether the student's hidden states are mapped to the teacher's width first, where the widths differ."""

    weight: float = field(default=1.0, metadata={"help": "Factor of this objective in the total loss; at least 0."})

    def __post_init__(self) -> None:
        self._check_number("weight", at_least=0.0)

    @property
    @abstractmethod
    def needs(self) -> Needs:
        """What must be asked of the teacher."""

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

    @abstractmethod
    def unit(self, losses: torch.Tensor) -> Unit:
        """Say what one entry of `losses` is the loss of."""

    @abstractmethod
    def __call__(self, student: Features, teacher: Features, batch: BatchView = ALL_REAL) -> torch.Tensor:
        """Return the loss of every unit, `(batch,)` or `(batch, tokens)`, masked ones included."""

    def to_dict(self) -> dict[str, Any]:
        """Return the specification that makes this objective again."""
        options = {entry.name: getattr(self, entry.name) for entry in fields(self) if entry.init}
        return {"name": self.name, **options}

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


@dataclass
class LayersObjective(Objective):
    """
    An objective on hidden states of mapped layers.

    Args:
        weight (`float`, *optional*, defaults to 1.0): Factor of this objective in the total loss, at least 0.
        layers (`str` or `list`, *optional*, defaults to `"uniform"`): `"uniform"`, `"skip"`, `"last"` or pairs
            `[[student, teacher], ...]`, 0 being the embeddings' output.
    """

    reads: ClassVar[str] = "hidden states"

    layers: str | Sequence[Sequence[int]] = field(
        default="uniform",
        metadata={"help": 'Layer map: "uniform", "skip", "last" or pairs [[student, teacher], ...]; 0: embeddings.'},
    )
    _pairs: LayerPairs = field(default_factory=list, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_layers(self.layers, f"objective {self.name}")

    def bind(self, student: PretrainedConfig, teacher: PretrainedConfig) -> None:
        """Settle the layer map for these two models."""
        depths = student.num_hidden_layers, teacher.num_hidden_layers
        self._pairs = resolve_layers(self.layers, *depths, f"objective {self.name}")

    @property
    def pairs(self) -> LayerPairs:
        """The `(student layer, teacher layer)` pairs, known once the objective is bound."""
        return self._pairs

    @property
    def needs(self) -> Needs:
        """Hidden states of the teacher's layers that the layer map names."""
        return Needs(hidden_states=frozenset(teacher for _, teacher in self._pairs))

    @property
    def student_needs(self) -> Needs:
        """Hidden states of the student's layers that the layer map names, unless they are projected."""
        return Needs(hidden_states=frozenset() if self.projected else frozenset(layer for layer, _ in self._pairs))

    @property
    def projected_pairs(self) -> LayerPairs:
        """The pairs of the layer map, if their hidden states are compared in the teacher's width."""
        return self._pairs if self.projected else []

    def _states(self, student: Features, teacher: Features) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Return the student's and the teacher's hidden states of each pair, in 32 bits at least."""
        return [
            (
                full_precision(student.hidden_states[pair if self.projected else pair[0]]),
                full_precision(teacher.hidden_states[pair[1]]),
            )
            for pair in self._pairs
        ]


@dataclass
class HiddenStatesObjective(LayersObjective):
    """
    An objective on hidden states: one loss per real token, averaged over the pairs of the layer map.

    Args:
        weight (`float`, *optional*, defaults to 1.0): Factor of this objective in the total loss, at least 0.
        layers (`str` or `list`, *optional*, defaults to `"uniform"`): `"uniform"`, `"skip"`, `"last"` or pairs
            `[[student, teacher], ...]`, 0 being the embeddings' output.
    """

    def unit(self, losses: torch.Tensor) -> Unit:
        """Real tokens."""
        return Unit.TOKEN

    def __call__(self, student: Features, teacher: Features, batch: BatchView = ALL_REAL) -> torch.Tensor:
        """Return the loss of every token `(batch, tokens)`."""
        return torch.stack([self.compare(*states) for states in self._states(student, teacher)]).mean(0)

    @abstractmethod
    def compare(self, student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
        """Compare hidden states `(batch, tokens, width)` and return losses `(batch, tokens)`."""


@dataclass
class ExampleStatesObjective(LayersObjective):
    """
    An objective on hidden states: one loss per example, averaged over the pairs of the layer map.

    An example without a real token has a loss of 0, and the trainer does not count it.

    Args:
        weight (`float`, *optional*, defaults to 1.0): Factor of this objective in the total loss, at least 0.
        layers (`str` or `list`, *optional*, defaults to `"uniform"`): `"uniform"`, `"skip"`, `"last"` or pairs
            `[[student, teacher], ...]`, 0 being the embeddings' output.
    """

    def unit(self, losses: torch.Tensor) -> Unit:
        """Examples."""
        return Unit.EXAMPLE

    def __call__(self, student: Features, teacher: Features, batch: BatchView = ALL_REAL) -> torch.Tensor:
        """Return the loss of every example `(batch,)`."""
        states = self._states(student, teacher)
        mask = batch.mask(Unit.TOKEN, states[0][1][..., 0])
        # Autocast would multiply matrices in half precision again.
        with torch.autocast(mask.device.type, enabled=False):
            losses = torch.stack([self.compare(*compared, mask) for compared in self._compared(states)]).mean(0)
        return torch.where(mask.any(1), losses, 0.0)

    def _compared(self, states: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
        """Return what `compare` is called with: here the states of each pair of layers."""
        return states

    @abstractmethod
    def compare(self, student: torch.Tensor, teacher: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Compare hidden states `(batch, tokens, width)` at the real tokens of `mask`; return losses `(batch,)`."""
