# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""What objectives on mapped layers have in common: the layer map, and what a loss is the loss of."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from transformers import PretrainedConfig

from hf_distill.features.batch import ALL_REAL, BatchView
from hf_distill.features.features import Features, Needs
from hf_distill.features.layer_map import AUTO, LayerPairs, check_layers, resolve_layers
from hf_distill.features.layers import depth_of
from hf_distill.features.units import Unit
from hf_distill.objectives.base import Objective, full_precision

TOKENS = {"real": Unit.TOKEN, "content": Unit.CONTENT, "predicted": Unit.PREDICTION}
"""The tokens that an objective can be told to learn from."""


@dataclass
class LayersObjective(Objective):
    """
    An objective on hidden states of mapped layers.

    Args:
        weight (`float` or `dict`, *optional*, defaults to 1.0): Factor of this objective in the total loss, at least
            0, or the options of a [`Schedule`].
        focus (`dict`, *optional*): Options of a [`Focus`]: learn more, or only, where the teacher is sure or unsure.
        layers (`str` or `list`, *optional*, defaults to `"uniform"`): `"uniform"`, `"skip"`, `"last"`,
            `"auto"` or pairs `[[student, teacher], ...]`, 0 being the embeddings' output.
    """

    reads: ClassVar[str] = "hidden states"
    across_tokenizers: ClassVar[bool] = True
    projected: ClassVar[bool] = True
    """Whether the student's hidden states are mapped to the teacher's width first, where the widths differ."""

    layers: str | Sequence[Sequence[int]] = field(
        default="uniform",
        metadata={"help": 'Layer map: "uniform", "skip", "last", "auto" or [[student, teacher], ...]; 0: embeddings.'},
    )
    _pairs: LayerPairs = field(default_factory=list, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_layers(self.layers, f"objective {self.name}")

    def bind(self, student: PretrainedConfig, teacher: PretrainedConfig) -> None:
        """Settle the layer map for these two models; `"auto"` is `"uniform"` until [`choose_layers`] was called."""
        depths = [depth_of(config, f"objective {self.name}") for config in (student, teacher)]
        layers = "uniform" if self.layers == AUTO else self.layers
        self._pairs = resolve_layers(layers, *depths, f"objective {self.name}")

    @property
    def chooses_layers(self) -> bool:
        """Whether the layer map is yet to be measured."""
        return self.layers == AUTO

    def choose_layers(self, pairs: LayerPairs) -> None:
        """Take the layer map that was measured."""
        self.layers = [list(pair) for pair in pairs]

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
    def compared_pooling(self) -> str | None:
        """The pooling that makes an example's one vector out of its tokens, where only that vector is compared."""
        return None

    @property
    def projected_pairs(self) -> LayerPairs:
        """The pairs of the layer map, if their hidden states are compared in the teacher's width."""
        return self._pairs if self.projected else []

    def _states(self, student: Features, teacher: Features) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Return the student's and the teacher's hidden states of each pair, in 32 bits at least."""
        return [
            (
                full_precision(student.hidden_states[pair if self.projected else pair[0]]),
                # Mapped into the student's width, the teacher's states are those of a pair.
                full_precision(teacher.hidden_states.get(pair, teacher.hidden_states[pair[1]])),
            )
            for pair in self._pairs
        ]


@dataclass
class TokensObjective(LayersObjective):
    """
    An objective on mapped layers with one loss for each token.

    Args:
        weight (`float` or `dict`, *optional*, defaults to 1.0): Factor of this objective in the total loss, at least
            0, or the options of a [`Schedule`].
        focus (`dict`, *optional*): Options of a [`Focus`]: learn more, or only, where the teacher is sure or unsure.
        layers (`str` or `list`, *optional*, defaults to `"uniform"`): `"uniform"`, `"skip"`, `"last"`,
            `"auto"` or pairs `[[student, teacher], ...]`.
        tokens (`str`, *optional*, defaults to `"real"`): Tokens that teach: `"real"` (all but padding), `"content"`
            (no special tokens either), or `"predicted"` (those whose logits count: first sub-tokens of words).
    """

    tokens: str = field(
        default="real",
        metadata={"help": 'Tokens that teach: "real" (no padding), "content" (no special ones), or "predicted".'},
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_choice("tokens", TOKENS)

    def unit(self, losses: torch.Tensor) -> Unit:
        """The tokens that the option `tokens` names."""
        return TOKENS[self.tokens]


@dataclass
class HiddenStatesObjective(TokensObjective):
    """
    An objective on hidden states: one loss per token, averaged over the pairs of the layer map.

    Args:
        weight (`float` or `dict`, *optional*, defaults to 1.0): Factor of this objective in the total loss, at least
            0, or the options of a [`Schedule`].
        focus (`dict`, *optional*): Options of a [`Focus`]: learn more, or only, where the teacher is sure or unsure.
        layers (`str` or `list`, *optional*, defaults to `"uniform"`): `"uniform"`, `"skip"`, `"last"`,
            `"auto"` or pairs `[[student, teacher], ...]`, 0 being the embeddings' output.
        tokens (`str`, *optional*, defaults to `"real"`): Tokens that teach: `"real"` (all but padding), `"content"`
            (no special tokens either), or `"predicted"` (those whose logits count: first sub-tokens of words).
    """

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
        weight (`float` or `dict`, *optional*, defaults to 1.0): Factor of this objective in the total loss, at least
            0, or the options of a [`Schedule`].
        focus (`dict`, *optional*): Options of a [`Focus`]: learn more, or only, where the teacher is sure or unsure.
        layers (`str` or `list`, *optional*, defaults to `"uniform"`): `"uniform"`, `"skip"`, `"last"`,
            `"auto"` or pairs `[[student, teacher], ...]`, 0 being the embeddings' output.
    """

    def unit(self, losses: torch.Tensor) -> Unit:
        """Examples."""
        return Unit.EXAMPLE

    def __call__(self, student: Features, teacher: Features, batch: BatchView = ALL_REAL) -> torch.Tensor:
        """Return the loss of every example `(batch,)`."""
        states = self._states(student, teacher)
        mask = batch.mask(Unit.TOKEN, states[0][0][..., 0])
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
