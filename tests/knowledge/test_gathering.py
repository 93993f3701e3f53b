# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import torch

from hf_distill.knowledge.gathering import Gathered


def vectors(number: int, first: int = 0) -> torch.Tensor:
    return torch.arange(first, first + 3 * number, dtype=torch.uint8).view(number, 3)


def test_rows_have_as_many_vectors_as_was_said() -> None:
    gathered = Gathered()
    gathered.add(vectors(4), [1, 3])
    gathered.add(vectors(2, 100), [0, 2])
    expected = [bytes(range(3)), bytes(range(3, 12)), b"", bytes(range(100, 106))]
    assert gathered.rows().to_pylist() == expected


def test_what_is_larger_than_the_memory_fits() -> None:
    gathered, expected = Gathered(), []
    for first in range(50):
        gathered.add(vectors(1, first), [1])
        expected.append(bytes(range(first, first + 3)))
    assert gathered.rows().to_pylist() == expected


def test_the_memory_serves_again() -> None:
    gathered = Gathered()
    gathered.add(vectors(4), [4])
    before = gathered.rows().buffers()[2].address
    gathered.clear()
    assert len(gathered.rows()) == 0
    gathered.add(vectors(3, 50), [1, 2])
    assert gathered.rows().to_pylist() == [bytes(range(50, 53)), bytes(range(53, 59))]
    assert gathered.rows().buffers()[2].address == before


def test_states_that_do_not_lie_in_one_piece_are_put_in_one() -> None:
    gathered = Gathered()
    gathered.add(vectors(4)[::2], [1, 1])
    assert gathered.rows().to_pylist() == [bytes(range(3)), bytes(range(6, 9))]
