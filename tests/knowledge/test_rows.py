# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from datasets import Dataset, DatasetDict, IterableDataset
from transformers import BertTokenizerFast, DataCollatorForLanguageModeling, DataCollatorWithPadding
from transformers import default_data_collator as plain_collator

from hf_distill.errors import InputError
from hf_distill.knowledge import rows as module
from hf_distill.knowledge.rows import (
    check_same_twice,
    default_collator,
    every_row,
    fetch,
    hash_and_measure,
    names_of_inputs,
    read_by_teacher,
)

INPUTS = ["input_ids", "attention_mask", "token_type_ids"]


class OwnRows(torch.utils.data.Dataset):
    """Rows that can be fetched one at a time."""

    def __init__(self, rows: list[dict[str, Any]]):
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, row: int) -> dict[str, Any]:
        return self._rows[row]


@pytest.fixture
def tokenizer(tmp_path: Path) -> BertTokenizerFast:
    (tmp_path / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghijklm"]))
    return BertTokenizerFast.from_pretrained(tmp_path)


# What the teacher reads of rows


def test_a_data_set_is_left_with_what_the_teacher_reads_and_the_labels(make_rows: Callable) -> None:
    rows = Dataset.from_list([{**row, "text": "words", "length": 3, "prediction_mask": [1]} for row in make_rows(3)])
    assert read_by_teacher(rows, INPUTS).column_names == [*INPUTS, "labels", "prediction_mask"]
    assert read_by_teacher(rows, ["input_ids"]).column_names == ["input_ids", "labels", "prediction_mask"]


@pytest.mark.parametrize("columns", [["text"], ["text", "labels"]])
def test_columns_that_a_collator_makes_the_inputs_of_are_kept(columns: list[str], make_rows: Callable) -> None:
    rows = Dataset.from_dict({name: [1, 2] for name in columns})
    assert read_by_teacher(rows, INPUTS).column_names == columns


def test_columns_that_a_transform_makes_the_inputs_of_are_kept() -> None:
    rows = Dataset.from_dict({"text": ["a", "b"], "input_ids": [[1], [2]]}).with_transform(lambda batch: batch)
    assert read_by_teacher(rows, INPUTS) is rows


def test_the_format_of_a_data_set_is_kept(make_rows: Callable) -> None:
    rows = read_by_teacher(Dataset.from_list(make_rows(3)).with_format("torch"), INPUTS)
    assert isinstance(rows[0]["input_ids"], torch.Tensor)


@pytest.mark.parametrize("kind", [list, tuple, OwnRows])
def test_other_rows_stay_as_they_are(kind: Callable, make_rows: Callable) -> None:
    rows = kind(make_rows(3))
    assert read_by_teacher(rows, INPUTS) is rows


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (lambda rows: Dataset.from_list(rows).to_iterable_dataset(), "IterableDataset"),
        (lambda rows: IterableDataset.from_generator(lambda: iter(rows)), "IterableDataset"),
        (lambda rows: (row for row in rows), "generator"),
        (lambda rows: None, "NoneType"),
    ],
)
def test_rows_without_a_length_are_refused(make: Callable, kind: str, make_rows: Callable) -> None:
    with pytest.raises(InputError) as error:
        read_by_teacher(make(make_rows(3)), INPUTS)
    assert str(error.value) == (
        f"train_dataset: recording needs rows with a length, and {kind} has none; load them without streaming (what "
        "is recorded may be streamed)"
    )


@pytest.mark.parametrize("kind", [dict, DatasetDict])
def test_splits_are_no_rows(kind: Callable, make_rows: Callable) -> None:
    rows = Dataset.from_list(make_rows(3))
    with pytest.raises(InputError, match=f"^train_dataset: must be rows; got {kind.__name__} of train, test$"):
        read_by_teacher(kind(train=rows, test=rows), INPUTS)


@pytest.mark.parametrize("rows", [[], Dataset.from_dict({"input_ids": []})], ids=["list", "Dataset"])
def test_no_rows_are_refused(rows: Any) -> None:
    with pytest.raises(InputError, match="^train_dataset: has no rows$"):
        read_by_teacher(rows, INPUTS)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"labels": 1, "token_type_ids": [0], "input_ids": [1]}, ["input_ids", "token_type_ids"]),
        ({"text": "words", "other": "more", "label": 1, "label_ids": 1, "prediction_mask": [1]}, ["text", "other"]),
        ({"labels": 1}, []),
    ],
)
def test_the_inputs_of_a_row_are_named(row: dict[str, Any], expected: list[str]) -> None:
    assert names_of_inputs(row, INPUTS) == expected


# Fetching and telling apart


@pytest.mark.parametrize("kind", [list, OwnRows, Dataset.from_list])
def test_rows_are_fetched_by_number_and_in_order(
    kind: Callable, make_rows: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = make_rows(7)
    rows = kind(expected)
    assert fetch(rows, np.array([5, 0, 5])) == [expected[5], expected[0], expected[5]]
    monkeypatch.setattr(module, "ROWS_AT_ONCE", 3)
    assert list(every_row(rows)) == expected


@pytest.mark.parametrize(
    "kind", [OwnRows, Dataset.from_list, lambda rows: Dataset.from_list(rows).with_format("numpy")]
)
def test_rows_of_every_kind_are_told_apart_alike(kind: Callable, make_rows: Callable) -> None:
    rows = make_rows(7)
    expected, lengths = hash_and_measure(rows, INPUTS)
    found = hash_and_measure(kind(rows), INPUTS)
    assert len(set(expected.tolist())) == 7
    assert found[0].tolist() == expected.tolist()
    assert found[1].tolist() == lengths.tolist() == [len(row["input_ids"]) for row in rows]


def test_labels_do_not_tell_rows_apart_and_other_columns_do(make_rows: Callable) -> None:
    rows = make_rows(2)
    expected, _ = hash_and_measure(rows, INPUTS)
    relabelled, _ = hash_and_measure([{**row, "labels": 9} for row in rows], INPUTS)
    changed, _ = hash_and_measure([{**rows[0], "token_type_ids": [5]}, rows[1]], INPUTS)
    assert relabelled.tolist() == expected.tolist()
    assert (changed == expected).tolist() == [False, True]


def test_rows_that_are_not_cut_into_tokens_have_no_length() -> None:
    assert hash_and_measure([{"pixel_values": [[[0.5, 1.0]]]}], ["pixel_values"])[1].tolist() == [0]
    hashes, lengths = hash_and_measure([{"text": "one"}, {"text": "another"}], INPUTS)
    assert len(set(hashes.tolist())) == 2
    assert lengths.tolist() == [0, 0]


# The same each time


def test_rows_that_are_the_same_each_time_are_accepted(make_rows: Callable, collate: type) -> None:
    for rows in (make_rows(12), Dataset.from_list(make_rows(3)), make_rows(1)):
        check_same_twice(rows, collate())


def refusal(rows: Any, collator: Callable) -> str:
    with pytest.raises(InputError) as error:
        check_same_twice(rows, collator)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_collator_that_draws_which_words_to_mask_is_refused(tokenizer: BertTokenizerFast) -> None:
    rows = Dataset.from_list([tokenizer("a b c d e f g h i j k l m") for _ in range(9)])
    said = refusal(rows, DataCollatorForLanguageModeling(tokenizer, mlm_probability=0.5))
    assert said.startswith("train_dataset: two readings of the same rows differ in input_ids, so they are drawn at ")
    assert said.endswith("draw once beforehand and keep the result, or let the teacher run beside the student")


def test_a_collator_that_masks_nothing_is_accepted(tokenizer: BertTokenizerFast) -> None:
    rows = Dataset.from_list([tokenizer("a b c d") for _ in range(3)])
    check_same_twice(rows, DataCollatorForLanguageModeling(tokenizer, mlm=False))


def test_a_data_set_with_a_transform_that_draws_is_refused() -> None:
    def draw(batch: dict[str, list]) -> dict[str, list]:
        return {"pixel_values": [torch.rand(3, 2, 2) for _ in batch["label"]], "labels": batch["label"]}

    rows = Dataset.from_dict({"label": [0, 1, 0]}).with_transform(draw)
    assert "differ in pixel_values" in refusal(rows, plain_collator)


def test_rows_of_other_lengths_each_time_are_refused() -> None:
    lengths = iter(range(1, 9))

    def cut(rows: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        return {"input_ids": torch.ones(len(rows), next(lengths), dtype=torch.long)}

    assert "differ in input_ids" in refusal([{}, {}], cut)


def test_a_column_that_comes_and_goes_is_refused() -> None:
    batches = iter([{"input_ids": torch.ones(1), "attention_mask": torch.ones(1)}, {"input_ids": torch.ones(1)}])
    assert "differ in attention_mask" in refusal([{}], lambda rows: next(batches))


def test_what_is_no_tensor_may_differ() -> None:
    check_same_twice([{}], lambda rows: {"input_ids": torch.ones(1), "id": random.random()})


def test_a_few_rows_are_looked_at_and_not_all(collate: type, make_rows: Callable) -> None:
    read: list[int] = []

    class Watched(OwnRows):
        def __getitem__(self, row: int) -> dict[str, Any]:
            read.append(row)
            return super().__getitem__(row)

    check_same_twice(Watched(make_rows(100)), collate())
    assert sorted(set(read)) == list(range(8))


# The collator


def test_the_collator_is_that_of_a_trainer_which_is_given_none(tokenizer: BertTokenizerFast) -> None:
    made = default_collator(tokenizer)
    assert isinstance(made, DataCollatorWithPadding)
    assert made.tokenizer is tokenizer
    assert default_collator(None) is plain_collator
