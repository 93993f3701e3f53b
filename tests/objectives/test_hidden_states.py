# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import BertConfig

from hf_distill.errors import InputError
from hf_distill.features.batch import BatchView
from hf_distill.features.features import Features, Needs
from hf_distill.features.units import Unit
from hf_distill.objectives import build_objective
from hf_distill.objectives.hidden_states import PKD, EmbeddingMSE, HiddenCosine, HiddenMSE

from . import reference

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


@pytest.mark.parametrize("scale", [1.0, 1e-3, 1e3])
def test_pkd_has_its_golden_value_at_every_length(scale: float) -> None:
    student, teacher = torch.tensor([[[3.0, 4.0], [9.0, 9.0]]]), torch.tensor([[[1.0, 0.0], [0.0, 7.0]]])
    losses = PKD().compare(scale * student, teacher, torch.tensor([[True, True]]))
    assert losses.tolist() == [pytest.approx(0.8, abs=1e-6)]


def test_embedding_mse_is_hidden_mse_of_the_embeddings() -> None:
    objective, other = EmbeddingMSE(), HiddenMSE(layers=[[0, 0]])
    for entry in (objective, other):
        entry.bind(BertConfig(num_hidden_layers=2), BertConfig(num_hidden_layers=4))
    assert objective.needs == Needs(hidden_states=frozenset({0}))
    student, teacher = (torch.tensor(values) for values in states((2, 3, 4), 0))
    features = Features(hidden_states={(0, 0): student}), Features(hidden_states={0: teacher})
    torch.testing.assert_close(objective(*features), other(*features))
    assert objective(*features)[0, 0].item() == pytest.approx(
        reference.mean_squared_difference(student[0, 0], teacher[0, 0])
    )


def test_embedding_mse_has_its_golden_value() -> None:
    student = torch.tensor([[[1.0, 1.0], [9.0, 9.0]]])
    assert EmbeddingMSE().compare(student, torch.zeros_like(student)).tolist() == [[1.0, 81.0]]


def test_embedding_mse_has_no_layers_to_choose() -> None:
    with pytest.raises(InputError, match="^objective embedding_mse: there is no option 'layers'; there are: focus, "):
        build_objective("embedding_mse:layers=last")
    assert "layers" not in build_objective("embedding_mse").to_dict()


@settings(max_examples=20, deadline=None, derandomize=True)
@given(shape=SHAPES, seed=st.integers(0, 999))
def test_pkd_agrees_with_the_formula(shape: tuple[int, ...], seed: int) -> None:
    student, teacher = states(shape, seed)
    mask = np.random.default_rng(seed).random(shape[:2]) < 0.7
    objective = PKD(layers=[[1, 2]])
    objective.bind(BertConfig(num_hidden_layers=2), BertConfig(num_hidden_layers=4))
    losses = objective(
        Features(hidden_states={(1, 2): torch.tensor(student)}),
        Features(hidden_states={2: torch.tensor(teacher)}),
        BatchView(masks={Unit.TOKEN: torch.tensor(mask)}),
    )
    expected = [
        reference.pkd(ours[real], theirs[real]) if real.any() else 0.0
        for ours, theirs, real in zip(student, teacher, mask)
    ]
    np.testing.assert_allclose(losses.numpy(), expected, atol=1e-9)


def test_pkd_of_zeros_has_a_finite_gradient() -> None:
    student = torch.zeros(1, 1, 4, requires_grad=True)
    PKD().compare(student, torch.ones(1, 1, 4), torch.tensor([[True]])).sum().backward()
    assert student.grad.isfinite().all()


def test_pkd_counts_examples() -> None:
    assert PKD().unit(torch.zeros(2)) is Unit.EXAMPLE


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
    objective.bind(BertConfig(num_hidden_layers=2), BertConfig(num_hidden_layers=4))
    generator = torch.Generator().manual_seed(0)
    student = {pair: torch.randn(2, 3, 4, generator=generator) for pair in objective.pairs}
    teacher = {pair[1]: torch.randn(2, 3, 4, generator=generator) for pair in objective.pairs}
    losses = objective(Features(hidden_states=student), Features(hidden_states=teacher))
    first, second = (objective.compare(student[pair], teacher[pair[1]]) for pair in objective.pairs)
    torch.testing.assert_close(losses, (first + second) / 2)


def test_hidden_states_objectives_ask_for_the_mapped_layers_alone() -> None:
    objective = HiddenMSE(layers=[[0, 0], [2, 3]])
    objective.bind(BertConfig(num_hidden_layers=2), BertConfig(num_hidden_layers=4))
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
    with pytest.raises(ValueError, match="^objective hidden_mse: layers must be uniform, skip, ") as error:
        HiddenMSE(layers=layers)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("pair", "role"), [([3, 1], "student layer 3"), ([1, 9], "teacher layer 9")])
def test_layers_outside_a_model_are_refused_by_name(pair: list[int], role: str) -> None:
    with pytest.raises(ValueError, match=rf"^objective hidden_mse: {role} in layers is outside 0 to"):
        HiddenMSE(layers=[pair]).bind(BertConfig(num_hidden_layers=2), BertConfig(num_hidden_layers=4))
