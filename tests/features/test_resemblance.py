# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

from collections.abc import Callable
from itertools import combinations, combinations_with_replacement

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import PreTrainedModel

from hf_distill import build_student
from hf_distill.features.resemblance import linear_cka, most_alike, resemblance


def reference_cka(one: np.ndarray, other: np.ndarray) -> float:
    """By way of features, where the package goes by way of tokens."""
    one, other = one - one.mean(0), other - other.mean(0)
    return (np.square(other.T @ one).sum()) / (np.linalg.norm(one.T @ one) * np.linalg.norm(other.T @ other))


@settings(max_examples=20, deadline=None, derandomize=True)
@given(tokens=st.integers(3, 8), widths=st.tuples(st.integers(1, 5), st.integers(1, 5)), seed=st.integers(0, 999))
def test_cka_agrees_with_the_formula(tokens: int, widths: tuple[int, int], seed: int) -> None:
    generator = np.random.default_rng(seed)
    one, other = (generator.normal(size=(tokens, width)) for width in widths)
    assert linear_cka(torch.tensor(one), torch.tensor(other)) == pytest.approx(reference_cka(one, other), abs=1e-9)


def test_cka_does_not_care_about_rotation_scale_and_shift() -> None:
    generator = np.random.default_rng(0)
    one = generator.normal(size=(20, 4))
    turn, _ = np.linalg.qr(generator.normal(size=(4, 4)))
    assert linear_cka(torch.tensor(one), torch.tensor(3 * one @ turn + 5)) == pytest.approx(1.0)
    assert linear_cka(torch.tensor(one), torch.ones(20, 2)) == 0.0


@settings(max_examples=40, deadline=None, derandomize=True)
@given(depth=st.integers(1, 4), teachers=st.integers(1, 6), seed=st.integers(0, 999))
def test_the_best_pairs_in_order_are_found(depth: int, teachers: int, seed: int) -> None:
    alignment = np.random.default_rng(seed).random((depth, teachers))
    choices = (combinations if depth <= teachers else combinations_with_replacement)(range(teachers), depth)
    best = max(sum(alignment[layer, teacher] for layer, teacher in enumerate(choice)) for choice in choices)
    pairs = most_alike(torch.tensor(alignment))
    assert [own for own, _ in pairs] == list(range(1, depth + 1))
    assert sum(alignment[own - 1, other - 1] for own, other in pairs) == pytest.approx(best)


def test_layers_of_a_copy_resemble_their_own_layers_most(
    teacher: PreTrainedModel, make_rows: Callable, collate: type
) -> None:
    student = build_student(teacher)
    alignment = resemblance(student, teacher, [collate()(make_rows()), collate(extra=5)(make_rows(seed=1))])
    assert alignment.shape == (4, 4)
    torch.testing.assert_close(alignment.diagonal(), torch.ones(4), atol=1e-5, rtol=0)
    assert most_alike(alignment) == [(1, 1), (2, 2), (3, 3), (4, 4)]
    assert student.training


def test_padding_does_not_change_the_measure(teacher: PreTrainedModel, make_rows: Callable, collate: type) -> None:
    student = build_student(teacher, num_hidden_layers=2)
    measured = [resemblance(student, teacher, [collate(extra=extra)(make_rows())]) for extra in (0, 9)]
    torch.testing.assert_close(*measured, atol=1e-5, rtol=0)
