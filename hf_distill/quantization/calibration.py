# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""The rows on which ranges of activations are measured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch

from hf_distill.data.sampling import spread_rows
from hf_distill.errors import InputError
from hf_distill.tasks import Task
from hf_distill.tasks.base import Processor


def calibration_examples(
    rows: Any, number: int, task: Task, processor: Processor
) -> Iterator[dict[str, torch.Tensor]]:
    """
    Go through rows of all lengths, as often as they occur, one at a time.

    Args:
        rows (`Dataset`): Encoded rows, those of training.
        number (`int`): How many of them.
        task ([`Task`]): Their task.
        processor (`Processor`): What makes the model's inputs.

    Raises:
        InputError: If there are none.
    """
    if rows is None or len(rows) == 0:
        raise InputError(
            "quantization: mode static measures the ranges of activations on training rows, and there are none; "
            "choose another mode"
        )
    by_length, collator = np.argsort(task.lengths(rows), kind="stable"), task.collator(processor)
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
