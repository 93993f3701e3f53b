# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Spans of text that a student and a teacher with another tokenizer share: which tokens they have, and their means."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from hf_distill.features.pooling import real_states

OF_TEACHER = "teacher_"
"""How the entries of a batch begin that are for the teacher, where it has another tokenizer."""
SPANS = "shared_spans"
"""The entry that says which span each token is in, numbered from 0 in each row; -1 where it is in none."""
WORDS = "shared_words"
"""The entry that says which word each token begins, numbered likewise; there is none where texts are not in words."""


def inputs_of_teacher(batch: Mapping[str, Any]) -> dict[str, Any]:
    """Return the entries of a batch, or of a row, that are for the teacher, under the names by which it knows them."""
    return {name.removeprefix(OF_TEACHER): value for name, value in batch.items() if name.startswith(OF_TEACHER)}


def in_full(states: torch.Tensor) -> torch.Tensor:
    """Return states in at least 32 bits: a half-precision mean of many tokens is not exact."""
    return states if states.dtype == torch.float64 else states.float()


class SharedSpans:
    """
    The tokens of each span on one side, the student's or the teacher's.

    Args:
        numbers (`torch.Tensor`): The span of each token, -1 if none, `(sequences, tokens)`.
        most (`int`): So many spans at most has a sequence.
    """

    def __init__(self, numbers: torch.Tensor, most: int):
        self._numbers = numbers
        self.members = numbers.unsqueeze(1) == torch.arange(most, device=numbers.device).unsqueeze(1)
        """Which tokens each span has, `(sequences, spans, tokens)`."""

    @classmethod
    def both(cls, batch: Mapping[str, torch.Tensor], name: str) -> tuple[SharedSpans, SharedSpans] | None:
        """
        Read those of student and teacher from a batch.

        Args:
            batch (`Mapping[str, torch.Tensor]`): What the collator returned.
            name (`str`): Which entry: `SPANS` or `WORDS`.

        Returns:
            `tuple[SharedSpans, SharedSpans]`, *optional*: Of both sides, with as many spans; `None` if the batch has
            no such entry.
        """
        if f"{OF_TEACHER}{name}" not in batch:
            return None
        sides = [batch[beginning + name].flatten(0, -2) for beginning in ("", OF_TEACHER)]
        # Each span has a token on both sides. The largest number would do, and wait for the device.
        most = min(side.shape[1] for side in sides)
        return cls(sides[0], most), cls(sides[1], most)

    @property
    def mask(self) -> torch.Tensor:
        """Say which spans there are, `(sequences, spans)`."""
        return self.members.any(-1)

    def any_of(self, chosen: torch.Tensor) -> torch.Tensor:
        """Say which spans have a token of those chosen `(sequences, tokens)`."""
        return (self.members & chosen.unsqueeze(1)).any(-1)

    def means(self, states: torch.Tensor) -> torch.Tensor:
        """Return the mean over the tokens of each span, `(sequences, spans, width)`; zeros where there is no span."""
        states = in_full(states)
        with torch.autocast(states.device.type, enabled=False):
            shares = self.members.to(states.dtype)
            shares = shares / shares.sum(-1, keepdim=True).clamp(min=1)
            return shares @ real_states(states, self._numbers >= 0)

    def first_of(self, values: torch.Tensor, missing: int) -> torch.Tensor:
        """Return what `values` `(sequences, tokens)` has at the first token of each span, or `missing`."""
        chosen = values.gather(1, self.members.int().argmax(-1))
        return chosen.masked_fill(~self.mask, missing)
