# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Features of a student and of a teacher with another tokenizer, brought to what both have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from hf_distill.features.features import Features
from hf_distill.features.pooling import POOLINGS
from hf_distill.features.shared import SPANS, WORDS, SharedSpans, in_full, inputs_of_teacher
from hf_distill.features.units import token_mask

BothSpans = tuple[SharedSpans, SharedSpans]


@dataclass(frozen=True)
class Alignment:
    """
    What the tokens of student and teacher have in common in one batch.

    Args:
        spans (`tuple`): The spans of text that both have, on the student's side and on the teacher's.
        words (`tuple`, *optional*): The first tokens of the words that both have, where texts were given in words.
        masks (`tuple`): The real tokens of each side, `(sequences, tokens)`.
    """

    spans: BothSpans
    words: BothSpans | None
    masks: tuple[torch.Tensor, torch.Tensor]

    @classmethod
    def of(cls, batch: Mapping[str, torch.Tensor]) -> Alignment | None:
        """Read it from what the collator returned; `None` where teacher and student read the same tokens."""
        spans = SharedSpans.both(batch, SPANS)
        if spans is None:
            return None
        masks = tuple(token_mask(side).flatten(0, -2) for side in (batch, inputs_of_teacher(batch)))
        return cls(spans, SharedSpans.both(batch, WORDS), masks)

    def pooled(self, sides: tuple[Features, Features], pooling: str) -> tuple[Features, Features]:
        """Return features whose hidden states are one vector for each sequence, `(sequences, 1, width)`."""
        return tuple(
            Features(
                logits=features.logits,
                hidden_states={
                    layer: POOLINGS[pooling](in_full(states), mask).unsqueeze(1)
                    for layer, states in features.hidden_states.items()
                },
            )
            for features, mask in zip(sides, self.masks)
        )


def means_of(spans: BothSpans, sides: tuple[Features, Features]) -> tuple[Features, Features]:
    """Return features whose hidden states, and logits of tokens, are means of spans: `(sequences, spans, ...)`."""
    return tuple(
        Features(
            logits=own.means(features.logits) if has_token_logits(features) else features.logits,
            hidden_states={layer: own.means(states) for layer, states in features.hidden_states.items()},
        )
        for own, features in zip(spans, sides)
    )


def has_token_logits(features: Features) -> bool:
    """Say whether there are logits, and those of tokens."""
    return features.logits is not None and features.logits.dim() > 2
