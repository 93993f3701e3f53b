# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from datasets import Dataset
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import nn
from transformers import BertTokenizerFast, PreTrainedModel

from hf_distill.knowledge.fingerprints import (
    fingerprint_of_all,
    fingerprint_of_row,
    fingerprint_of_tokenizer,
    fingerprint_of_weights,
)

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghijklmnopqrstuvwxyz", *"##a ##e ##i ##o".split()]


def of(value: Any) -> int:
    return fingerprint_of_row({"values": value}, ["values"])


# Rows


@settings(max_examples=30, deadline=None, derandomize=True)
@given(numbers=st.lists(st.integers(0, 100), max_size=8))
def test_lists_arrays_and_tensors_of_the_same_whole_numbers_are_alike(numbers: list[int]) -> None:
    forms = [np.array(numbers, kind) for kind in (np.int64, np.int32, np.uint8)]
    forms += [torch.tensor(numbers, dtype=kind) for kind in (torch.int64, torch.int32, torch.uint8)]
    assert {of(form) for form in forms} == {of(numbers)} == {of(tuple(numbers))}


@settings(max_examples=30, deadline=None, derandomize=True)
@given(numbers=st.lists(st.floats(-1e3, 1e3, width=16), max_size=8))
def test_lists_arrays_and_tensors_of_the_same_fractions_are_alike(numbers: list[float]) -> None:
    forms = [np.array(numbers, kind) for kind in (np.float64, np.float32, np.float16)]
    forms += [torch.tensor(numbers, dtype=kind) for kind in (torch.float64, torch.float32, torch.float16)]
    assert {of(form) for form in forms} == {of(numbers)}


def test_tensors_that_numpy_does_not_know_are_read() -> None:
    numbers = [1.5, -0.25]
    assert of(torch.tensor(numbers, dtype=torch.bfloat16)) == of(numbers)
    assert of(torch.tensor(numbers, requires_grad=True)) == of(numbers)


@pytest.mark.parametrize("form", ["python", "numpy", "torch"])
def test_a_data_sets_format_changes_nothing(form: str) -> None:
    row = {"ids": [1, 2, 3], "pixels": [[0.5, 0.25], [1.0, 2.0]], "text": "words", "parts": [[1], [2, 3]]}
    found = Dataset.from_list([row]).with_format(form)[0]
    assert fingerprint_of_row(found, list(row)) == fingerprint_of_row(row, list(row))


def test_an_image_is_its_pixels() -> None:
    pixels = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    assert of(Image.fromarray(pixels)) == of(pixels) == of(pixels.tolist())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([1, 2, 3], [1, 2, 4]),
        ([1, 2, 3], [1, 3, 2]),
        ([1, 2, 3], [1, 2]),
        ([1, 2, 3], [1, 2, 3, 0]),
        ([0.5], [0.5000001]),
        ("words", "Words"),
        (["a", "b"], ["a", "c"]),
        (["ab", "c"], ["a", "bc"]),
        ([[1], [2, 3]], [[1, 2], [3]]),
        ([1, None], [1, 2]),
        ({"array": [1, 2]}, {"array": [1, 3]}),
        ({"one": 1}, {"other": 1}),
        (None, []),
        (None, 0),
    ],
    ids=repr,
)
def test_other_values_make_other_rows(one: Any, other: Any) -> None:
    assert of(one) != of(other)
    assert of(one) == of(copy.deepcopy(one))


@pytest.mark.parametrize("wrap", [lambda array: array, lambda array: {"array": array}], ids=["array", "mapping"])
@pytest.mark.parametrize("kind", [float, str])
def test_all_of_a_long_array_is_read(wrap: Callable[[np.ndarray], Any], kind: type) -> None:
    one = np.zeros(3000).astype(kind)
    other = one.copy()
    other[1500] = kind(1)
    assert of(wrap(one)) != of(wrap(other))


def test_lists_and_arrays_of_the_same_words_are_alike() -> None:
    assert of(["a", "bc"]) == of(np.array(["a", "bc"])) == of(("a", "bc"))


def test_text_that_moves_from_one_column_to_the_next_makes_another_row() -> None:
    names = ["a", "b"]
    assert fingerprint_of_row({"a": "xb", "b": "y"}, names) != fingerprint_of_row({"a": "x", "b": "by"}, names)


def test_values_that_change_places_make_another_row() -> None:
    names = ["one", "other"]
    assert fingerprint_of_row({"one": [1], "other": [2]}, names) != fingerprint_of_row(
        {"one": [2], "other": [1]}, names
    )


def test_what_the_teacher_does_not_read_changes_nothing() -> None:
    row = {"input_ids": [1, 2], "labels": 1}
    assert fingerprint_of_row(row, ["input_ids"]) == fingerprint_of_row(
        {**row, "labels": 0, "more": "x"}, ["input_ids"]
    )


def test_a_value_that_is_missing_is_as_good_as_none() -> None:
    names = ["input_ids", "token_type_ids"]
    assert fingerprint_of_row({"input_ids": [1], "token_type_ids": None}, names) == fingerprint_of_row(
        {"input_ids": [1]}, names
    )


@settings(max_examples=30, deadline=None, derandomize=True)
@given(text=st.text(max_size=20))
def test_a_fingerprint_of_a_row_is_a_whole_number_that_arrow_can_store(text: str) -> None:
    assert 0 <= of(text) < 2**63


def test_the_fingerprint_of_all_rows_depends_on_their_order() -> None:
    rows = np.array([3, 1, 2])
    assert fingerprint_of_all(rows) == fingerprint_of_all(rows.copy())
    assert len({fingerprint_of_all(entry) for entry in (rows, rows[::-1], rows[:2])}) == 3


# Weights


def test_copies_have_the_same_weights(teacher: PreTrainedModel, tmp_path: Path) -> None:
    expected = fingerprint_of_weights(teacher)
    assert fingerprint_of_weights(copy.deepcopy(teacher)) == expected
    teacher.save_pretrained(tmp_path)
    assert fingerprint_of_weights(type(teacher).from_pretrained(tmp_path)) == expected


def test_training_mode_and_gradients_change_nothing(teacher: PreTrainedModel) -> None:
    expected = fingerprint_of_weights(teacher)
    assert fingerprint_of_weights(teacher.train().requires_grad_(False)) == expected


@pytest.mark.parametrize("name", ["classifier.bias", "bert.encoder.layer.3.output.dense.weight"])
def test_one_weight_makes_other_weights(name: str, teacher: PreTrainedModel) -> None:
    before = fingerprint_of_weights(teacher)
    weight = teacher.get_parameter(name).data.view(-1)
    weight[-1] = torch.nextafter(weight[-1], torch.tensor(9.0))
    assert fingerprint_of_weights(teacher) != before


def test_the_same_numbers_under_another_name_shape_or_precision_are_other_weights() -> None:
    class Model(nn.Module):
        def __init__(self, **weights: torch.Tensor):
            super().__init__()
            for name, weight in weights.items():
                self.register_buffer(name, weight)

    numbers = torch.arange(4.0)
    found = [
        fingerprint_of_weights(Model(**weights))
        for weights in (
            {"one": numbers},
            {"other": numbers},
            {"one": numbers.view(2, 2)},
            {"one": numbers.to(torch.bfloat16)},
            {"one": numbers[:2], "other": numbers[2:]},
        )
    ]
    assert len(set(found)) == 5
    assert fingerprint_of_weights(Model(b=numbers, a=-numbers)) == fingerprint_of_weights(Model(a=-numbers, b=numbers))


def test_weights_that_do_not_lie_side_by_side_are_read() -> None:
    one, other = nn.Linear(3, 2, bias=False), nn.Linear(3, 2, bias=False)
    one.weight.data = torch.arange(6.0).view(2, 3)
    other.weight.data = torch.arange(6.0).view(2, 3).T.contiguous().T
    assert fingerprint_of_weights(one) == fingerprint_of_weights(other)


# Tokenizers


def make_tokenizer(folder: Path, words: list[str] = WORDS, **options: Any) -> BertTokenizerFast:
    folder.mkdir()
    (folder / "vocab.txt").write_text("\n".join(words))
    return BertTokenizerFast.from_pretrained(folder, **options)


def test_a_tokenizer_that_is_saved_and_loaded_is_the_same(tmp_path: Path) -> None:
    tokenizer = make_tokenizer(tmp_path / "one")
    tokenizer.save_pretrained(tmp_path / "other")
    loaded = BertTokenizerFast.from_pretrained(tmp_path / "other")
    assert fingerprint_of_tokenizer(loaded) == fingerprint_of_tokenizer(tokenizer)


def test_a_tokenizer_that_has_cut_texts_is_the_same(tmp_path: Path) -> None:
    tokenizer = make_tokenizer(tmp_path / "one")
    expected = fingerprint_of_tokenizer(tokenizer)
    tokenizer("a b c d", truncation=True, max_length=3, padding="max_length")
    assert fingerprint_of_tokenizer(tokenizer) == expected


def test_another_vocabulary_is_another_tokenizer(tmp_path: Path) -> None:
    one = make_tokenizer(tmp_path / "one")
    other = make_tokenizer(tmp_path / "other", [*WORDS[:5], *WORDS[6:], WORDS[5]])
    assert fingerprint_of_tokenizer(one) != fingerprint_of_tokenizer(other)


def test_one_word_more_is_another_tokenizer(tmp_path: Path) -> None:
    tokenizer = make_tokenizer(tmp_path / "one")
    before = fingerprint_of_tokenizer(tokenizer)
    tokenizer.add_tokens(["word"])
    assert fingerprint_of_tokenizer(tokenizer) != before


def test_other_rules_for_cutting_words_are_another_tokenizer(tmp_path: Path) -> None:
    words = [*WORDS, "jumps", "JUMPS"]
    folders = tmp_path / "one", tmp_path / "other"
    one, other = (make_tokenizer(folder, words, do_lower_case=lower) for folder, lower in zip(folders, (True, False)))
    assert one.get_vocab() == other.get_vocab()
    assert fingerprint_of_tokenizer(one) != fingerprint_of_tokenizer(other)


@pytest.mark.parametrize("processor", [None, object()], ids=["none", "another kind"])
def test_what_is_no_tokenizer_has_no_fingerprint(processor: Any) -> None:
    assert fingerprint_of_tokenizer(processor) is None
