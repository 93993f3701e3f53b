# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""The rows that a teacher reads: fetching them, telling them apart, and whether they are the same each time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from transformers import DataCollatorWithPadding, default_data_collator

from hf_distill.errors import InputError
from hf_distill.features.units import PREDICTION_MASK, SPAN_LABELS
from hf_distill.knowledge.fingerprints import fingerprint_of_row

LABELS = ("label", "label_ids", "labels", PREDICTION_MASK, *SPAN_LABELS)
"""What a collator may want beside what the teacher reads."""
ROWS_AT_ONCE = 1000
PROBED_ROWS = 8


def read_by_teacher(rows: Any, input_names: Sequence[str]) -> Any:
    """
    Return the rows with what makes a batch for the teacher, and nothing else, as the trainer does.

    Args:
        rows (`Dataset` or a sequence): The training data.
        input_names (`Sequence[str]`): What the teacher reads.

    Raises:
        InputError: If the rows cannot be read in any order.
    """
    if not hasattr(rows, "__len__") or not hasattr(rows, "__getitem__"):
        raise InputError(
            f"train_dataset: recording needs rows with a length, and {type(rows).__name__} has none; load them "
            "without streaming (what is recorded may be streamed)"
        )
    if isinstance(rows, Mapping):
        raise InputError(f"train_dataset: must be rows; got {type(rows).__name__} of {', '.join(map(str, rows))}")
    if len(rows) == 0:
        raise InputError("train_dataset: has no rows")
    if isinstance(rows, Dataset) and rows.format["type"] != "custom":
        kept = [name for name in rows.column_names if name in (*input_names, *LABELS)]
        if set(kept) - set(LABELS):
            return rows.select_columns(kept)
    return rows


def names_of_inputs(row: Any, input_names: Sequence[str]) -> list[str]:
    """Return what of a row the teacher reads; where that is made of the row later, all but the labels."""
    return [name for name in input_names if name in row] or [name for name in row if name not in LABELS]


def fetch(rows: Any, chosen: Sequence[int]) -> list[Any]:
    """Return the rows of these numbers."""
    chosen = [int(row) for row in chosen]
    return rows.__getitems__(chosen) if hasattr(rows, "__getitems__") else [rows[row] for row in chosen]


def every_row(rows: Any) -> Iterator[Any]:
    """Go through all rows in order."""
    for first in range(0, len(rows), ROWS_AT_ONCE):
        yield from fetch(rows, range(first, min(first + ROWS_AT_ONCE, len(rows))))


View = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""From a row, or from a batch, to what of it is the teacher's."""


def as_it_is(entries: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return all of a row or of a batch: teacher and student read the same."""
    return entries


def hash_and_measure(rows: Any, input_names: Sequence[str], view: View = as_it_is) -> tuple[np.ndarray, np.ndarray]:
    """
    Return what tells each row from others by what the teacher reads of it, and its length.

    Args:
        rows (`Dataset` or a sequence): The rows.
        input_names (`Sequence[str]`): What the teacher reads.
        view (`Callable`, *optional*): What of a row is the teacher's; all of it by default.

    Returns:
        `tuple`: A hash of each row, and how many tokens it has; 0 where it is no list.
    """
    hashes, lengths, names = np.zeros(len(rows), np.int64), np.zeros(len(rows), np.int64), None
    for number, row in enumerate(map(view, every_row(rows))):
        names = names_of_inputs(row, input_names) if names is None else names
        hashes[number] = fingerprint_of_row(row, names)
        first = row.get(names[0]) if names else None
        lengths[number] = _tokens_in(first, names[0] if names else "")
    return hashes, lengths


def _tokens_in(value: Any, name: str) -> int:
    """Return the length of a list of tokens, or of several; 0 for what is none, such as a text or an image."""
    if name == "input_ids" and len(value) and isinstance(value[0], list):
        return sum(map(len, value))
    if isinstance(value, (str, bytes, Mapping)) or not hasattr(value, "__len__") or len(value) == 0:
        return 0
    return 0 if getattr(value[0], "ndim", 0) or isinstance(value[0], (list, tuple)) else len(value)


def default_collator(tokenizer: Any) -> Callable:
    """Return the collator that a trainer takes if it is given none."""
    return DataCollatorWithPadding(tokenizer) if hasattr(tokenizer, "pad") else default_data_collator


def check_same_twice(rows: Any, collator: Callable) -> None:
    """
    Check that rows make the same batch each time.

    Raises:
        InputError: If they are drawn at random: what a teacher says of one draw is not true of the next.
    """
    chosen = range(min(PROBED_ROWS, len(rows)))
    one, other = (dict(collator(fetch(rows, chosen))) for _ in range(2))
    for name, values in one.items():
        if isinstance(values, torch.Tensor) and not _are_equal(values, other.get(name)):
            raise InputError(
                f"train_dataset: two readings of the same rows differ in {name}, so they are drawn at random (by the "
                "data collator or a transform), and what the teacher says of one draw does not hold for the next; "
                "draw once beforehand and keep the result, or let the teacher run beside the student"
            )


def _are_equal(one: torch.Tensor, other: torch.Tensor | None) -> bool:
    if other is None or one.shape != other.shape:
        return False
    # NaN, which marks what is missing, is not equal to itself.
    return bool(((one == other) | ((one != one) & (other != other))).all())
