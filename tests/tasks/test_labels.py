# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Tests of reading label names and ids from a column."""

from __future__ import annotations

import pytest
from datasets import ClassLabel, DatasetDict, Value

from hf_distill.errors import InputError
from hf_distill.tasks.labels import LabelEncoder, check_any_label, names_of


def test_names_of_a_class_label_are_its_own_in_its_order() -> None:
    assert names_of(ClassLabel(names=["pos", "neg"]), [1, 1]) == ["pos", "neg"]


def test_names_of_texts_are_sorted_and_leave_out_missing_labels() -> None:
    assert names_of(Value("string"), ["b", None, "a", "", "b"]) == ["a", "b"]


def test_names_of_numbers_are_generic_up_to_the_largest() -> None:
    assert names_of(Value("int64"), [2, 0, -1, None]) == ["LABEL_0", "LABEL_1", "LABEL_2"]


def test_names_of_whole_floats_are_those_of_numbers() -> None:
    # A CSV file with numbers and empty cells is read as floats.
    assert names_of(Value("float64"), [1.0, None, 0.0]) == ["LABEL_0", "LABEL_1"]


def test_scores_are_no_labels() -> None:
    with pytest.raises(InputError, match=r"class names or whole numbers; got \[0\.5"):
        names_of(Value("float64"), [0.5, 1.0])


@pytest.mark.parametrize(
    ("value", "expected"), [("a", 1), ("b", 0), (0, 1), (1, 0), (1.0, 0), (None, None), (-1, None), ("", None)]
)
def test_encoder_gives_the_id_of_the_order(value: object, expected: int | None) -> None:
    assert LabelEncoder(["a", "b"], [1, 0])(value, "here") == expected


@pytest.mark.parametrize("value", ["c", 2, -2, 0.5])
def test_encoder_refuses_what_is_outside_and_says_where(value: object) -> None:
    with pytest.raises(InputError, match="split 'test', row 3: the label .* is outside the 2 labels"):
        LabelEncoder(["a", "b"], [0, 1])(value, "split 'test', row 3")


def test_one_label_is_too_few() -> None:
    with pytest.raises(InputError, match="column 'kind' has 1 labels"):
        check_any_label(["a"], DatasetDict(), "kind")
