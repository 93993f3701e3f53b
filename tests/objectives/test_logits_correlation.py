# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hf_distill.errors import InputError
from hf_distill.features.batch import BatchView
from hf_distill.features.features import Features
from hf_distill.features.units import Unit
from hf_distill.objectives import build_objective
from hf_distill.objectives.logits_correlation import DIST

from . import reference

STUDENT = torch.tensor([[0.5, 1.0, -1.0], [1.0, 0.0, 0.0]], dtype=torch.float64)
TEACHER = torch.tensor([[2.0, 1.0, 0.0], [0.0, 2.0, 1.0]], dtype=torch.float64)


@pytest.mark.parametrize(("beta", "gamma", "value"), [(1, 0, 1.199156), (0, 1, 1.333333), (2, 3, 6.398312)])
def test_dist_has_its_golden_values(beta: float, gamma: float, value: float) -> None:
    losses = DIST(beta=beta, gamma=gamma)(Features(logits=STUDENT), Features(logits=TEACHER))
    assert losses.mean().item() == pytest.approx(value, abs=1e-6)


@settings(max_examples=20, deadline=None, derandomize=True)
@given(
    batch=st.integers(1, 3),
    tokens=st.integers(1, 4),
    classes=st.integers(1, 5),
    temperature=st.floats(0.5, 4),
    beta=st.floats(0, 3),
    gamma=st.floats(0, 3),
    seed=st.integers(0, 999),
)
def test_dist_agrees_with_the_formula(
    batch: int, tokens: int, classes: int, temperature: float, beta: float, gamma: float, seed: int
) -> None:
    generator = np.random.default_rng(seed)
    student, teacher = generator.normal(0, 2, (2, batch, tokens, classes))
    mask = generator.random((batch, tokens)) < 0.7
    objective = DIST(temperature=temperature, beta=beta, gamma=gamma)
    losses = objective(
        Features(logits=torch.tensor(student)),
        Features(logits=torch.tensor(teacher)),
        BatchView(masks={Unit.PREDICTION: torch.tensor(mask)}),
    )
    expected = reference.dist(student[mask], teacher[mask], temperature, beta, gamma) if mask.any() else []
    np.testing.assert_allclose(losses.numpy()[mask], expected, rtol=1e-6, atol=1e-8)


def test_columns_are_those_of_the_real_examples() -> None:
    objective, more = DIST(beta=0.0), torch.full((2, 3), 7.0).double()
    losses = objective.compare(
        torch.cat([STUDENT, more]), torch.cat([TEACHER, -more]), torch.tensor([True, True, False, False])
    )
    torch.testing.assert_close(losses[:2], objective.compare(STUDENT, TEACHER))


def test_a_single_row_has_no_columns_to_compare() -> None:
    student = STUDENT[:1].clone().requires_grad_()
    loss = DIST(beta=0.0).compare(student, TEACHER[:1])
    loss.sum().backward()
    assert loss.item() == 0.0
    assert not student.grad.any()


def test_copies_of_one_row_have_no_columns_to_compare() -> None:
    # The mean of equal numbers may differ from them by rounding, which must not count as variation.
    student, teacher = STUDENT.float()[:1].repeat(7, 1), TEACHER.float()[:1].repeat(7, 1)
    assert DIST(beta=0.0).compare(student, teacher).tolist() == [0.0] * 7


def test_a_constant_teacher_says_nothing_and_a_constant_student_is_uncorrelated() -> None:
    varied, constant = STUDENT[:1], torch.zeros(1, 3).double()
    objective = DIST(gamma=0.0)
    assert objective.compare(varied, constant).item() == 0.0
    student = constant.clone().requires_grad_()
    loss = objective.compare(student, varied)
    loss.sum().backward()
    assert loss.item() == pytest.approx(1.0)
    assert student.grad.isfinite().all()


def test_rows_of_other_probabilities_in_the_same_proportions_are_equal() -> None:
    teacher = torch.tensor([[0.2, 0.3, 0.5]]).double()
    student = 0.5 * teacher + 1 / 6
    assert DIST(gamma=0.0).compare(student.log(), teacher.log()).item() == pytest.approx(0.0, abs=1e-12)


def test_certain_models_keep_everything_finite() -> None:
    student = torch.tensor([[200.0, 0.0], [200.0, 1.0], [0.0, 200.0]], requires_grad=True)
    loss = DIST().compare(student, torch.tensor([[0.0, 200.0], [200.0, 0.0], [-200.0, 0.0]]))
    loss.sum().backward()
    assert loss.isfinite().all()
    assert student.grad.isfinite().all()


@pytest.mark.parametrize("option", ["beta", "gamma"])
def test_factors_must_be_numbers_at_least_0(option: str) -> None:
    with pytest.raises(InputError, match=f"^objective dist: {option} must be a number at least 0; got -1"):
        build_objective(f"dist:{option}=-1")
