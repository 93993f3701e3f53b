# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Tests of finding the likeliest span."""

from __future__ import annotations

import pytest
import torch

from hf_distill.tasks.spans import best_spans
from hf_distill.tasks.windows import IN_CONTEXT, NO_PLACE, WITHOUT_ANSWER

PLACES = torch.tensor([[WITHOUT_ANSWER, NO_PLACE, NO_PLACE, *[IN_CONTEXT] * 6, NO_PLACE]])


def every_span(logits: torch.Tensor, places: torch.Tensor, longest: int) -> list[tuple[float, int, int]]:
    """All spans that are allowed, the likeliest first; tokens are counted from the first of the context."""
    tokens = [token for token, place in enumerate(places.tolist()) if place == IN_CONTEXT]
    found = [
        (float(logits[i, 0] + logits[j, 1]), i - tokens[0], j - tokens[0])
        for i in tokens
        for j in tokens
        if i <= j < i + longest
    ]
    return sorted(found, key=lambda span: -span[0])


@pytest.mark.parametrize("longest", [1, 2, 4, 30])
def test_it_is_the_likeliest_of_all_that_are_allowed(longest: int) -> None:
    logits = torch.randn(40, 10, 2, generator=torch.Generator().manual_seed(0))
    for window, span in enumerate(best_spans(logits, PLACES.expand(40, -1), longest)):
        score, first, last = every_span(logits[window], PLACES[0], longest)[0]
        assert (span.first, span.last) == (first, last)
        assert span.score == pytest.approx(score)
        assert span.without_answer == pytest.approx(float(logits[window, 0].sum()))


def test_a_span_neither_leaves_the_context_nor_ends_before_it_begins() -> None:
    logits = torch.zeros(1, 10, 2)
    logits[0, [1, 9]] = 100.0
    logits[0, 7, 0] = logits[0, 4, 1] = 5.0
    logits[0, 8, 1] = 1.0
    assert best_spans(logits, PLACES, 30)[0][:3] == (6.0, 4, 5)


def test_of_equal_spans_the_shortest_and_first_is_taken() -> None:
    assert best_spans(torch.zeros(1, 10, 2), PLACES, 30)[0] == (0.0, 0, 0, 0.0)


def test_a_window_without_context_has_no_span() -> None:
    places = torch.tensor([[WITHOUT_ANSWER, NO_PLACE]])
    assert best_spans(torch.ones(1, 2, 2), places, 30)[0].score == float("-inf")


def test_padding_changes_nothing_on_either_side() -> None:
    logits = torch.randn(1, 10, 2, generator=torch.Generator().manual_seed(1))
    padding, nowhere = torch.full((1, 3, 2), 50.0), torch.zeros(1, 3, dtype=torch.int64)
    found = best_spans(logits, PLACES, 30)
    assert best_spans(torch.cat([logits, padding], 1), torch.cat([PLACES, nowhere], 1), 30) == found
    assert best_spans(torch.cat([padding, logits], 1), torch.cat([nowhere, PLACES], 1), 30) == found
