# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import torch

from hf_distill.features.batch import ALL_REAL, BatchView
from hf_distill.features.units import Unit

BATCH = {
    "input_ids": torch.tensor([[5, 6], [7, 0]]),
    "attention_mask": torch.tensor([[1, 1], [1, 0]]),
    "labels": torch.tensor([1, -100]),
}


def test_a_batch_has_its_masks_and_its_labels() -> None:
    view = BatchView.of(BATCH)
    assert view.labels is BATCH["labels"]
    assert view.mask(Unit.TOKEN, torch.zeros(2, 2)).tolist() == [[True, True], [True, False]]
    assert view.mask(Unit.LABEL, torch.zeros(2)).tolist() == [True, False]


def test_a_batch_without_labels_has_none() -> None:
    assert BatchView.of({"input_ids": BATCH["input_ids"]}).labels is None


def test_units_without_a_mask_are_all_real() -> None:
    assert ALL_REAL.mask(Unit.TOKEN, torch.zeros(1, 2)).tolist() == [[True, True]]
