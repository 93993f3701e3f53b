# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import log_softmax

from hf_distill.features.batch import BatchView
from hf_distill.features.features import Features, Needs
from hf_distill.features.heads import Head
from hf_distill.features.units import Unit
from hf_distill.objectives import LogitsObjective, build_objective
from hf_distill.objectives.logits import LogitsBCE, LogitsCE, LogitsKL, LogitsMSE, RegressionMSE

from . import reference

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
    assert LogitsCE()(Features(logits=STUDENT), Features(logits=TEACHER)).item() == pytest.approx(1.067639, abs=1e-6)


@pytest.mark.parametrize(("temperature", "value"), [(1, 0.643048), (2, 2.706799)])
def test_logits_bce_has_its_golden_value(temperature: float, value: float) -> None:
    loss = LogitsBCE(temperature=temperature)(Features(logits=STUDENT), Features(logits=TEACHER))
    assert loss.item() == pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize(
    ("student", "teacher", "value"), [([[3.0]], [[2.5]], 0.25), ([[1.0, 2.0]], [[0.0, 5.0]], 5.0)]
)
def test_regression_mse_has_its_golden_value(student: list, teacher: list, value: float) -> None:
    losses = RegressionMSE()(Features(logits=torch.tensor(student)), Features(logits=torch.tensor(teacher)))
    assert losses.tolist() == [pytest.approx(value)]


@pytest.mark.parametrize(("name", "value"), [("logits_kl", 0.235243), ("logits_ce", 1.067639)])
def test_both_ends_of_a_span_have_the_golden_value_over_the_real_tokens(name: str, value: float) -> None:
    # The tokens are the classes; the end is as the start with its tokens in the other order, and the last is padding.
    spans = [torch.stack([logits[0], logits[0].flip(0)], -1) for logits in (STUDENT, TEACHER)]
    padding = torch.full((1, 2), 50.0, dtype=torch.float64)
    student, teacher = (Features(logits=torch.cat([logits, padding]).unsqueeze(0)) for logits in spans)
    batch = BatchView({Unit.TOKEN: torch.tensor([[True, True, True, False]])})
    objective = build_objective(name)
    objective.fit_head(Head.SPAN)
    losses = objective(student, teacher, batch)
    assert objective.unit(losses) is Unit.EXAMPLE
    assert losses.tolist() == [pytest.approx(value, abs=1e-6)]


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


@settings(max_examples=20, deadline=None, derandomize=True)
@given(
    objective=st.sampled_from([LogitsKL, LogitsCE]),
    shape=SHAPES,
    classes=st.integers(2, 6),
    top_k=st.none() | st.integers(2, 7),
    temperature=st.floats(0.25, 8),
    seed=st.integers(0, 999),
)
def test_distributions_agree_with_the_formula(
    objective: type[LogitsKL | LogitsCE],
    shape: tuple[int, ...],
    classes: int,
    top_k: int | None,
    temperature: float,
    seed: int,
) -> None:
    student, teacher = logits(shape, classes, seed)
    formula = getattr(reference, objective.name)
    losses = objective(temperature=temperature, top_k=top_k).compare(torch.tensor(student), torch.tensor(teacher))
    expected = [
        formula(s, t, temperature, top_k) for s, t in zip(student.reshape(-1, classes), teacher.reshape(-1, classes))
    ]
    np.testing.assert_allclose(losses.reshape(-1).numpy(), expected, rtol=1e-8, atol=1e-10)


@settings(max_examples=20, deadline=None, derandomize=True)
@given(shape=SHAPES, classes=st.integers(1, 6), temperature=st.floats(0.5, 8), seed=st.integers(0, 999))
def test_logits_bce_agrees_with_the_formula(
    shape: tuple[int, ...], classes: int, temperature: float, seed: int
) -> None:
    student, teacher = logits(shape, classes, seed)
    losses = LogitsBCE(temperature=temperature).compare(torch.tensor(student), torch.tensor(teacher))
    rows = zip(student.reshape(-1, classes), teacher.reshape(-1, classes))
    expected = [reference.logits_bce(s, t, temperature) for s, t in rows]
    np.testing.assert_allclose(losses.reshape(-1).numpy(), expected, rtol=1e-8, atol=1e-10)


@settings(max_examples=10, deadline=None, derandomize=True)
@given(shape=SHAPES, outputs=st.integers(1, 3), seed=st.integers(0, 999))
def test_regression_mse_agrees_with_the_formula(shape: tuple[int, ...], outputs: int, seed: int) -> None:
    student, teacher = logits(shape, outputs, seed)
    losses = RegressionMSE().compare(torch.tensor(student), torch.tensor(teacher))
    rows = zip(student.reshape(-1, outputs), teacher.reshape(-1, outputs))
    expected = [reference.mean_squared_difference(s, t) for s, t in rows]
    np.testing.assert_allclose(losses.reshape(-1).numpy(), expected)


def test_logits_ce_is_the_divergence_and_the_teachers_entropy() -> None:
    entropy = torch.distributions.Categorical(logits=TEACHER / 2).entropy()
    expected = LogitsKL(temperature=2.0).compare(STUDENT, TEACHER) + 4 * entropy
    torch.testing.assert_close(LogitsCE(temperature=2.0).compare(STUDENT, TEACHER), expected)


@pytest.mark.parametrize("objective", [LogitsKL(temperature=2.0, top_k=2), LogitsCE(temperature=2.0, top_k=2)])
def test_top_k_leaves_the_other_classes_alone(objective: LogitsKL | LogitsCE) -> None:
    student = STUDENT.clone().requires_grad_()
    loss = objective.compare(student, TEACHER)
    loss.sum().backward()
    torch.testing.assert_close(loss, objective.compare(STUDENT[:, :2], TEACHER[:, :2]))
    assert (student.grad != 0).tolist() == [[True, True, False]]


@pytest.mark.parametrize("value", [1, 0, -2, 2.0, True, "two"])
@pytest.mark.parametrize("name", ["logits_kl", "logits_ce"])
def test_top_k_must_be_a_whole_number_at_least_2(name: str, value: object) -> None:
    with pytest.raises(
        ValueError, match=f"^objective {name}: top_k must be a whole number at least 2, or left"
    ) as error:
        build_objective({"name": name, "top_k": value})
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["logits_ce", "logits_bce", "dkd", "dist"])
def test_every_temperature_must_be_above_0(name: str) -> None:
    with pytest.raises(ValueError, match=f"^objective {name}: temperature must be a number above 0; got 0"):
        build_objective({"name": name, "temperature": 0})


@pytest.mark.parametrize("temperature", [1.0, 4.0])
def test_gradient_of_logits_bce_is_temperature_times_the_mean_difference_of_probabilities(temperature: float) -> None:
    student = STUDENT.clone().requires_grad_()
    LogitsBCE(temperature=temperature).compare(student, TEACHER).sum().backward()
    difference = (STUDENT / temperature).sigmoid() - (TEACHER / temperature).sigmoid()
    torch.testing.assert_close(student.grad, temperature * difference / 3)


@pytest.mark.parametrize("temperature", [1.0, 4.0])
@pytest.mark.parametrize("objective_class", [LogitsKL, LogitsCE])
def test_gradient_of_distributions_is_temperature_times_the_difference_of_probabilities(
    objective_class: type[LogitsKL | LogitsCE], temperature: float
) -> None:
    student = STUDENT.clone().requires_grad_()
    objective_class(temperature=temperature).compare(student, TEACHER).sum().backward()
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


@pytest.mark.parametrize("objective", [LogitsCE(), LogitsBCE()])
def test_logits_far_apart_keep_losses_and_gradients_finite(objective: LogitsCE | LogitsBCE) -> None:
    student = torch.tensor([[-3e4, 3e4]], requires_grad=True)
    loss = objective.compare(student, torch.tensor([[3e4, -3e4]]))
    loss.sum().backward()
    assert loss.isfinite().all()
    assert student.grad.isfinite().all()


def test_a_class_that_the_teacher_rules_out_keeps_the_loss_finite() -> None:
    losses = LogitsKL().compare(torch.tensor([[0.0, 200.0]]), torch.tensor([[200.0, -200.0]]))
    assert losses.item() == pytest.approx(200.0)


@pytest.mark.parametrize(
    "name", ["logits_kl", "logits_mse", "logits_ce", "logits_bce", "regression_mse", "dkd", "dist"]
)
def test_logits_objectives_ask_for_logits_alone(name: str) -> None:
    objective = build_objective(name)
    assert isinstance(objective, LogitsObjective)
    assert objective.needs == Needs(logits=True)
    assert objective.projected_pairs == []


@pytest.mark.parametrize(("shape", "unit"), [((4,), Unit.EXAMPLE), ((4, 7), Unit.PREDICTION)])
def test_logits_objectives_count_examples_or_predicted_tokens(shape: tuple[int, ...], unit: Unit) -> None:
    assert LogitsKL().unit(torch.zeros(shape)) is unit
