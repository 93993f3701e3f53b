# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hf_distill.features.features import Features, Needs
from hf_distill.features.units import Unit
from hf_distill.objectives.hidden_states import PKD, EmbeddingMSE, HiddenCosine, HiddenMSE

SHAPES = st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(1, 5))


def states(shape: tuple[int, ...], seed: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    return generator.normal(size=shape), generator.normal(size=shape)


def test_hidden_mse_has_its_golden_value_over_the_real_token_alone() -> None:
    student = torch.tensor([[[1.0, 1.0], [9.0, 9.0]]], dtype=torch.float64)
    losses = HiddenMSE().compare(student, torch.zeros_like(student))
    mask = torch.tensor([[True, False]])
    assert losses[mask].mean().item() == pytest.approx(1.0, abs=1e-12)
    assert losses.mean().item() == pytest.approx(41.0, abs=1e-12)


def test_hidden_cosine_has_its_golden_value() -> None:
    student, teacher = torch.tensor([[[1.0, 0.0]]]).double(), torch.tensor([[[1.0, 1.0]]]).double()
    assert HiddenCosine().compare(student, teacher).item() == pytest.approx(0.292893, abs=1e-6)


def test_pkd_has_its_golden_value_at_the_first_real_token_alone() -> None:
    student = torch.tensor([[[9.0, 9.0], [3.0, 4.0], [9.0, 9.0]]]).double()
    teacher = torch.tensor([[[0.0, 7.0], [1.0, 0.0], [5.0, -5.0]]]).double()
    losses = PKD().compare(student, teacher, torch.tensor([[False, True, True]]))
    assert losses.tolist() == [pytest.approx(0.8, abs=1e-12)]


@settings(max_examples=20, deadline=None, derandomize=True)
@given(shape=SHAPES, seed=st.integers(0, 999))
def test_pkd_agrees_with_numpy(shape: tuple[int, ...], seed: int) -> None:
    student, teacher = states(shape, seed)
    losses = PKD().compare(torch.tensor(student), torch.tensor(teacher), torch.ones(shape[:2], dtype=torch.bool))
    for row, loss in enumerate(losses):
        one, other = student[row][0], teacher[row][0]
        cosine = one @ other / np.sqrt((one @ one) * (other @ other))
        assert loss.item() == pytest.approx(2 - 2 * cosine, abs=1e-9)


def test_pkd_ignores_length_even_where_its_square_is_nothing_in_half_precision() -> None:
    objective = PKD(layers=[[1, 1]])
    objective.bind(student_layers=1, teacher_layers=1)
    student, teacher = torch.tensor([[[3e-4, 4e-4]]]).half(), torch.tensor([[[1e-4, 0.0]]]).half()
    losses = objective(Features(hidden_states={(1, 1): student}), Features(hidden_states={1: teacher}))
    assert losses.item() == pytest.approx(0.8, abs=1e-2)


def test_pkd_of_zeros_has_a_finite_gradient() -> None:
    student = torch.zeros(1, 1, 4, requires_grad=True)
    PKD().compare(student, torch.ones(1, 1, 4), torch.tensor([[True]])).sum().backward()
    assert student.grad.isfinite().all()


def test_pkd_counts_examples() -> None:
    assert PKD().unit(torch.zeros(2)) is Unit.EXAMPLE


def test_embedding_mse_compares_the_embeddings_and_has_no_layer_map() -> None:
    objective = EmbeddingMSE(weight=2.0)
    objective.bind(student_layers=2, teacher_layers=4)
    assert objective.pairs == [(0, 0)]
    assert objective.to_dict() == {"name": "embedding_mse", "weight": 2.0}
    student, teacher = (torch.tensor(values) for values in states((2, 3, 4), 0))
    losses = objective(Features(hidden_states={(0, 0): student}), Features(hidden_states={0: teacher}))
    torch.testing.assert_close(losses, HiddenMSE().compare(student.float(), teacher.float()).to(losses.dtype))


@settings(max_examples=20, deadline=None)
@given(shape=SHAPES, seed=st.integers(0, 999))
def test_hidden_mse_agrees_with_numpy(shape: tuple[int, ...], seed: int) -> None:
    student, teacher = states(shape, seed)
    losses = HiddenMSE().compare(torch.tensor(student), torch.tensor(teacher))
    np.testing.assert_allclose(losses.numpy(), ((student - teacher) ** 2).mean(-1))


@settings(max_examples=20, deadline=None)
@given(shape=SHAPES, seed=st.integers(0, 999))
def test_hidden_cosine_agrees_with_numpy(shape: tuple[int, ...], seed: int) -> None:
    student, teacher = states(shape, seed)
    lengths = np.linalg.norm(student, axis=-1) * np.linalg.norm(teacher, axis=-1)
    losses = HiddenCosine().compare(torch.tensor(student), torch.tensor(teacher))
    np.testing.assert_allclose(losses.numpy(), 1 - (student * teacher).sum(-1) / lengths, atol=1e-9)


@pytest.mark.parametrize("objective_class", [HiddenMSE, HiddenCosine])
def test_losses_are_the_mean_over_the_pairs(objective_class: type[HiddenMSE | HiddenCosine]) -> None:
    objective = objective_class(layers=[[1, 2], [2, 3]])
    objective.bind(student_layers=2, teacher_layers=4)
    generator = torch.Generator().manual_seed(0)
    student = {pair: torch.randn(2, 3, 4, generator=generator) for pair in objective.pairs}
    teacher = {pair[1]: torch.randn(2, 3, 4, generator=generator) for pair in objective.pairs}
    losses = objective(Features(hidden_states=student), Features(hidden_states=teacher))
    first, second = (objective.compare(student[pair], teacher[pair[1]]) for pair in objective.pairs)
    torch.testing.assert_close(losses, (first + second) / 2)


def test_hidden_states_objectives_ask_for_the_mapped_layers_alone() -> None:
    objective = HiddenMSE(layers=[[0, 0], [2, 3]])
    objective.bind(student_layers=2, teacher_layers=4)
    assert objective.needs == Needs(hidden_states=frozenset({0, 3}))


def test_hidden_cosine_ignores_length() -> None:
    student, teacher = (torch.tensor(values) for values in states((2, 3, 4), 0))
    torch.testing.assert_close(
        HiddenCosine().compare(5 * student, teacher), HiddenCosine().compare(student, 0.1 * teacher)
    )


def test_hidden_cosine_of_zeros_has_a_finite_gradient() -> None:
    student = torch.zeros(1, 1, 4, requires_grad=True)
    HiddenCosine().compare(student, torch.ones(1, 1, 4)).sum().backward()
    assert student.grad.isfinite().all()


def test_hidden_states_objectives_count_tokens() -> None:
    assert HiddenMSE().unit(torch.zeros(2, 3)) is Unit.TOKEN


@pytest.mark.parametrize("layers", ["uniformly", [], [[1]], [[1, 2.0]], [[True, 1]], 3, None])
def test_wrong_layers_are_refused_by_name(layers: object) -> None:
    with pytest.raises(
        ValueError, match=r"^objective hidden_mse: layers must be uniform, skip, last, or pairs"
    ) as error:
        HiddenMSE(layers=layers)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("pair", "role"), [([3, 1], "student layer 3"), ([1, 9], "teacher layer 9")])
def test_layers_outside_a_model_are_refused_by_name(pair: list[int], role: str) -> None:
    with pytest.raises(ValueError, match=rf"^objective hidden_mse: {role} in layers is outside 0 to"):
        HiddenMSE(layers=[pair]).bind(student_layers=2, teacher_layers=4)
