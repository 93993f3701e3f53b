# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""The rows on which ranges of activations are measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch

from hf_distill.data.sampling import spread_rows
from hf_distill.errors import InputError


def calibration_examples(rows: Any, number: int, collator: Callable) -> Iterator[dict[str, torch.Tensor]]:
    """
    Go through rows of all lengths, as often as they occur, one at a time.

    Args:
        rows (`Dataset`): Tokenized rows, those of training.
        number (`int`): How many of them.
        collator (`Callable`): Makes a batch.

    Raises:
        InputError: If there are none.
    """
    if rows is None or len(rows) == 0:
        raise InputError(
            "quantization: mode static measures the ranges of activations on training rows, and there are none; "
            "choose another mode"
        )
    by_length = np.argsort([len(ids) for ids in rows["input_ids"]], kind="stable")
    for row in by_length[spread_rows(len(rows), number)].tolist():
        yield dict(collator([rows[row]]))


def with_inputs(example: dict[str, torch.Tensor], names: Sequence[str]) -> dict[str, list]:
    """
    Return what a model reads of a batch of one row, as lists.

    Raises:
        InputError: If something is missing.
    """
    missing = [name for name in names if name not in example]
    if missing:
        raise InputError(f"quantization: the model reads {', '.join(missing)}, which the training rows do not have")
    return {name: example[name][0].tolist() for name in names}
