# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import pytest

from hf_distill.data.sampling import spread_rows


@pytest.mark.parametrize(
    ("rows", "number", "expected"),
    [(10, 4, [0, 3, 6, 9]), (3, 8, [0, 1, 2]), (5, 1, [0]), (1, 1, [0])],
)
def test_rows_come_from_all_over(rows: int, number: int, expected: list[int]) -> None:
    assert spread_rows(rows, number) == expected
