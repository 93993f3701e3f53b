# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Matching the label names of teacher and student."""

from __future__ import annotations

import re
from collections.abc import Sequence

from transformers import PretrainedConfig

from hf_distill.errors import InputError


def label_names(config: PretrainedConfig) -> list[str]:
    """Return the label names of a model, by label id."""
    names = {int(label): str(name) for label, name in (config.id2label or {}).items()}
    return [names[label] for label in sorted(names)]


def are_generic(names: Sequence[str]) -> bool:
    """Say whether the names are transformers' own `LABEL_0`, `LABEL_1` ..., which tell nothing."""
    return all(re.fullmatch(r"LABEL_\d+", name) for name in names)


def match_labels(wanted: Sequence[str], given: Sequence[str], wanted_by: str, given_by: str) -> list[int]:
    """
    Find where each wanted label stands among the given ones, by name and not by position.

    Args:
        wanted (`Sequence[str]`): The names in the order that is wanted.
        given (`Sequence[str]`): The names as they come. Generic names (`LABEL_0` ...) on either side match by
            position.
        wanted_by (`str`): Whose names are wanted, for the message.
        given_by (`str`): Whose names are given, for the message.

    Returns:
        `list[int]`: For each wanted name, its index among the given.

    Raises:
        InputError: If the names cannot be matched; the message lists both.

    Example:

    ```python
    >>> match_labels(["negative", "positive"], ["POSITIVE", "NEGATIVE"], "the data", "the teacher")
    [1, 0]
    ```
    """
    if len(wanted) == len(given) and (are_generic(wanted) or are_generic(given)):
        return list(range(len(wanted)))
    for normalise in (str, lambda name: name.strip().casefold()):
        places = {normalise(name): index for index, name in enumerate(given)}
        if len(wanted) == len(given) == len(places) and {normalise(name) for name in wanted} == set(places):
            return [places[normalise(name)] for name in wanted]
    raise InputError(
        f"labels: the {len(wanted)} of {wanted_by} ({_listed(wanted)}) and the {len(given)} of {given_by} "
        f"({_listed(given)}) cannot be matched by name; rename the data set's labels or choose a "
        "teacher trained on them"
    )


def label_order(student: PretrainedConfig, teacher: PretrainedConfig) -> list[int] | None:
    """Return how to reorder the teacher's logits so that they have the student's labels; `None` if they do."""
    order = match_labels(label_names(student), label_names(teacher), "the student", "the teacher")
    return None if order == list(range(len(order))) else order


def _listed(names: Sequence[str], most: int = 20) -> str:
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown}, ... {len(names) - most} more"
