# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hf_distill.errors import InputError
from hf_distill.objectives import build_objective
from hf_distill.objectives.relations import RelationsObjective, RKDAngle, RKDDistance, Similarity

from . import reference

CLASSES = [RKDDistance, RKDAngle, Similarity]
every_objective = pytest.mark.parametrize("objective_class", CLASSES, ids=lambda entry: entry.name)


def relate(objective: RelationsObjective, student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    return objective.relate(student, teacher, torch.ones(len(student), dtype=torch.bool))


def vectors(number: int, width: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(number, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_rkd_distance_has_its_golden_value() -> None:
    student, teacher = torch.tensor([[0.0], [1.0], [2.0]]), torch.tensor([[0.0], [1.0], [3.0]])
    assert relate(RKDDistance(), student, teacher).item() == pytest.approx(0.0138889, abs=1e-7)


def test_rkd_angle_has_its_golden_value() -> None:
    # Cosines 0, 1/sqrt(2), 1/sqrt(2) against 1, -1, 1; each angle is met in both directions.
    student = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    teacher = torch.tensor([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0]])
    assert relate(RKDAngle(), student, teacher).item() == pytest.approx(2 * 1.75 / 27, abs=1e-6)


def test_similarity_has_its_golden_value() -> None:
    # Rows (1, 0) and (0, 1) against (1, 1) / sqrt(2) twice: 2 (2 - sqrt(2)) / 4.
    student, teacher = torch.eye(2), torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    assert relate(Similarity(), student, teacher).item() == pytest.approx(1 - 2**-0.5, abs=1e-6)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(
    objective_class=st.sampled_from(CLASSES),
    pooling=st.sampled_from(["first", "mean"]),
    batch=st.integers(1, 5),
    tokens=st.integers(1, 3),
    student_width=st.integers(1, 4),
    teacher_width=st.integers(1, 4),
    seed=st.integers(0, 999),
)
def test_relations_agree_with_the_formula(
    objective_class: type[RelationsObjective],
    pooling: str,
    batch: int,
    tokens: int,
    student_width: int,
    teacher_width: int,
    seed: int,
) -> None:
    generator = np.random.default_rng(seed)
    student = generator.normal(size=(batch, tokens, student_width))
    teacher = generator.normal(size=(batch, tokens, teacher_width))
    mask = generator.random((batch, tokens)) < 0.7
    losses = objective_class(pooling=pooling).compare(torch.tensor(student), torch.tensor(teacher), torch.tensor(mask))
    pool = reference.mean_of_tokens if pooling == "mean" else reference.first_tokens
    expected = getattr(reference, objective_class.name)(pool(student, mask), pool(teacher, mask))
    np.testing.assert_allclose(losses.numpy(), [expected] * batch, rtol=1e-6, atol=1e-9)


@every_objective
@pytest.mark.parametrize("scale", [1e-9, 0.1, 1e6])
def test_a_scaled_copy_has_nothing_to_learn(objective_class: type[RelationsObjective], scale: float) -> None:
    states, mask = vectors(5, 4)[:, None], torch.ones(5, 1, dtype=torch.bool)
    losses = objective_class().compare(scale * states, states, mask)
    torch.testing.assert_close(losses, torch.zeros(5).double(), atol=1e-12, rtol=0)


@every_objective
def test_a_turned_copy_has_nothing_to_learn(objective_class: type[RelationsObjective]) -> None:
    teacher, turn = vectors(5, 4), torch.linalg.qr(vectors(4, 4, seed=1)).Q
    assert relate(objective_class(), teacher @ turn, teacher).item() == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize(
    ("objective_class", "number"),
    [(RKDDistance, 1), (Similarity, 1), (RKDAngle, 1), (RKDAngle, 2)],
    ids=lambda value: getattr(value, "name", value),
)
@pytest.mark.parametrize("padding", [0, 2])
def test_too_few_examples_give_0_and_no_gradient(
    objective_class: type[RelationsObjective], number: int, padding: int
) -> None:
    student, teacher = vectors(number + padding, 4)[:, None].requires_grad_(), vectors(number + padding, 4, 1)[:, None]
    mask = (torch.arange(number + padding) < number)[:, None]
    losses = objective_class().compare(student, teacher, mask)
    losses.sum().backward()
    torch.testing.assert_close(losses, torch.zeros_like(losses), atol=1e-12, rtol=0)
    torch.testing.assert_close(student.grad, torch.zeros_like(student), atol=1e-12, rtol=0)


def test_two_examples_at_the_same_place_form_no_angle() -> None:
    assert relate(RKDAngle(), torch.ones(2, 3), torch.eye(2)) == 0


@every_objective
@pytest.mark.parametrize("padding", [0, 1, 4])
def test_examples_without_a_real_token_take_no_part(objective_class: type[RelationsObjective], padding: int) -> None:
    student, teacher = vectors(4, 3), vectors(4, 3, seed=1)
    mask = torch.arange(4 + padding) < 4
    more = torch.full((padding, 3), 9.0).double()
    losses = objective_class().compare(
        torch.cat([student, more])[:, None], torch.cat([teacher, -more])[:, None], mask[:, None]
    )
    torch.testing.assert_close(
        losses[:4], objective_class().compare(student[:, None], teacher[:, None], mask[:4, None])
    )


@every_objective
def test_a_micro_batch_without_a_real_token_is_finite(objective_class: type[RelationsObjective]) -> None:
    student = vectors(3, 4)[:, None].requires_grad_()
    losses = objective_class().compare(student, vectors(3, 4, 1)[:, None], torch.zeros(3, 1, dtype=torch.bool))
    losses.sum().backward()
    assert not losses.any()
    assert not student.grad.any()


@every_objective
@pytest.mark.parametrize("same", [torch.zeros(4, 3), torch.ones(4, 3), torch.eye(4)[[0, 0, 1, 1]]])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_examples_that_are_the_same_keep_everything_finite(
    objective_class: type[RelationsObjective], same: torch.Tensor, dtype: torch.dtype
) -> None:
    for student, teacher in ((same.to(dtype), vectors(4, 2).to(dtype)), (vectors(4, 2).to(dtype), same.to(dtype))):
        student = student.clone().requires_grad_()
        loss = relate(objective_class(), student, teacher)
        loss.backward()
        assert loss.isfinite()
        # No square root's derivative at 0 and no division by a tiny length.
        assert student.grad.abs().max() < 100


def test_a_pair_that_differs_by_rounding_does_not_count_as_a_distance() -> None:
    student = vectors(4, 8).float()
    student[1] = student[0]
    nearly = student.clone()
    nearly[1] += 1e-7
    expected = relate(RKDDistance(), student, vectors(4, 8, seed=1).float())
    torch.testing.assert_close(
        relate(RKDDistance(), nearly, vectors(4, 8, seed=1).float()), expected, rtol=1e-4, atol=0
    )


@every_objective
def test_poolings_make_different_vectors(objective_class: type[RelationsObjective]) -> None:
    states, mask = torch.randn(2, 4, 3, 5, generator=torch.Generator().manual_seed(0)), torch.ones(4, 3).bool()
    first = objective_class(pooling="first").compare(*states, mask)
    torch.testing.assert_close(first, objective_class().compare(*states[:, :, :1], mask[:, :1]))
    assert not first.allclose(objective_class(pooling="mean").compare(*states, mask))


@pytest.mark.parametrize("value", ["max", "Mean", 1, None, ["mean"]])
def test_pooling_must_be_one_of_two(value: object) -> None:
    with pytest.raises(InputError, match="^objective similarity: pooling must be first or mean; got") as error:
        build_objective({"name": "similarity", "pooling": value})
    assert "\n" not in str(error.value)
