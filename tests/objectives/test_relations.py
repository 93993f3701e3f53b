# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hf_distill.errors import InputError
from hf_distill.features.batch import BatchView
from hf_distill.features.features import Features
from hf_distill.features.units import Unit
from hf_distill.objectives.relations import RelationsObjective, RKDAngle, RKDDistance, Similarity

RELATIONS = [RKDDistance, RKDAngle, Similarity]
every_relation = pytest.mark.parametrize("objective_class", RELATIONS)


def smooth_l1(one: float, other: float) -> float:
    difference = abs(one - other)
    return difference**2 / 2 if difference < 1 else difference - 0.5


def rkd_distance(student: np.ndarray, teacher: np.ndarray) -> float:
    def relative(vectors: np.ndarray) -> np.ndarray:
        distances = np.array([[np.sqrt(((a - b) ** 2).sum()) for b in vectors] for a in vectors])
        return distances / distances[distances > 0].mean()

    one, other = relative(student), relative(teacher)
    return np.mean([smooth_l1(a, b) for a, b in zip(one.flat, other.flat)])


def rkd_angle(student: np.ndarray, teacher: np.ndarray) -> float:
    def cosine(vectors: np.ndarray, i: int, j: int, k: int) -> float:
        one, other = vectors[i] - vectors[j], vectors[k] - vectors[j]
        return one @ other / (np.linalg.norm(one) * np.linalg.norm(other))

    number = len(student)
    triplets = [triplet for triplet in product(range(number), repeat=3) if len(set(triplet)) == 3]
    return sum(smooth_l1(cosine(student, *places), cosine(teacher, *places)) for places in triplets) / number**3


def similarity(student: np.ndarray, teacher: np.ndarray) -> float:
    def rows(vectors: np.ndarray) -> np.ndarray:
        products = np.array([[a @ b for b in vectors] for a in vectors])
        return products / np.sqrt((products**2).sum(1, keepdims=True))

    return ((rows(student) - rows(teacher)) ** 2).sum() / len(student) ** 2


REFERENCES = {RKDDistance: rkd_distance, RKDAngle: rkd_angle, Similarity: similarity}


def vectors(number: int, width: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(number, width))


def relate(objective: RelationsObjective, student: np.ndarray, teacher: np.ndarray) -> float:
    real = torch.ones(len(student), dtype=torch.bool)
    return objective.relate(torch.tensor(student), torch.tensor(teacher), real).item()


def test_rkd_distance_has_its_golden_value() -> None:
    student, teacher = np.array([[0.0], [1.0], [2.0]]), np.array([[0.0], [1.0], [3.0]])
    assert relate(RKDDistance(), student, teacher) == pytest.approx(0.0138889, abs=1e-6)


@settings(max_examples=15, deadline=None, derandomize=True)
@given(number=st.integers(3, 6), widths=st.tuples(st.integers(2, 5), st.integers(2, 5)), seed=st.integers(0, 999))
def test_relations_agree_with_numpy(number: int, widths: tuple[int, int], seed: int) -> None:
    student, teacher = vectors(number, widths[0], seed), vectors(number, widths[1], seed + 1)
    for objective_class, reference in REFERENCES.items():
        assert relate(objective_class(), student, teacher) == pytest.approx(reference(student, teacher), abs=1e-6)


@every_relation
def test_scale_and_turn_of_the_space_change_nothing(objective_class: type[RelationsObjective]) -> None:
    teacher = vectors(5, 4, 0)
    turn, _ = np.linalg.qr(vectors(4, 4, 1))
    assert relate(objective_class(), 7.0 * teacher @ turn, teacher) == pytest.approx(0, abs=1e-6)


@every_relation
@pytest.mark.parametrize("pooling", ["first", "mean"])
def test_padding_and_rows_of_padding_take_no_part(objective_class: type[RelationsObjective], pooling: str) -> None:
    objective = objective_class(layers=[[1, 1]], pooling=pooling)
    objective.bind(student_layers=1, teacher_layers=1)
    generator = torch.Generator().manual_seed(0)
    student, teacher = torch.randn(5, 3, 4, generator=generator), torch.randn(5, 3, 6, generator=generator)
    mask = torch.tensor([[1, 1, 1], [1, 1, 0], [0, 0, 0], [0, 1, 1], [1, 0, 0]]).bool()

    def losses(rows: list[int], filling: float) -> torch.Tensor:
        filled = [states.masked_fill(~mask.unsqueeze(-1), filling)[rows] for states in (student, teacher)]
        return objective(
            Features(hidden_states={1: filled[0]}),
            Features(hidden_states={1: filled[1]}),
            BatchView(masks={Unit.TOKEN: mask[rows]}),
        )

    found = losses([0, 1, 2, 3, 4], float("nan"))
    assert found[2] == 0
    torch.testing.assert_close(found[[0, 1, 3, 4]], losses([0, 1, 3, 4], 0.0))


@every_relation
@pytest.mark.parametrize("number", [1, 2])
def test_few_or_equal_examples_have_finite_gradients(objective_class: type[RelationsObjective], number: int) -> None:
    student = torch.ones(number, 2, 4, requires_grad=True)
    mask = torch.ones(number, 2, dtype=torch.bool)
    losses = objective_class().compare(student, torch.ones(number, 2, 4), mask)
    losses.sum().backward()
    assert losses.tolist() == pytest.approx([0.0] * number, abs=1e-6)
    assert student.grad.isfinite().all()


@every_relation
def test_wrong_pooling_is_refused_by_name(objective_class: type[RelationsObjective]) -> None:
    with pytest.raises(InputError, match=f"^objective {objective_class.name}: pooling must be first or mean"):
        objective_class(pooling="max")
