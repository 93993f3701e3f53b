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
from hf_distill.objectives import build_objective
from hf_distill.objectives.logits import LogitsKL
from hf_distill.objectives.logits_decoupled import DKD

from . import reference

STUDENT = torch.tensor([[0.5, 1.0, -1.0]], dtype=torch.float64)
TEACHER = torch.tensor([[2.0, 1.0, 0.0]], dtype=torch.float64)


def loss_of(
    labels: torch.Tensor | None, student: torch.Tensor, teacher: torch.Tensor, **options: float
) -> torch.Tensor:
    return DKD(**options)(Features(logits=student), Features(logits=teacher), BatchView(labels=labels))


@pytest.mark.parametrize(("alpha", "beta", "value"), [(1, 0, 0.142778), (0, 1, 0.121495), (1, 8, 1.114738)])
def test_dkd_has_its_golden_values(alpha: float, beta: float, value: float) -> None:
    loss = loss_of(torch.tensor([0]), STUDENT, TEACHER, alpha=alpha, beta=beta, temperature=4.0)
    assert loss.item() == pytest.approx(value, abs=1e-6)


@settings(max_examples=20, deadline=None, derandomize=True)
@given(
    rows=st.integers(1, 5),
    classes=st.integers(2, 6),
    temperature=st.floats(0.5, 8),
    alpha=st.floats(0, 3),
    beta=st.floats(0, 9),
    seed=st.integers(0, 999),
)
def test_dkd_agrees_with_the_formula(
    rows: int, classes: int, temperature: float, alpha: float, beta: float, seed: int
) -> None:
    generator = np.random.default_rng(seed)
    student, teacher = generator.normal(0, 2, (2, rows, classes))
    labels = generator.integers(0, classes, rows)
    labels[generator.random(rows) < 0.3] = -100
    objective = DKD(temperature=temperature, alpha=alpha, beta=beta)
    losses = objective.compare(torch.tensor(student), torch.tensor(teacher), torch.tensor(labels))
    expected = [reference.dkd(s, t, label, temperature, alpha, beta) for s, t, label in zip(student, teacher, labels)]
    np.testing.assert_allclose(losses.numpy(), expected, rtol=1e-7, atol=1e-10)


@pytest.mark.parametrize("label", [0, 1, 2])
def test_both_parts_make_up_the_divergence(label: int) -> None:
    labels = torch.tensor([label])
    target, others = (
        loss_of(labels, STUDENT, TEACHER, temperature=2.0, alpha=alpha, beta=1 - alpha) for alpha in (1.0, 0.0)
    )
    rest = 1 - (TEACHER / 2).softmax(-1)[:, label]
    torch.testing.assert_close(target + rest * others, LogitsKL(temperature=2.0).compare(STUDENT, TEACHER))


def test_tokens_without_a_label_have_the_divergence_as_their_loss() -> None:
    student, teacher = (torch.stack([one, one + 1, one * 2], dim=1) for one in (STUDENT, TEACHER))
    losses = loss_of(torch.tensor([[0, -100, 2]]), student, teacher, temperature=2.0)
    expected = LogitsKL(temperature=2.0).compare(student, teacher)
    assert losses.shape == (1, 3)
    torch.testing.assert_close(losses[0, 1], expected[0, 1])
    assert not torch.isclose(losses[0, [0, 2]], expected[0, [0, 2]]).any()


def test_a_batch_without_labels_has_the_divergence_as_its_loss() -> None:
    torch.testing.assert_close(
        loss_of(None, STUDENT, TEACHER, temperature=2.0), LogitsKL(temperature=2.0).compare(STUDENT, TEACHER)
    )


@pytest.mark.parametrize("labels", [[0, -100], [-100, -100], None])
@pytest.mark.parametrize("classes", [1, 2, 3])
def test_certain_models_and_missing_labels_keep_everything_finite(labels: list[int] | None, classes: int) -> None:
    # The probability of the label rounds to 1 and that of the others to 0.
    teacher = torch.tensor([[400.0, -400.0, 0.0]] * 2)[:, :classes]
    student = (-teacher).requires_grad_()
    loss = loss_of(None if labels is None else torch.tensor(labels), student, teacher, temperature=1.0)
    loss.sum().backward()
    assert loss.isfinite().all()
    assert student.grad.isfinite().all()


def test_two_classes_have_no_ranking_of_the_others() -> None:
    student, teacher = STUDENT[:, :2], TEACHER[:, :2]
    expected = LogitsKL(temperature=4.0).compare(student, teacher)
    torch.testing.assert_close(loss_of(torch.tensor([1]), student, teacher, alpha=1.0, beta=8.0), expected)


@pytest.mark.parametrize("labels", [torch.zeros(2, 3), torch.zeros(2), torch.zeros(3, dtype=torch.long)])
def test_labels_that_are_not_one_class_are_refused(labels: torch.Tensor) -> None:
    with pytest.raises(InputError, match="^objective dkd: needs one class as the label of each") as error:
        loss_of(labels, STUDENT.repeat(2, 1), TEACHER.repeat(2, 1))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("option", ["alpha", "beta"])
def test_factors_must_be_numbers_at_least_0(option: str) -> None:
    with pytest.raises(InputError, match=f"^objective dkd: {option} must be a number at least 0; got -1"):
        build_objective(f"dkd:{option}=-1")
