# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Choosing some rows of many."""

from __future__ import annotations

import numpy as np


def spread_rows(rows: int, number: int) -> list[int]:
    """
    Return the numbers of rows from all over the data, the same each time.

    Args:
        rows (`int`): How many rows there are.
        number (`int`): How many of them are wanted; all if there are not so many.
    """
    return np.unique(np.linspace(0, rows - 1, min(number, rows)).astype(int)).tolist()
