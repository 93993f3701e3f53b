# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Tasks one of whose columns may be spread over several columns of the data set."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

from datasets import Dataset, DatasetDict

from hf_distill.errors import InputError, nearest_name
from hf_distill.tasks.base import Task


class SpreadColumnTask(Task):
    """A task that reads lists, which `many_columns` names, from one column or from several that make them."""

    def __init__(self, columns: Mapping[str, str | list[str]] | None = None, max_length: int | None = None):
        super().__init__(columns, max_length)
        spread = self.column_names[self.many_columns]
        self._spread = [] if isinstance(spread, str) else spread
        if self._spread:
            self.column_names[self.many_columns] = self.many_columns

    def select_columns(self, data: DatasetDict) -> DatasetDict:
        """Keep the columns that the task reads; those that are spread become one."""
        if self._spread:
            data = DatasetDict({split: self._gathered(split, rows) for split, rows in data.items()})
        return super().select_columns(data)

    def _gathered(self, split: str, rows: Dataset) -> Dataset:
        for column in self._spread:
            if column not in rows.column_names:
                raise InputError(
                    f"dataset.columns.{self.many_columns}: the split {split!r} has no column {column!r}"
                    f"{nearest_name(column, rows.column_names)}"
                )
        gathered, feature = self.gather(split, {column: rows[column][:] for column in self._spread})
        return rows.remove_columns(self._spread).add_column(self.many_columns, gathered, feature=feature)

    @abstractmethod
    def gather(self, split: str, columns: Mapping[str, list]) -> tuple[list, Any]:
        """
        Return one list of values, and their type, in place of those of several columns.

        Args:
            split (`str`): The split, for a message.
            columns (`Mapping[str, list]`): The values of each column.

        Raises:
            InputError: If they do not go together.
        """
