# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Memory in which a column's rows are put together, shard after shard."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import torch


class Gathered:
    """
    The bytes of a column's rows, one after the other as they come.

    The memory is kept when it is cleared: to take as much anew for every shard costs more than to fill it.
    """

    def __init__(self) -> None:
        self._content = np.empty(0, dtype=np.uint8)
        self._ends = [np.zeros(1, dtype=np.int64)]

    def clear(self) -> None:
        """Begin anew."""
        del self._ends[1:]

    def add(self, packed: torch.Tensor, counts: Sequence[int]) -> None:
        """
        Add rows.

        Args:
            packed (`torch.Tensor`): The bytes `(number, size)` of their vectors, one after the other.
            counts (`Sequence[int]`): How many vectors each row has.
        """
        first = int(self._ends[-1][-1])
        last = first + packed.numel()
        if last > len(self._content):
            grown = np.empty(max(last, 2 * len(self._content)), dtype=np.uint8)
            grown[:first] = self._content[:first]
            self._content = grown
        # From another device it comes here without a stop in between.
        torch.from_numpy(self._content[first:last]).copy_(packed.flatten())
        self._ends.append(first + np.cumsum(counts, dtype=np.int64) * packed.shape[-1])

    def rows(self) -> pa.LargeBinaryArray:
        """Return the rows; they are true until the memory is used again."""
        ends = np.concatenate(self._ends)
        buffers = [None, pa.py_buffer(ends), pa.py_buffer(self._content)]
        return pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(ends) - 1, buffers)
