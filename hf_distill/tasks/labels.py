# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Reading label names and ids from a column."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from datasets import ClassLabel, DatasetDict, Value

from hf_distill.errors import InputError

UNLABELLED = (None, -1, "")
"""How data sets say that a row has no label: `None`, an empty text, or the -1 of the Hub's unlabelled test splits."""


def names_of(feature: object, values: Iterable[object]) -> list[str]:
    """
    Return the label names of a column.

    Args:
        feature (`datasets.Features` entry): The type of one label.
        values (`Iterable`): Every label of the training split.

    Returns:
        `list[str]`: The names of a `ClassLabel`, the sorted texts, or `LABEL_0` ... for bare numbers.
    """
    if isinstance(feature, ClassLabel):
        return list(feature.names)
    found = {value for value in values if value not in UNLABELLED}
    if isinstance(feature, Value) and feature.dtype in ("string", "large_string"):
        return sorted(found)
    if not all(_is_whole(value) for value in found):
        raise InputError(f"dataset.columns: labels must be class names or whole numbers; got {sorted(found)[:3]}")
    return [f"LABEL_{label}" for label in range(int(max(found, default=-1)) + 1)]


class LabelEncoder:
    """
    From a label as the data set has it to the id that the models use.

    Args:
        names (`Sequence[str]`): The names in the data set's order.
        order (`Sequence[int]`): The id of each name.
    """

    def __init__(self, names: Sequence[str], order: Sequence[int]):
        self.names = list(names)
        self.by_name = dict(zip(names, order))
        self.order = list(order)

    def __call__(self, value: object, place: str) -> int | None:
        """
        Return the id, or `None` for a row without a label.

        Raises:
            InputError: If the label is not one of the names; the message says where it stands.
        """
        if value in UNLABELLED:
            return None
        if isinstance(value, str):
            if value in self.by_name:
                return self.by_name[value]
        elif _is_whole(value) and 0 <= value < len(self.order):
            return self.order[int(value)]
        raise InputError(
            f"{place}: the label {value!r} is outside the {len(self.names)} labels ({', '.join(self.names[:20])}); "
            "use -1 or an empty value for a row without a label"
        )


def _is_whole(value: object) -> bool:
    # A column of numbers and gaps is read from CSV as floats.
    return isinstance(value, int) or (isinstance(value, float) and value.is_integer())


def check_any_label(names: Sequence[str], data: DatasetDict, column: str) -> None:
    """Raise an [`InputError`] if the data set has fewer than two labels."""
    if len(names) < 2:
        raise InputError(
            f"dataset.columns: the column {column!r} has {len(names)} labels in {list(data)}; need 2 or more"
        )
