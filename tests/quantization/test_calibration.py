# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from datasets import Dataset

from hf_distill.errors import InputError
from hf_distill.quantization.calibration import calibration_examples, with_inputs
from hf_distill.tasks.text_classification import TextClassification


class Ids(TextClassification):
    def collator(self, processor: None) -> Callable:
        return lambda rows: {"input_ids": torch.tensor([row["input_ids"] for row in rows])}


def of_lengths(lengths: list[int]) -> Dataset:
    return Dataset.from_dict({"input_ids": [[1] * length for length in lengths]})


def lengths_of(rows: Any, number: int) -> list[int]:
    return [example["input_ids"].shape[1] for example in calibration_examples(rows, number, Ids(), None)]


def test_lengths_are_taken_as_often_as_they_occur() -> None:
    lengths = [5] * 60 + [9] * 30 + [30] * 10
    found = lengths_of(of_lengths(lengths[::-1]), 20)
    assert len(found) == 20
    assert [found.count(length) for length in (5, 9, 30)] == pytest.approx([12, 6, 2], abs=1)


def test_a_small_split_is_taken_whole() -> None:
    assert sorted(lengths_of(of_lengths([3, 1, 2]), 256)) == [1, 2, 3]


@pytest.mark.parametrize("rows", [None, of_lengths([])])
def test_no_rows_are_an_error(rows: Any) -> None:
    with pytest.raises(InputError, match="measures the ranges of activations on training rows, and there are none"):
        list(calibration_examples(rows, 4, Ids(), None))


def test_everything_that_the_model_reads_is_given_and_nothing_else() -> None:
    example = {"input_ids": torch.tensor([[1, 2]]), "labels": torch.tensor([1])}
    assert with_inputs(example, ["input_ids"]) == {"input_ids": [1, 2]}
    with pytest.raises(InputError, match="the model reads attention_mask, token_type_ids, which the training rows do"):
        with_inputs(example, ["input_ids", "attention_mask", "token_type_ids"])
