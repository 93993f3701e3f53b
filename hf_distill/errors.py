# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""The error that means that the user's input is wrong, and how to say what would be right."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """Something that the user gave is wrong; the message is one line that names it and says what would be right."""


def nearest_name(wrong: str, names: Iterable[str]) -> str:
    """
    Return `"; did you mean 'name'?"`, or the list of names where none is near.

    Args:
        wrong (`str`): What was given.
        names (`Iterable[str]`): What there is.
    """
    names = sorted(names)
    near = difflib.get_close_matches(wrong, names, n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else f"; there are: {', '.join(names)}"
