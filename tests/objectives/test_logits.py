# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import log_softmax

from hf_distill.features.features import Features, Needs
from hf_distill.features.units import Unit
from hf_distill.objectives.base import LogitsObjective
from hf_distill.objectives.logits import LogitsBCE, LogitsCE, LogitsKL, LogitsMSE, RegressionMSE

STUDENT = torch.tensor([[0.5, 1.0, -1.0]], dtype=torch.float64)
TEACHER = torch.tensor([[2.0, 1.0, 0.0]], dtype=torch.float64)
SHAPES = st.lists(st.integers(1, 4), min_size=1, max_size=2).map(tuple)


def logits(shape: tuple[int, ...], classes: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    return generator.normal(0, 3, (*shape, classes)), generator.normal(0, 3, (*shape, classes))


@pytest.mark.parametrize(("temperature", "value"), [(1, 0.235243), (2, 0.226700), (4, 0.213339)])
def test_logits_kl_has_its_golden_value(temperature: float, value: float) -> None:
    loss = LogitsKL(temperature=temperature)(Features(logits=STUDENT), Features(logits=TEACHER))
    assert loss.item() == pytest.approx(value, abs=1e-6)


def test_logits_mse_has_its_golden_value() -> None:
    # (1.5^2 + 0^2 + 1^2) / 3
    loss = LogitsMSE()(Features(logits=STUDENT), Features(logits=TEACHER))
    assert loss.item() == pytest.approx(3.25 / 3, abs=1e-9)


def test_logits_ce_has_its_golden_value() -> None:
    loss = LogitsCE()(Features(logits=STUDENT), Features(logits=TEACHER))
    assert loss.item() == pytest.approx(1.067639, abs=1e-6)


def test_logits_bce_has_its_golden_value() -> None:
    # -(q log p + (1 - q) log(1 - p)) with q = 0.75 and p = 0.5, and with q = 0.5 and p = 0.75
    student, teacher = np.log([[1.0, 3.0]]), np.log([[3.0, 1.0]])
    expected = (np.log(2) - 0.5 * np.log(0.75 * 0.25)) / 2
    assert LogitsBCE().compare(torch.tensor(student), torch.tensor(teacher)).item() == pytest.approx(expected)


def test_regression_mse_is_the_squared_difference_of_the_values() -> None:
    assert RegressionMSE().compare(torch.tensor([[2.5], [1.0]]), torch.tensor([[4.0], [1.0]])).tolist() == [2.25, 0.0]


@settings(max_examples=20, deadline=None)
@given(shape=SHAPES, classes=st.integers(2, 6), temperature=st.floats(0.25, 8), seed=st.integers(0, 999))
def test_logits_ce_is_logits_kl_and_the_teachers_entropy(
    shape: tuple[int, ...], classes: int, temperature: float, seed: int
) -> None:
    student, teacher = logits(shape, classes, seed)
    wanted_log, given_log = log_softmax(teacher / temperature, -1), log_softmax(student / temperature, -1)
    wanted = np.exp(wanted_log)
    tensors = torch.tensor(student), torch.tensor(teacher)
    losses = LogitsCE(temperature=temperature).compare(*tensors)
    np.testing.assert_allclose(losses.numpy(), -(temperature**2) * (wanted * given_log).sum(-1), rtol=1e-8)
    entropy = -(temperature**2) * (wanted * wanted_log).sum(-1)
    divergence = LogitsKL(temperature=temperature).compare(*tensors)
    np.testing.assert_allclose(losses.numpy(), divergence.numpy() + entropy, rtol=1e-8)


@settings(max_examples=20, deadline=None)
@given(shape=SHAPES, classes=st.integers(1, 6), temperature=st.floats(0.25, 8), seed=st.integers(0, 999))
def test_logits_bce_agrees_with_numpy(shape: tuple[int, ...], classes: int, temperature: float, seed: int) -> None:
    student, teacher = logits(shape, classes, seed)
    # log(1 - sigmoid(z)) is log(sigmoid(-z)).
    yes, no = (-np.logaddexp(0, sign * student / temperature) for sign in (-1, 1))
    wanted = 1 / (1 + np.exp(-teacher / temperature))
    expected = -(wanted * yes + (1 - wanted) * no).mean(-1) * temperature**2
    losses = LogitsBCE(temperature=temperature).compare(torch.tensor(student), torch.tensor(teacher))
    np.testing.assert_allclose(losses.numpy(), expected, rtol=1e-8)


@settings(max_examples=20, deadline=None)
@given(shape=SHAPES, classes=st.integers(2, 6), temperature=st.floats(0.25, 8), seed=st.integers(0, 999))
def test_logits_kl_agrees_with_numpy(shape: tuple[int, ...], classes: int, temperature: float, seed: int) -> None:
    student, teacher = logits(shape, classes, seed)
    wanted_log, given_log = log_softmax(teacher / temperature, -1), log_softmax(student / temperature, -1)
    expected = temperature**2 * (np.exp(wanted_log) * (wanted_log - given_log)).sum(-1)
    losses = LogitsKL(temperature=temperature).compare(torch.tensor(student), torch.tensor(teacher))
    np.testing.assert_allclose(losses.numpy(), expected, rtol=1e-8, atol=1e-10)


@settings(max_examples=20, deadline=None)
@given(shape=SHAPES, classes=st.integers(1, 6), seed=st.integers(0, 999))
def test_logits_mse_agrees_with_numpy(shape: tuple[int, ...], classes: int, seed: int) -> None:
    student, teacher = logits(shape, classes, seed)
    losses = LogitsMSE().compare(torch.tensor(student), torch.tensor(teacher))
    np.testing.assert_allclose(losses.numpy(), ((student - teacher) ** 2).mean(-1))


@pytest.mark.parametrize("temperature", [1.0, 4.0])
def test_gradient_of_logits_kl_is_temperature_times_the_difference_of_probabilities(temperature: float) -> None:
    student = STUDENT.clone().requires_grad_()
    LogitsKL(temperature=temperature).compare(student, TEACHER).sum().backward()
    expected = temperature * ((STUDENT / temperature).softmax(-1) - (TEACHER / temperature).softmax(-1))
    torch.testing.assert_close(student.grad, expected)


@settings(max_examples=20, deadline=None)
@given(constant=st.floats(-50, 50), seed=st.integers(0, 999))
def test_logits_kl_ignores_a_constant_added_to_all_logits(constant: float, seed: int) -> None:
    student, teacher = (torch.tensor(values) for values in logits((3,), 4, seed))
    objective = LogitsKL(temperature=2.0)
    expected = objective.compare(student, teacher)
    torch.testing.assert_close(objective.compare(student + constant, teacher), expected)
    torch.testing.assert_close(objective.compare(student, teacher + constant), expected)


def test_half_precision_logits_are_compared_in_32_bits() -> None:
    half = Features(logits=STUDENT.to(torch.bfloat16)), Features(logits=TEACHER.to(torch.bfloat16))
    losses = LogitsKL()(*half)
    assert losses.dtype == torch.float32
    assert losses.item() == pytest.approx(0.235243, abs=1e-6)


def test_a_class_that_the_teacher_rules_out_keeps_the_loss_finite() -> None:
    losses = LogitsKL().compare(torch.tensor([[0.0, 200.0]]), torch.tensor([[200.0, -200.0]]))
    assert losses.item() == pytest.approx(200.0)


@pytest.mark.parametrize("objective", [LogitsKL(), LogitsCE(), LogitsMSE(), LogitsBCE(), RegressionMSE()])
def test_logits_objectives_ask_for_logits_alone(objective: LogitsObjective) -> None:
    assert objective.needs == Needs(logits=True)
    assert objective.pairs == []


@pytest.mark.parametrize(("shape", "unit"), [((4,), Unit.EXAMPLE), ((4, 7), Unit.PREDICTION)])
def test_logits_objectives_count_examples_or_predicted_tokens(shape: tuple[int, ...], unit: Unit) -> None:
    assert LogitsKL().unit(torch.zeros(shape)) is unit


@pytest.mark.parametrize("objective_class", [LogitsKL, LogitsCE, LogitsBCE])
@pytest.mark.parametrize("temperature", [0, -1, "warm", float("nan"), True])
def test_wrong_temperature_is_refused_by_name(objective_class: type[LogitsKL], temperature: object) -> None:
    with pytest.raises(ValueError, match=rf"^objective {objective_class.name}: temperature must be a number above 0"):
        objective_class(temperature=temperature)
