# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""The likeliest span of tokens, by the logits of where it begins and where it ends."""

from __future__ import annotations

from typing import NamedTuple

import torch

from hf_distill.tasks.windows import IN_CONTEXT, WITHOUT_ANSWER

IMPOSSIBLE = float("-inf")


class Span(NamedTuple):
    """
    The likeliest span of a window.

    Args:
        score (`float`): The sum of the logits of its first and its last token; minus infinity if there is no span.
        first (`int`): Its first token, counted from the first of the context.
        last (`int`): Its last token, counted likewise.
        without_answer (`float`): The sum of the logits that there is no answer in this window.
    """

    score: float
    first: int
    last: int
    without_answer: float


def best_spans(logits: torch.Tensor, places: torch.Tensor, longest: int) -> list[Span]:
    """
    Find the likeliest span of context tokens in each window, of all that there are.

    Args:
        logits (`torch.Tensor`): `(batch, tokens, 2)`, of where a span begins and of where it ends.
        places (`torch.Tensor`): `(batch, tokens)`, what each token is to an answer; see [`WindowMaker`].
        longest (`int`): How many tokens a span has at most.

    Returns:
        `list[Span]`: One of each window; of equal ones the shortest, and of those the first.
    """
    in_context = places == IN_CONTEXT
    begins, ends = logits.masked_fill(~in_context.unsqueeze(-1), IMPOSSIBLE).unbind(-1)
    windows, tokens = places.shape
    score = torch.full((windows,), IMPOSSIBLE)
    first, last = torch.zeros(windows, dtype=torch.int64), torch.zeros(windows, dtype=torch.int64)
    for further in range(min(longest, tokens)):
        scores, begin = (begins[:, : tokens - further] + ends[:, further:]).max(1)
        better = scores > score
        score = torch.where(better, scores, score)
        first, last = torch.where(better, begin, first), torch.where(better, begin + further, last)
    nowhere = logits.sum(-1).masked_fill(places != WITHOUT_ANSWER, IMPOSSIBLE).amax(1)
    before = in_context.int().argmax(1)
    columns = score, first - before, last - before, nowhere
    return [Span(*values) for values in zip(*(column.tolist() for column in columns))]
