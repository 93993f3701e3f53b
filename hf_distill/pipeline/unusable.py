# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Rows that cannot be read as they are: found, counted, and refused or left out as the recipe says."""

from __future__ import annotations

import logging

from datasets import Dataset, DatasetDict

from hf_distill.errors import InputError
from hf_distill.pipeline.sections import DatasetSection
from hf_distill.tasks import Task
from hf_distill.tasks.base import CUT

logger = logging.getLogger(__name__)

Counts = dict[str, dict[str, int]]
"""How many rows there are of each kind in each split."""


def leave_out_unusable(task: Task, data: DatasetDict, section: DatasetSection) -> tuple[DatasetDict, Counts]:
    """
    Return the rows that can be used, and how many cannot.

    Args:
        task ([`Task`]): The task.
        data (`DatasetDict`): Rows under the task's column names.
        section ([`DatasetSection`]): What the recipe says of such rows.

    Raises:
        InputError: If the recipe has them refused, or if all rows of a split are such.
    """
    result, counts = DatasetDict(), {}
    for split, rows in data.items():
        found = task.unusable(rows)
        if not found:
            result[split] = rows
            continue
        row, reason = next(iter(found.items()))
        first = f"dataset, split {split!r}, row {row}: {reason}"
        if section.on_error == "refuse":
            raise InputError(
                f"{first}; fill it, leave the row out, or have such rows skipped with dataset.on_error=skip"
            )
        if len(found) == len(rows):
            raise InputError(f"{first}, and so is every other row of the split")
        logger.warning("%s: %d of %d rows are left out, the first: %s", split, len(found), len(rows), first)
        counts[split] = {"skipped": len(found)}
        result[split] = rows.select([place for place in range(len(rows)) if place not in found])
    return result, counts


def count_left_out(data: DatasetDict, encoded: dict[str, Dataset], counts: Counts) -> None:
    """Count the rows that a task has left out while it encoded them; added to `counts`."""
    for split, rows in encoded.items():
        number = len(data[split]) - len(rows)
        if number:
            counts.setdefault(split, {})["skipped"] = number


def settle_cut(task: Task, encoded: dict[str, Dataset], section: DatasetSection, counts: Counts) -> dict[str, Dataset]:
    """
    Count the inputs that were longer than may be, and return the rows that are kept.

    Args:
        task ([`Task`]): The task.
        encoded (`dict[str, Dataset]`): Encoded rows by split; a column says which of them were cut.
        section ([`DatasetSection`]): What the recipe says of such rows.
        counts (`dict`): How many there are of each kind; added to.

    Raises:
        InputError: If the recipe has them refused.
    """
    result = {}
    for split, rows in encoded.items():
        if CUT not in rows.column_names:
            result[split] = rows
            continue
        whole = whole_rows(rows)
        number, rows = len(rows) - len(whole), rows.remove_columns(CUT)
        if number:
            longer = f"{split}: {number} of {len(rows)} inputs are longer than {task.max_length} tokens"
            if section.too_long == "refuse":
                raise InputError(
                    f"dataset.max_length: {longer}; raise it, or have them cut or skipped with dataset.too_long"
                )
            logger.warning("%s and are %s", longer, "cut" if section.too_long == "cut" else "left out")
            counts.setdefault(split, {})["cut" if section.too_long == "cut" else "too_long"] = number
        result[split] = rows.select(whole) if section.too_long == "skip" else rows
    return result


def whole_rows(rows: Dataset) -> list[int]:
    """Return the numbers of the encoded rows that were not cut."""
    return [row for row, cut in enumerate(rows[CUT]) if not cut]
