# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Giving each row of the training data what was recorded of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from datasets import Dataset, IterableDataset, concatenate_datasets

from hf_distill.errors import InputError
from hf_distill.features.units import Unit, unit_masks
from hf_distill.knowledge.columns import PREFIX, ROW_COLUMN, Column
from hf_distill.knowledge.fingerprints import fingerprint_of_row
from hf_distill.knowledge.rows import View, as_it_is, fetch, names_of_inputs


def match_rows(wanted: np.ndarray, recorded: np.ndarray) -> np.ndarray | int:
    """
    Find each wanted row among the recorded ones; of equal rows, the first wanted gets the first recorded.

    Args:
        wanted (`np.ndarray`): Hashes of the training rows.
        recorded (`np.ndarray`): Hashes of the recorded rows.

    Returns:
        `np.ndarray` or `int`: The place of each row, or, if one is not there, its number.
    """
    if np.array_equal(wanted, recorded):
        return np.arange(len(wanted))
    ours, theirs = _numbered(wanted), {entry: place for place, entry in enumerate(_numbered(recorded))}
    places = [theirs.get(entry, -1) for entry in ours]
    return places.index(-1) if -1 in places else np.asarray(places)


def _numbered(hashes: np.ndarray) -> list[tuple[int, int]]:
    """Return each hash with how often it came before."""
    seen: dict[int, int] = {}
    result = []
    for entry in hashes.tolist():
        result.append((entry, seen.get(entry, 0)))
        seen[entry] = seen.get(entry, 0) + 1
    return result


def attach(rows: Any, recorded: Dataset, places: np.ndarray | None) -> Any:
    """
    Return the rows with the columns of the recording.

    Args:
        rows (`Dataset`, `IterableDataset` or a sequence): The training data.
        recorded (`Dataset`): The recording.
        places (`np.ndarray`, *optional*): The place of each row in it; the same order if it is left out.

    Raises:
        InputError: If the rows are a stream of another kind.
    """
    if ROW_COLUMN in (getattr(rows, "column_names", None) or ()):
        return rows
    if isinstance(rows, IterableDataset):
        return concatenate_datasets([rows, recorded.to_iterable_dataset()], axis=1)
    if places is None:
        raise InputError(
            f"train_dataset: {type(rows).__name__} has no length, and of streams only an IterableDataset of datasets "
            "is read beside a recording; make one with IterableDataset.from_generator"
        )
    if not isinstance(rows, Dataset) or rows.format["type"] == "custom":
        return TaughtRows(rows, recorded, places)
    if np.array_equal(places, np.arange(len(recorded))):
        return _side_by_side(rows, recorded)
    # Only the rows, which are small, are put into the recording's order; the user's order is a view of that.
    order = np.zeros(len(recorded), np.int64)
    order[places] = np.arange(len(places))
    return _side_by_side(rows.select(order), recorded).select(places)


def _side_by_side(rows: Dataset, recorded: Dataset) -> Dataset:
    given, rows = rows.format, rows.with_format(None)
    # Rows that are a view of others are written out, and with them, unless that is done before, all of the recording.
    if rows._indices is not None:
        rows = rows.flatten_indices()
    result = concatenate_datasets([rows, recorded], axis=1)
    columns = [*given["columns"], *recorded.column_names]
    return result.with_format(given["type"], columns=columns, **given["format_kwargs"])


def without_knowledge(rows: Any) -> Any:
    """Return rows without the columns of a recording, which are long: for a sampler, which may look at all rows."""
    if isinstance(rows, TaughtRows):
        return rows.rows
    if isinstance(rows, Dataset):
        return rows.remove_columns([name for name in rows.column_names if name.startswith(PREFIX)])
    return rows


class TaughtRows(torch.utils.data.Dataset):
    """
    Rows that are no `Dataset`, each with what was recorded of it.

    Args:
        rows: A sequence of rows, each a mapping.
        recorded (`Dataset`): The recording.
        places (`np.ndarray`): The place of each row in it.
    """

    def __init__(self, rows: Any, recorded: Dataset, places: np.ndarray):
        self.rows, self._recorded, self._places = rows, recorded, places

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, row: int) -> dict[str, Any]:
        return self.__getitems__([row])[0]

    def __getitems__(self, chosen: Sequence[int]) -> list[dict[str, Any]]:
        """Return the rows of these numbers."""
        recorded = fetch(self._recorded, self._places[list(chosen)])
        return [{**row, **knowledge} for row, knowledge in zip(fetch(self.rows, chosen), recorded)]


class KnowledgeCollator:
    """
    Makes batches of rows and of what was recorded of them.

    Args:
        collator (`Callable`): Makes a batch of rows.
        columns (`Sequence[Column]`): The columns of the recording.
        watched (`Sequence[str]`, *optional*): What the teacher reads of a row, if each row is to be compared with the
            one that was recorded.
        view (`Callable`, *optional*): What of a row, and of a batch, is the teacher's; all of it by default.
    """

    def __init__(
        self,
        collator: Callable,
        columns: Sequence[Column],
        watched: Sequence[str] | None = None,
        view: View = as_it_is,
    ):
        self.collator, self._columns, self._watched, self._view = collator, columns, watched, view

    def __call__(self, features: list[Any]) -> dict[str, Any]:
        """Return the batch; rows without recorded knowledge, as in evaluation, make the plain one."""
        if not isinstance(features[0], dict) or self._columns[0].name not in features[0]:
            return self.collator(features)
        rows = [{name: value for name, value in row.items() if not name.startswith(PREFIX)} for row in features]
        if self._watched is not None:
            self._compare(rows, features)
        batch = dict(self.collator(rows))
        mask = unit_masks(self._view(batch)).get(Unit.TOKEN)
        for column in self._columns:
            stored = [row[column.name] for row in features]
            batch[column.name] = column.collate(stored, None if mask is None else mask.numpy())
        return batch

    def _compare(self, rows: list[dict[str, Any]], features: list[dict[str, Any]]) -> None:
        names = names_of_inputs(self._view(rows[0]), self._watched)
        for row, recorded in zip(map(self._view, rows), features):
            if ROW_COLUMN in recorded and fingerprint_of_row(row, names) != int(recorded[ROW_COLUMN]):
                raise InputError(
                    "train_dataset: a row is not the one that was recorded in its place; shuffle after the "
                    "recording's columns are there, and use the recording's tokenizer and max_length"
                )
