# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""The tensors that objectives compare, and the declaration of which of them are needed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import torch

from hf_distill.features.attention import AttentionStates


@dataclass(frozen=True)
class Needs:
    """
    What is asked of a model for a batch.

    Args:
        logits (`bool`, *optional*, defaults to `False`): Whether the logits are needed.
        hidden_states (`frozenset[int]`, *optional*): The layers whose output is needed; 0 is the embeddings' output.
        attention (`frozenset[int]`, *optional*): The layers, from 1, whose queries, keys and values are needed.
    """

    logits: bool = False
    hidden_states: frozenset[int] = frozenset()
    attention: frozenset[int] = frozenset()

    def __or__(self, other: Needs) -> Needs:
        return Needs(
            self.logits or other.logits, self.hidden_states | other.hidden_states, self.attention | other.attention
        )

    @staticmethod
    def union(needs: Iterable[Needs]) -> Needs:
        """Return the smallest `Needs` that covers all of `needs`."""
        result = Needs()
        for need in needs:
            result = result | need
        return result


@dataclass
class Features:
    """
    What one model says of a batch; a teacher's features are its *knowledge*.

    Args:
        logits (`torch.Tensor`, *optional*): `(batch, classes)` or `(batch, tokens, classes)`.
        hidden_states (`dict`, *optional*): `(batch, tokens, width)` tensors. The teacher's are keyed by layer, the
            student's by `(student layer, teacher layer)`, already projected to that teacher layer's width, or by
            layer alone, in the student's own width.
        attention (`dict`, *optional*): The [`AttentionStates`] of layers.
    """

    logits: torch.Tensor | None = None
    hidden_states: dict = field(default_factory=dict)
    attention: dict[int, AttentionStates] = field(default_factory=dict)
