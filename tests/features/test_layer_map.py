# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hf_distill.errors import InputError
from hf_distill.features.layer_map import resolve_layers


@pytest.mark.parametrize(
    ("student", "teacher", "pairs"),
    [
        (2, 6, [(1, 3), (2, 6)]),
        (3, 12, [(1, 4), (2, 8), (3, 12)]),
        (3, 4, [(1, 1), (2, 3), (3, 4)]),
        (4, 6, [(1, 2), (2, 3), (3, 5), (4, 6)]),
        (5, 12, [(1, 2), (2, 5), (3, 7), (4, 10), (5, 12)]),
        (4, 4, [(1, 1), (2, 2), (3, 3), (4, 4)]),
        (1, 7, [(1, 7)]),
    ],
)
def test_uniform_maps_any_depths(student: int, teacher: int, pairs: list[tuple[int, int]]) -> None:
    assert resolve_layers("uniform", student, teacher) == pairs


@given(student=st.integers(1, 24), extra=st.integers(0, 24))
def test_uniform_climbs_to_the_last_layer(student: int, extra: int) -> None:
    pairs = resolve_layers("uniform", student, student + extra)
    teachers = [teacher for _, teacher in pairs]
    assert [layer for layer, _ in pairs] == list(range(1, student + 1))
    assert all(low < high for low, high in zip(teachers, teachers[1:]))
    assert teachers[0] >= 1 and teachers[-1] == student + extra


@given(student=st.integers(1, 24), extra=st.integers(0, 24))
def test_uniform_stays_within_half_a_layer_of_the_exact_place(student: int, extra: int) -> None:
    teacher = student + extra
    assert all(abs(to - layer * teacher / student) <= 0.5 for layer, to in resolve_layers("uniform", student, teacher))


def test_last_maps_the_last_layers() -> None:
    assert resolve_layers("last", 2, 6) == [(2, 6)]


def test_skip_leaves_the_last_layers_out() -> None:
    assert resolve_layers("skip", 6, 12) == [(1, 2), (2, 4), (3, 6), (4, 8), (5, 10)]


def test_skip_leaves_nothing_of_a_single_layer() -> None:
    with pytest.raises(InputError, match="^owner: layers 'skip' pairs nothing with a student of 1 layer$"):
        resolve_layers("skip", 1, 6, "owner")


def test_pairs_are_taken_as_they_are() -> None:
    assert resolve_layers([[0, 0], [1, 3], (1, 6)], 2, 6) == [(0, 0), (1, 3), (1, 6)]


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([[1, 7]], r"^owner: teacher layer 7 in layers is outside 0 to 6"),
        ([[3, 1]], r"^owner: student layer 3 in layers is outside 0 to 2"),
        ([[-1, 1]], r"^owner: student layer -1 in layers"),
        ("first", r"^owner: layers must be uniform, skip, last, auto, or pairs such as .*; got 'first'$"),
        ([1, 2], r"^owner: layers must be"),
        ("1,2", r"^owner: layers must be"),
        ({1: 3}, r"^owner: layers must be"),
    ],
)
def test_wrong_layers_are_refused_in_the_name_of_their_owner(layers: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        resolve_layers(layers, 2, 6, "owner")
