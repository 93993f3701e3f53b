# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import torch

from hf_distill.features.units import IGNORED_POSITION, Unit, unit_masks

ATTENTION = torch.tensor([[1, 1, 1], [1, 1, 0]])
IDS = torch.tensor([[5, 6, 7], [8, 9, 0]])


def test_every_row_is_an_example() -> None:
    assert unit_masks({"input_ids": IDS})[Unit.EXAMPLE].tolist() == [True, True]


def test_row_of_padding_alone_is_no_example() -> None:
    masks = unit_masks({"input_ids": IDS, "attention_mask": torch.tensor([[0, 0, 0], [1, 0, 0]])})
    assert masks[Unit.EXAMPLE].tolist() == [False, True]


def test_padding_is_no_token() -> None:
    masks = unit_masks({"input_ids": IDS, "attention_mask": ATTENTION})
    assert masks[Unit.TOKEN].tolist() == [[True, True, True], [True, True, False]]


def test_all_are_tokens_without_an_attention_mask() -> None:
    assert unit_masks({"input_ids": IDS})[Unit.TOKEN].all()


def test_an_ignored_label_is_no_label() -> None:
    masks = unit_masks({"input_ids": IDS, "labels": torch.tensor([2, -100])})
    assert masks[Unit.LABEL].tolist() == [True, False]


def test_a_batch_without_labels_has_no_label_unit() -> None:
    assert Unit.LABEL not in unit_masks({"input_ids": IDS})


def test_predictions_are_the_real_tokens_where_nothing_says_more() -> None:
    masks = unit_masks({"input_ids": IDS, "attention_mask": ATTENTION, "labels": torch.tensor([0, 1])})
    assert masks[Unit.PREDICTION].equal(ATTENTION.bool())


def test_predictions_are_the_tokens_with_a_label() -> None:
    labels = torch.tensor([[-100, 1, 0], [2, -100, -100]])
    masks = unit_masks({"input_ids": IDS, "attention_mask": ATTENTION, "labels": labels})
    assert masks[Unit.PREDICTION].equal(labels != -100)


def test_predictions_are_those_of_the_prediction_mask_less_padding() -> None:
    batch = {
        "input_ids": IDS,
        "attention_mask": ATTENTION,
        "labels": torch.full((2, 3), -100),
        "prediction_mask": torch.tensor([[False, True, True], [True, False, True]]),
    }
    assert unit_masks(batch)[Unit.PREDICTION].tolist() == [[False, True, True], [True, False, False]]


def test_a_batch_without_tokens_has_examples_and_labels() -> None:
    masks = unit_masks({"pixel_values": torch.zeros(2, 3, 4, 4), "labels": torch.tensor([0, 1])})
    assert set(masks) == {Unit.EXAMPLE, Unit.LABEL}


def test_a_span_that_begins_at_no_token_is_no_label() -> None:
    positions = torch.tensor([2, IGNORED_POSITION])
    for shape in ((2,), (2, 1)):
        batch = {"input_ids": IDS, "start_positions": positions.view(shape), "end_positions": positions.view(shape)}
        assert unit_masks(batch)[Unit.LABEL].tolist() == [True, False]
    # Transformers leaves out the place behind the last token, and takes what is before the first for the first.
    batch["start_positions"] = torch.tensor([3, -1])
    assert unit_masks(batch)[Unit.LABEL].tolist() == [False, True]
