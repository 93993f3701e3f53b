# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""What objectives have in common that compare one vector for each example."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch

from hf_distill.features.pooling import POOLINGS
from hf_distill.objectives.layered import ExampleStatesObjective


@dataclass
class PooledObjective(ExampleStatesObjective):
    """
    An objective on one vector for each example, made out of the hidden states of its tokens.

    Args:
        weight (`float` or `dict`, *optional*, defaults to 1.0): Factor of this objective in the total loss, at least
            0, or the options of a [`Schedule`].
        focus (`dict`, *optional*): Options of a [`Focus`]: learn more, or only, where the teacher is sure or unsure.
        layers (`str` or `list`, *optional*, defaults to `"uniform"`): `"uniform"`, `"skip"`, `"last"`,
            `"auto"` or pairs `[[student, teacher], ...]`, 0 being the embeddings' output.
        pooling (`str`, *optional*, defaults to `"mean"`): What makes an example's vector out of its tokens: `"mean"`
            of the real tokens, or the `"first"` of them.
    """

    pooling: str = field(
        default="mean", metadata={"help": 'An example\'s vector: "mean" of its real tokens, or the "first" of them.'}
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_choice("pooling", POOLINGS)

    @property
    def compared_pooling(self) -> str:
        """What the option `pooling` says."""
        return self.pooling

    def _pool(self, states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Return the vectors `(batch, width)` of hidden states `(batch, tokens, width)` at the tokens of `mask`."""
        return POOLINGS[self.pooling](states, mask)
