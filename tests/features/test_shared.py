# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import pytest
import torch

from hf_distill.features.alignment import Alignment
from hf_distill.features.features import Features
from hf_distill.features.shared import SharedSpans, inputs_of_teacher
from hf_distill.features.units import Unit, unit_masks

BATCH = {
    "input_ids": torch.tensor([[2, 7, 8, 9, 3, 0], [2, 7, 3, 0, 0, 0]]),
    "attention_mask": torch.tensor([[1, 1, 1, 1, 1, 0], [1, 1, 1, 0, 0, 0]]),
    "shared_spans": torch.tensor([[0, 1, 1, -1, 2, -1], [0, -1, 1, -1, -1, -1]]),
    "labels": torch.tensor([[-100, 1, -100, 2, -100, -100], [-100, -100, -100, -100, -100, -100]]),
    "teacher_input_ids": torch.tensor([[5, 6, 4, 1], [5, 6, 6, 4]]),
    "teacher_attention_mask": torch.tensor([[1, 1, 1, 0], [1, 1, 1, 1]]),
    "teacher_shared_spans": torch.tensor([[0, 1, 2, -1], [0, -1, -1, 1]]),
}
STATES = torch.tensor([[[float("inf")], [2.0], [4.0], [9.0]]])


def test_means_are_of_each_spans_tokens_alone() -> None:
    spans = SharedSpans(torch.tensor([[-1, 0, 0, 1]]), most=3)
    assert spans.means(STATES)[0, :, 0].tolist() == [3.0, 9.0, 0.0]
    assert spans.mask.tolist() == [[True, True, False]]


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
def test_means_are_exact_in_half_precision(kind: torch.dtype) -> None:
    states = torch.full((1, 300, 1), 300.0, dtype=kind)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mean = SharedSpans(torch.zeros(1, 300, dtype=torch.long), most=1).means(states)
    assert mean.item() == states[0, 0, 0].item()


def test_the_value_at_the_first_token_of_a_span_is_told() -> None:
    spans = SharedSpans(torch.tensor([[-1, 0, 0, 1]]), most=3)
    assert spans.first_of(torch.tensor([[5, 6, 7, 8]]), missing=-100).tolist() == [[6, 8, -100]]


def test_units_are_what_both_sides_have() -> None:
    masks = unit_masks(BATCH, special_ids=[2, 3])
    assert masks[Unit.TOKEN].tolist() == [[True, True, True, False], [True, True, False, False]]
    assert masks[Unit.CONTENT].tolist() == [[False, True, False, False], [False] * 4]
    # The label of a token that is in no span is not among them, and is a label all the same.
    assert masks[Unit.PREDICTION].tolist() == [[False, True, False, False], [False] * 4]
    assert masks[Unit.LABEL].sum() == 2
    assert masks[Unit.EXAMPLE].tolist() == [True, True]


def test_the_texts_of_an_example_are_sequences_of_their_own() -> None:
    batch = {name: values.unsqueeze(0) for name, values in BATCH.items() if name != "labels"}
    assert unit_masks(batch)[Unit.TOKEN].tolist() == unit_masks(BATCH)[Unit.TOKEN].tolist()
    assert Alignment.of(batch).masks[1].tolist() == BATCH["teacher_attention_mask"].bool().tolist()


def test_a_batch_of_one_tokenizer_has_no_alignment() -> None:
    assert Alignment.of(inputs_of_teacher(BATCH)) is None


def test_vectors_are_pooled_from_all_tokens_of_each_side() -> None:
    sides = tuple(Features(hidden_states={1: torch.arange(2.0 * length).view(2, length, 1)}) for length in (6, 4))
    vectors = Alignment.of(BATCH).pooled(sides, "mean")
    assert [side.hidden_states[1].flatten().tolist() for side in vectors] == [[2.0, 7.0], [1.0, 5.5]]
