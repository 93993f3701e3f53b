# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Following rows of the data through their encoding, so that people can read what models were measured on."""

from __future__ import annotations

from datasets import Dataset

from hf_distill.tasks import Task
from hf_distill.tasks.base import EXAMPLE

NUMBER = "row_number"
"""The column that encoded rows have meanwhile, where a task does not number them itself."""


def number_rows(task: Task, encoded: Dataset, rows: Dataset) -> Dataset:
    """
    Number encoded rows where each is of one row of the data.

    Args:
        task ([`Task`]): The task.
        encoded (`Dataset`): What it made of the rows.
        rows (`Dataset`): The rows.
    """
    if EXAMPLE in encoded.column_names or task.draws_rows or len(encoded) != len(rows):
        return encoded
    return encoded.add_column(NUMBER, list(range(len(rows))))


def examples_of(encoded: Dataset, rows: Dataset) -> Dataset:
    """
    Return the rows of the data that encoded rows are of, each once; the encoded rows where that is not known.

    Args:
        encoded (`Dataset`): Some of the rows that `number_rows` returned.
        rows (`Dataset`): The rows of the data.
    """
    for column in (NUMBER, EXAMPLE):
        if column in encoded.column_names:
            return rows.select(list(dict.fromkeys(encoded[column])))
    return encoded


def without_numbers(encoded: Dataset) -> Dataset:
    """Return encoded rows as they were before `number_rows`."""
    return encoded.remove_columns(NUMBER) if NUMBER in encoded.column_names else encoded
