# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Poolings: from the hidden states of an example's tokens to one vector."""

from __future__ import annotations

from collections.abc import Callable

import torch


def first_token(states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """
    Return the hidden state of each example's first real token, zeros where an example has none.

    Args:
        states (`torch.Tensor`): Hidden states `(batch, tokens, width)`.
        mask (`torch.Tensor`): The real tokens `(batch, tokens)`.

    Returns:
        `torch.Tensor`: `(batch, width)`.
    """
    rows = torch.arange(len(mask), device=mask.device)
    return states[rows, mask.int().argmax(1)].masked_fill(~mask.any(1, keepdim=True), 0.0)


def mean_of_tokens(states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """
    Return the mean hidden state of each example's real tokens, zeros where an example has none.

    Args:
        states (`torch.Tensor`): Hidden states `(batch, tokens, width)`.
        mask (`torch.Tensor`): The real tokens `(batch, tokens)`.

    Returns:
        `torch.Tensor`: `(batch, width)`.
    """
    return real_states(states, mask).sum(1) / mask.sum(1, keepdim=True).clamp(min=1)


def with_padding(states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Return states `(real tokens of the batch, width)` as `(batch, tokens, width)`, with zeros as padding."""
    return states.new_zeros(*mask.shape, states.shape[-1]).index_put((mask,), states)


def real_states(states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Return `states` with zeros in place of padding, whatever was there: 0 times infinity would not be 0."""
    return states.masked_fill(~mask.unsqueeze(-1), 0.0)


POOLINGS: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "first": first_token,
    "mean": mean_of_tokens,
}
