# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from datasets import Dataset, IterableDataset
from hypothesis import given, settings
from hypothesis import strategies as st

from hf_distill.errors import InputError
from hf_distill.features.features import Needs
from hf_distill.knowledge.attach import KnowledgeCollator, TaughtRows, attach, match_rows, without_knowledge
from hf_distill.knowledge.columns import ROW_COLUMN, Column
from hf_distill.knowledge.layout import Layout
from hf_distill.knowledge.rows import fetch, hash_and_measure

INPUTS = ["input_ids", "attention_mask", "token_type_ids"]
LAYOUT = Layout([
    Column("logits", width=1, codec="fp32"),
    Column("hidden", 2, of_tokens=True, width=1, codec="fp32"),
])  # fmt: skip
KNOWLEDGE = [column.name for column in LAYOUT.columns]
COLUMNS = [ROW_COLUMN, *KNOWLEDGE]


def sums(rows: list[dict[str, Any]]) -> list[float]:
    return [float(sum(row["input_ids"])) for row in rows]


def record(rows: list[dict[str, Any]]) -> Dataset:
    """Record of each row the sum of its ids as its logit, and the ids themselves as what is said of its tokens."""
    hashes, _ = hash_and_measure(rows, INPUTS)
    tokens = [struct.pack(f"<{len(row['input_ids'])}f", *row["input_ids"]) for row in rows]
    logits = [struct.pack("<f", total) for total in sums(rows)]
    return Dataset.from_dict({ROW_COLUMN: hashes, **dict(zip(KNOWLEDGE, (logits, tokens)))})


def places_of(rows: Any, recorded: Dataset) -> np.ndarray:
    return match_rows(hash_and_measure(rows, INPUTS)[0], np.asarray(recorded[ROW_COLUMN]))


def attached(rows: Any, recorded: Dataset) -> Any:
    return attach(rows, recorded, places_of(rows, recorded))


def assert_each_has_its_own(rows: Any, expected: list[dict[str, Any]]) -> None:
    """Check that rows are those expected, in that order, each with what was recorded of it."""
    found = fetch(rows, range(len(rows))) if hasattr(rows, "__len__") else list(rows)
    assert [[*map(int, row["input_ids"])] for row in found] == [row["input_ids"] for row in expected]
    assert [struct.unpack("<f", row["knowledge_logits"])[0] for row in found] == sums(expected)
    assert [len(row["knowledge_hidden_2"]) for row in found] == [4 * len(row["input_ids"]) for row in expected]


@pytest.fixture
def rows(make_rows: Callable) -> list[dict[str, Any]]:
    return make_rows(8)


@pytest.fixture
def recorded(rows: list[dict[str, Any]]) -> Dataset:
    return record(rows)


# Finding rows


@pytest.mark.parametrize(
    ("wanted", "recorded", "places"),
    [
        ([7, 8, 9], [7, 8, 9], [0, 1, 2]),
        ([9, 7, 8], [7, 8, 9], [2, 0, 1]),
        ([9, 7], [7, 8, 9], [2, 0]),
        ([7, 7, 8], [7, 8, 7], [0, 2, 1]),
        ([7, 7], [7, 8, 7, 7], [0, 2]),
        ([], [7], []),
    ],
    ids=["the same", "another order", "a part", "twice", "twice of three", "none"],
)
def test_rows_find_their_places(wanted: list[int], recorded: list[int], places: list[int]) -> None:
    assert match_rows(np.array(wanted, np.int64), np.array(recorded, np.int64)).tolist() == places


@pytest.mark.parametrize(
    ("wanted", "number"),
    [([7, 6, 8], 1), ([5], 0), ([7, 8, 9, 10, 11], 3), ([7, 8, 7], 2)],
    ids=["another", "only another", "two others", "more often"],
)
def test_the_first_row_that_is_not_there_is_told(wanted: list[int], number: int) -> None:
    assert match_rows(np.array(wanted), np.array([7, 8, 9])) == number


@settings(max_examples=40, deadline=None, derandomize=True)
@given(recorded=st.lists(st.integers(0, 5), max_size=12), data=st.data())
def test_no_place_is_given_twice(recorded: list[int], data: st.DataObject) -> None:
    order = data.draw(st.permutations(range(len(recorded))))
    hashes = np.array(recorded, np.int64)
    wanted = hashes[np.array(order[: data.draw(st.integers(0, len(order)))], np.int64)]
    places = match_rows(wanted, hashes)
    assert hashes[places.astype(np.int64)].tolist() == wanted.tolist()
    assert len(set(places.tolist())) == len(wanted)


# Rows with their knowledge


@pytest.mark.parametrize(
    "order",
    [range(8), [7, 6, 5, 4, 3, 2, 1, 0], [3, 5, 1], [4], [0, 1, 2]],
    ids=["the same", "reversed", "a part", "one", "the first"],
)
@pytest.mark.parametrize("kind", ["list", "Dataset", "view"])
def test_rows_in_any_order_have_what_was_recorded_of_them(
    order: list[int], kind: str, rows: list[dict[str, Any]], recorded: Dataset
) -> None:
    expected = [rows[row] for row in order]
    given_rows: Any = {
        "list": expected,
        "Dataset": Dataset.from_list(expected),
        "view": Dataset.from_list(rows).select(order),
    }[kind]
    assert_each_has_its_own(attached(given_rows, recorded), expected)


def test_a_data_set_that_is_shuffled_afterwards_takes_its_knowledge_along(
    rows: list[dict[str, Any]], recorded: Dataset
) -> None:
    shuffled = attached(Dataset.from_list(rows), recorded).shuffle(seed=3)
    assert_each_has_its_own(shuffled, list(Dataset.from_list(rows).shuffle(seed=3)))


def test_rows_that_come_twice_each_have_their_own(rows: list[dict[str, Any]]) -> None:
    recorded = record([*rows, *rows])
    for order in ([0, 8, 1], [8, 0], [*range(15, -1, -1)]):
        expected = [rows[row % 8] for row in order]
        assert_each_has_its_own(attached(Dataset.from_list(expected), recorded), expected)


def test_columns_of_both_are_there(rows: list[dict[str, Any]], recorded: Dataset) -> None:
    for given_rows in (Dataset.from_list(rows), Dataset.from_list(rows).shuffle(seed=0)):
        assert attached(given_rows, recorded).column_names == [*given_rows.column_names, *COLUMNS]


@pytest.mark.parametrize("form", ["torch", "numpy"])
@pytest.mark.parametrize("shuffled", [False, True])
def test_a_format_stays_that_of_the_rows_and_knowledge_stays_bytes(
    form: str, shuffled: bool, rows: list[dict[str, Any]], recorded: Dataset
) -> None:
    given_rows = Dataset.from_list(rows).with_format(form)
    given_rows = given_rows.shuffle(seed=0) if shuffled else given_rows
    found = attached(given_rows, recorded)
    assert type(found[0]["input_ids"]) is type(given_rows[0]["input_ids"])
    assert isinstance(found[0]["knowledge_logits"], bytes)
    assert_each_has_its_own(found, [{"input_ids": row["input_ids"].tolist()} for row in given_rows])


def test_the_options_of_a_format_are_kept(rows: list[dict[str, Any]], recorded: Dataset) -> None:
    given_rows = Dataset.from_list(rows).with_format("torch", columns=INPUTS, dtype=torch.int32)
    found = attached(given_rows, recorded)[0]
    assert found["input_ids"].dtype == torch.int32
    assert list(found) == [*INPUTS, *COLUMNS]


def test_a_transform_goes_on_making_the_rows(rows: list[dict[str, Any]], recorded: Dataset) -> None:
    def make(batch: dict[str, list]) -> dict[str, list]:
        return {name: [rows[row][name] for row in batch["row"]] for name in (*INPUTS, "labels")}

    order = [5, 0, 6]
    given_rows = Dataset.from_dict({"row": order}).with_transform(make)
    found = attached(given_rows, recorded)
    assert isinstance(found, TaughtRows)
    assert_each_has_its_own(found, [rows[row] for row in order])
    assert list(found[0]) == [*INPUTS, "labels", *COLUMNS]


def test_rows_of_no_data_set_are_fetched_one_or_several_at_a_time(
    rows: list[dict[str, Any]], recorded: Dataset
) -> None:
    found = attached(rows[::-1], recorded)
    assert len(found) == 8
    assert found[2] == {**rows[5], **recorded[5]}
    assert found[-1] == {**rows[0], **recorded[0]}
    assert found.__getitems__([7, 0, 7]) == [found[7], found[0], found[7]]


@pytest.mark.parametrize("make", [list, Dataset.from_list], ids=["list", "Dataset"])
def test_the_rows_that_were_given_stay_as_they_are(
    make: Callable, rows: list[dict[str, Any]], recorded: Dataset
) -> None:
    given_rows = make(rows)
    attached(given_rows, recorded)
    assert list(given_rows[0]) == [*INPUTS, "labels"]
    assert list(given_rows) == rows


@pytest.mark.parametrize(
    "make",
    [
        lambda rows: Dataset.from_list(rows).to_iterable_dataset(),
        lambda rows: Dataset.from_list(rows).to_iterable_dataset(num_shards=1),
        lambda rows: IterableDataset.from_generator(lambda: iter(rows)),
    ],
    ids=["of a Dataset", "of one shard", "of a generator"],
)
def test_a_stream_is_read_beside_the_recording(make: Callable, rows: list[dict[str, Any]], recorded: Dataset) -> None:
    found = attach(make(rows), recorded, None)
    assert isinstance(found, IterableDataset)
    for _ in range(2):
        assert_each_has_its_own(found, rows)


def test_a_stream_of_another_kind_is_refused(rows: list[dict[str, Any]], recorded: Dataset) -> None:
    class Stream(torch.utils.data.IterableDataset):
        def __iter__(self) -> Any:
            return iter(rows)

    with pytest.raises(InputError) as error:
        attach(Stream(), recorded, None)
    assert str(error.value) == (
        "train_dataset: Stream has no length, and of streams only an IterableDataset of datasets is read beside a "
        "recording; make one with IterableDataset.from_generator"
    )


def test_rows_that_have_their_knowledge_already_stay_as_they_are(
    rows: list[dict[str, Any]], recorded: Dataset
) -> None:
    taught = attached(Dataset.from_list(rows), recorded).shuffle(seed=0)
    assert attach(taught, recorded, np.arange(8)) is taught
    stream = taught.to_iterable_dataset()
    assert attach(stream, recorded, None) is stream


def test_without_knowledge_rows_are_as_they_were(rows: list[dict[str, Any]], recorded: Dataset) -> None:
    assert without_knowledge(attached(rows, recorded)) is rows
    shuffled = attached(Dataset.from_list(rows[::-1]), recorded)
    assert list(without_knowledge(shuffled)) == rows[::-1]
    assert set(shuffled.column_names) > set(COLUMNS)


def test_rows_that_never_had_knowledge_are_as_they_are(rows: list[dict[str, Any]]) -> None:
    stream = Dataset.from_list(rows).to_iterable_dataset()
    assert without_knowledge(rows) is rows
    assert without_knowledge(stream) is stream
    assert list(without_knowledge(Dataset.from_list(rows))) == rows


# Batches


@pytest.fixture
def collator(collate: type) -> KnowledgeCollator:
    return KnowledgeCollator(collate(), LAYOUT.columns)


@pytest.mark.parametrize("extra", [0, 3])
def test_a_batch_has_what_was_recorded_of_its_rows(
    extra: int, collate: type, rows: list[dict[str, Any]], recorded: Dataset
) -> None:
    chosen = [6, 2, 3]
    batch = KnowledgeCollator(collate(extra), LAYOUT.columns)(fetch(attached(rows, recorded), chosen))
    knowledge = LAYOUT.decode(batch, Needs(logits=True, hidden_states=frozenset({2})))
    assert knowledge.logits.squeeze(1).tolist() == sums([rows[row] for row in chosen])
    assert knowledge.hidden_states[2].squeeze(-1).equal(batch["input_ids"].float())


def test_the_users_collator_sees_its_own_columns_alone(rows: list[dict[str, Any]], recorded: Dataset) -> None:
    seen: list[dict[str, Any]] = []

    def watching(features: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        seen.extend(features)
        return {"input_ids": torch.tensor([row["input_ids"] for row in features])}

    batch = KnowledgeCollator(watching, LAYOUT.columns)(fetch(attached(rows, recorded), [4]))
    assert seen == [rows[4]]
    assert list(batch) == ["input_ids", *KNOWLEDGE]


def test_rows_without_knowledge_make_the_users_batch(
    collator: KnowledgeCollator, collate: type, rows: list[dict[str, Any]]
) -> None:
    expected, found = collate()(rows), collator(rows)
    assert list(found) == list(expected)
    assert all(found[name].equal(values) for name, values in expected.items())


def test_rows_that_are_no_mappings_are_left_to_the_users_collator() -> None:
    pairs = [(torch.ones(2), 1)]
    assert KnowledgeCollator(lambda features: {"given": features}, LAYOUT.columns)(pairs) == {"given": pairs}


def test_rows_of_another_length_are_refused(
    collator: KnowledgeCollator, rows: list[dict[str, Any]], recorded: Dataset
) -> None:
    row = attached(rows, recorded)[0]
    cut = {name: value[:2] if isinstance(value, list) else value for name, value in row.items()}
    with pytest.raises(InputError, match=f"^train_dataset: a row has 2 tokens and had {len(rows[0]['input_ids'])} "):
        collator([cut])


def test_rows_of_a_stream_in_the_order_of_the_recording_are_accepted(
    collate: type, rows: list[dict[str, Any]], recorded: Dataset
) -> None:
    stream = attach(Dataset.from_list(rows).to_iterable_dataset(), recorded, None)
    batch = KnowledgeCollator(collate(), LAYOUT.columns, watched=INPUTS)(list(stream))
    assert LAYOUT.decode(batch, Needs(logits=True)).logits.squeeze(1).tolist() == sums(rows)


@pytest.mark.parametrize("alike_in_length", [False, True])
def test_rows_of_a_stream_in_another_order_are_refused(
    alike_in_length: bool, collate: type, rows: list[dict[str, Any]]
) -> None:
    if alike_in_length:
        rows = [{**rows[0], "input_ids": [number, *rows[0]["input_ids"][1:]]} for number in range(1, 9)]
    stream = attach(Dataset.from_list(rows[::-1]).to_iterable_dataset(), record(rows), None)
    with pytest.raises(InputError) as error:
        KnowledgeCollator(collate(), LAYOUT.columns, watched=INPUTS)(list(stream))
    assert str(error.value) == (
        "train_dataset: a row is not the one that was recorded in its place; shuffle after the recording's columns "
        "are there, and use the recording's tokenizer and max_length"
    )


def test_a_stream_that_is_shuffled_with_its_knowledge_is_accepted(
    collate: type, rows: list[dict[str, Any]], recorded: Dataset
) -> None:
    stream = attach(Dataset.from_list(rows).to_iterable_dataset(), recorded, None).shuffle(seed=1, buffer_size=8)
    batch = KnowledgeCollator(collate(), LAYOUT.columns, watched=INPUTS)(list(stream))
    found = LAYOUT.decode(batch, Needs(logits=True)).logits.squeeze(1)
    assert found.tolist() != sums(rows)
    assert found.equal(batch["input_ids"].sum(1).float())


def test_other_labels_in_a_stream_are_the_same_rows(
    collate: type, rows: list[dict[str, Any]], recorded: Dataset
) -> None:
    relabelled = [{**row, "labels": 9} for row in rows]
    stream = attach(Dataset.from_list(relabelled).to_iterable_dataset(), recorded, None)
    assert KnowledgeCollator(collate(), LAYOUT.columns, watched=INPUTS)(list(stream))["labels"].tolist() == [9] * 8
