# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import torch

from hf_distill.features.maps import LayerMaps, MapOptions

PAIRS = [(1, 2), (2, 4)]


def numbers(maps: LayerMaps) -> dict[str, int]:
    return {name: sum(weight.numel() for weight in entry.parameters()) for name, entry in maps.items()}


def test_there_is_a_linear_map_for_each_pair_where_widths_differ() -> None:
    assert numbers(LayerMaps(PAIRS, 4, 6)) == {"1_2": 30, "2_4": 30}
    assert numbers(LayerMaps(PAIRS, 6, 6)) == {}


def test_one_map_can_serve_all_pairs() -> None:
    maps = LayerMaps(PAIRS, 4, 6, MapOptions(shared=True))
    states = torch.randn(1, 2, 4)
    assert numbers(maps) == {"shared": 30}
    assert maps.apply_to((1, 2), states).equal(maps.apply_to((2, 4), states))


def test_an_mlp_maps_equal_widths_too() -> None:
    maps = LayerMaps([(1, 2)], 6, 6, MapOptions(kind="mlp"))
    states = torch.randn(1, 2, 6)
    assert numbers(maps) == {"1_2": 84}
    assert not maps.apply_to((1, 2), states).allclose(states)
    assert not torch.allclose(maps.apply_to((1, 2), 2 * states), 2 * maps.apply_to((1, 2), states), atol=1e-3)


def test_a_map_from_the_teacher_has_the_students_width() -> None:
    maps = LayerMaps([(1, 2)], 4, 6, MapOptions(direction="teacher_to_student"))
    assert maps.apply_to((1, 2), torch.randn(1, 2, 6)).shape == (1, 2, 4)


def test_an_orthogonal_start_keeps_lengths_and_a_random_one_does_not() -> None:
    states = torch.randn(1, 5, 4, generator=torch.Generator().manual_seed(0))
    for start, kept in (("orthogonal", True), ("random", False)):
        lengths = LayerMaps([(1, 2)], 4, 6, MapOptions(start=start)).apply_to((1, 2), states).norm(dim=-1)
        assert torch.allclose(lengths, states.norm(dim=-1), atol=1e-5) is kept
