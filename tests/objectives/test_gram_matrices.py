# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hf_distill.errors import InputError
from hf_distill.features.features import Features
from hf_distill.objectives.gram_matrices import FSP, NST

MASK = [[True, True, True, True], [True, False, True, False]]


def states(width: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(2, 4, width))


def nst(student: np.ndarray, teacher: np.ndarray) -> float:
    """The discrepancy of neurons, the columns of `(tokens, width)`, from the definition."""

    def kernel(one: np.ndarray, other: np.ndarray) -> float:
        pairs = [(a, b) for a in one.T for b in other.T]
        return np.mean([(a @ b / (np.linalg.norm(a) * np.linalg.norm(b))) ** 2 for a, b in pairs])

    return kernel(teacher, teacher) + kernel(student, student) - 2 * kernel(student, teacher)


def flow(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return sum(np.outer(a, b) for a, b in zip(first, second)) / len(first)


@settings(max_examples=10, deadline=None, derandomize=True)
@given(widths=st.tuples(st.integers(1, 5), st.integers(1, 5)), seed=st.integers(0, 999))
def test_nst_agrees_with_numpy(widths: tuple[int, int], seed: int) -> None:
    student, teacher = states(widths[0], seed), states(widths[1], seed + 1)
    losses = NST().compare(torch.tensor(student), torch.tensor(teacher), torch.tensor(MASK))
    for row, mask in enumerate(MASK):
        assert losses[row].item() == pytest.approx(nst(student[row][mask], teacher[row][mask]), abs=1e-8)


@settings(max_examples=10, deadline=None, derandomize=True)
@given(width=st.integers(1, 5), seed=st.integers(0, 999))
def test_fsp_agrees_with_numpy(width: int, seed: int) -> None:
    layers = [states(width, seed + number) for number in range(4)]
    first_s, second_s, first_t, second_t = (torch.tensor(layer) for layer in layers)
    losses = FSP().compare((first_s, second_s), (first_t, second_t), torch.tensor(MASK))
    for row, mask in enumerate(MASK):
        student, teacher = (flow(layers[at][row][mask], layers[at + 1][row][mask]) for at in (0, 2))
        assert losses[row].item() == pytest.approx(((student - teacher) ** 2).mean(), abs=1e-10)


def test_fsp_is_the_mean_over_the_steps_of_the_layer_map() -> None:
    objective = FSP(layers=[[0, 0], [1, 2], [2, 4]])
    objective.bind(student_layers=2, teacher_layers=4)
    student = {pair: torch.tensor(states(3, number)).float() for number, pair in enumerate(objective.pairs)}
    teacher = {pair[1]: torch.tensor(states(3, 10 + pair[1])).float() for pair in objective.pairs}
    found = objective(Features(hidden_states=student), Features(hidden_states=teacher))
    all_real = torch.ones(2, 4, dtype=torch.bool)
    steps = [
        objective.compare((student[one], student[other]), (teacher[one[1]], teacher[other[1]]), all_real)
        for one, other in zip(objective.pairs, objective.pairs[1:])
    ]
    torch.testing.assert_close(found, sum(steps) / 2)


def test_fsp_needs_two_layers() -> None:
    with pytest.raises(InputError, match=r"^objective fsp: layers must give 2 pairs or more, .*'last' gives 1$"):
        FSP(layers="last").bind(student_layers=2, teacher_layers=4)


@pytest.mark.parametrize("scale", [0.0, 1e-20])
def test_nst_of_dead_neurons_has_a_finite_gradient(scale: float) -> None:
    student = torch.full((1, 3, 2), scale, requires_grad=True)
    NST().compare(student, torch.ones(1, 3, 2), torch.ones(1, 3, dtype=torch.bool)).sum().backward()
    assert student.grad.isfinite().all()
