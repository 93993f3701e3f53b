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
from hf_distill.objectives.class_structure import DIST, DKD
from hf_distill.objectives.logits import LogitsKL

STUDENT = torch.tensor([[0.5, 1.0, -1.0], [1.0, 0.0, 0.0]], dtype=torch.float64)
TEACHER = torch.tensor([[2.0, 1.0, 0.0], [0.0, 2.0, 1.0]], dtype=torch.float64)
SHAPES = st.lists(st.integers(1, 4), min_size=1, max_size=2).map(tuple)


def logits(shape: tuple[int, ...], classes: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    return generator.normal(0, 3, (*shape, classes)), generator.normal(0, 3, (*shape, classes))


def loss_of(objective: DKD, student: torch.Tensor, teacher: torch.Tensor, labels: torch.Tensor | None) -> torch.Tensor:
    return objective(Features(logits=student), Features(logits=teacher), BatchView(masks={}, labels=labels))


def divergence(wanted: np.ndarray, found: np.ndarray) -> float:
    return float(sum(p * np.log(p / q) for p, q in zip(wanted, found)))


def softmax(values: np.ndarray) -> np.ndarray:
    powers = np.exp(values - values.max())
    return powers / powers.sum()


def test_dkd_has_its_golden_values() -> None:
    objective = DKD()
    target, others = objective.parts(STUDENT[:1], TEACHER[:1], torch.tensor([0]))
    assert target.item() == pytest.approx(0.142778, abs=1e-6)
    assert others.item() == pytest.approx(0.121495, abs=1e-6)
    assert loss_of(objective, STUDENT[:1], TEACHER[:1], torch.tensor([0])).item() == pytest.approx(1.114738, abs=1e-6)


@settings(max_examples=20, deadline=None, derandomize=True)
@given(shape=SHAPES, classes=st.integers(2, 5), temperature=st.floats(0.5, 8), seed=st.integers(0, 999))
def test_dkd_agrees_with_numpy(shape: tuple[int, ...], classes: int, temperature: float, seed: int) -> None:
    student, teacher = logits(shape, classes, seed)
    labels = np.random.default_rng(seed).integers(0, classes, shape)
    found = loss_of(
        DKD(temperature=temperature, alpha=0.5, beta=3.0), *map(torch.tensor, (student, teacher)), torch.tensor(labels)
    )
    for place in np.ndindex(shape):
        given_p, wanted_p = softmax(student[place] / temperature), softmax(teacher[place] / temperature)
        y = labels[place]
        target = divergence(np.array([wanted_p[y], 1 - wanted_p[y]]), np.array([given_p[y], 1 - given_p[y]]))
        others = [np.delete(values[place] / temperature, y) for values in (student, teacher)]
        rest = divergence(softmax(others[1]), softmax(others[0]))
        assert found[place].item() == pytest.approx(temperature**2 * (0.5 * target + 3.0 * rest), rel=1e-6, abs=1e-9)


@settings(max_examples=20, deadline=None, derandomize=True)
@given(classes=st.integers(2, 5), temperature=st.floats(0.5, 8), seed=st.integers(0, 999))
def test_parts_of_dkd_make_up_the_whole_divergence(classes: int, temperature: float, seed: int) -> None:
    student, teacher = (torch.tensor(values) for values in logits((3,), classes, seed))
    labels = torch.tensor([0, classes - 1, 1])
    target, others = DKD(temperature=temperature).parts(student, teacher, labels)
    sure = (teacher / temperature).softmax(-1).gather(-1, labels.unsqueeze(-1)).squeeze(-1)
    whole = LogitsKL(temperature=temperature).compare(student, teacher)
    torch.testing.assert_close(target + (1 - sure) * others, whole)


@pytest.mark.parametrize("labels", [None, torch.tensor([-100, -100])])
def test_dkd_without_a_label_is_logits_kl(labels: torch.Tensor | None) -> None:
    torch.testing.assert_close(
        loss_of(DKD(), STUDENT, TEACHER, labels), LogitsKL(temperature=4.0).compare(STUDENT, TEACHER)
    )


def test_only_the_labelled_of_a_batch_are_divided() -> None:
    both = loss_of(DKD(), STUDENT, TEACHER, torch.tensor([2, -100]))
    assert both[0] == loss_of(DKD(), STUDENT, TEACHER, torch.tensor([2, 2]))[0]
    assert both[1] == LogitsKL(temperature=4.0).compare(STUDENT, TEACHER)[1]


def test_a_student_that_is_sure_of_the_target_has_finite_gradients() -> None:
    student = torch.tensor([[1000.0, -1000.0, 0.0]], requires_grad=True)
    loss = loss_of(DKD(temperature=1.0), student, TEACHER[:1].float(), torch.tensor([0]))
    loss.sum().backward()
    assert loss.isfinite().all()
    assert student.grad.isfinite().all()


@pytest.mark.parametrize("labels", [torch.zeros(2, 3), torch.zeros(2), torch.zeros(2, 3, dtype=torch.int64)])
def test_labels_that_are_no_single_class_are_refused(labels: torch.Tensor) -> None:
    with pytest.raises(InputError, match="^objective dkd: needs one class as the label of each example or token"):
        loss_of(DKD(), STUDENT, TEACHER, labels)


@pytest.mark.parametrize(("name", "options"), [("dkd", ("alpha", "beta")), ("dist", ("beta", "gamma"))])
def test_negative_factors_are_refused_by_name(name: str, options: tuple[str, ...]) -> None:
    objective = {"dkd": DKD, "dist": DIST}[name]
    for option in options:
        with pytest.raises(InputError, match=f"^objective {name}: {option} must be a number at least 0; got -1"):
            objective(**{option: -1})


def test_dist_has_its_golden_values() -> None:
    assert DIST(gamma=0).compare(STUDENT, TEACHER).mean().item() == pytest.approx(1.199156, abs=1e-6)
    assert DIST(beta=0).compare(STUDENT, TEACHER).mean().item() == pytest.approx(1.333333, abs=1e-6)


@settings(max_examples=20, deadline=None, derandomize=True)
@given(rows=st.integers(2, 5), classes=st.integers(2, 5), temperature=st.floats(0.5, 8), seed=st.integers(0, 999))
def test_dist_agrees_with_numpy(rows: int, classes: int, temperature: float, seed: int) -> None:
    student, teacher = logits((rows,), classes, seed)
    given_p, wanted_p = (np.array([softmax(row / temperature) for row in values]) for values in (student, teacher))
    over_examples = np.mean([1 - np.corrcoef(given_p[:, c], wanted_p[:, c])[0, 1] for c in range(classes)])
    found = DIST(temperature=temperature, beta=2.0, gamma=0.5).compare(torch.tensor(student), torch.tensor(teacher))
    for row in range(rows):
        over_classes = 1 - np.corrcoef(given_p[row], wanted_p[row])[0, 1]
        expected = temperature**2 * (2.0 * over_classes + 0.5 * over_examples)
        assert found[row].item() == pytest.approx(expected, rel=1e-6, abs=1e-8)


def test_masked_examples_are_not_compared_with_the_others() -> None:
    student, teacher = (torch.tensor(values) for values in logits((2, 3), 4, 0))
    mask = torch.tensor([[True, True, False], [True, False, True]])
    view = BatchView(masks={Unit.PREDICTION: mask})
    losses = DIST()(Features(logits=student), Features(logits=teacher), view)
    torch.testing.assert_close(losses[mask], DIST().compare(student[mask].float(), teacher[mask].float()).double())


def test_an_example_alone_has_finite_gradients() -> None:
    student = STUDENT[:1].clone().requires_grad_()
    DIST().compare(student, TEACHER[:1]).sum().backward()
    assert student.grad.isfinite().all()
