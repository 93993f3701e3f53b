# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""The objectives on queries, keys and values: those on attention and those on relations."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import BertConfig, DebertaV2Config, ModernBertConfig, PretrainedConfig

from hf_distill.errors import InputError
from hf_distill.features.attention import AttentionStates
from hf_distill.features.batch import BatchView
from hf_distill.features.features import Features, Needs
from hf_distill.features.units import Unit
from hf_distill.objectives.attention import AttentionKL, AttentionMSE, QueryKeyValueObjective
from hf_distill.objectives.attention_relations import MiniLM, MiniLMv2

from . import reference

PARTS = ("query", "key", "value")
ALL = [AttentionMSE, AttentionKL, MiniLM, MiniLMv2]

every_objective = pytest.mark.parametrize("objective_class", ALL, ids=lambda entry: entry.name)
head_by_head = pytest.mark.parametrize("objective_class", ALL[:3], ids=lambda entry: entry.name)


def config(layers: int = 2, width: int = 32, heads: int = 4) -> BertConfig:
    return BertConfig(num_hidden_layers=layers, hidden_size=width, num_attention_heads=heads)


def arrays(generator: np.random.Generator, shape: tuple[int, ...]) -> dict[str, np.ndarray]:
    return {part: generator.normal(size=shape) for part in PARTS}


def states(parts: dict[str, np.ndarray], heads: int) -> AttentionStates:
    return AttentionStates(**{part: torch.tensor(value) for part, value in parts.items()}, heads=heads)


def bound(objective_class: type[QueryKeyValueObjective], **options: object) -> QueryKeyValueObjective:
    objective = objective_class(layers=[[1, 2], [2, 4]], **options)
    objective.bind(config(2), config(4))
    return objective


def test_minilm_has_its_golden_value() -> None:
    zeros, value = np.zeros((1, 2, 1)), np.array([[[1.0], [0.0]]])
    student, teacher = ({"query": zeros, "key": zeros, "value": entry} for entry in (zeros, value))
    for objective in (MiniLM(), MiniLMv2(relation_heads=1)):
        losses = objective.compare(states(student, 1), states(teacher, 1), torch.ones(1, 2, dtype=torch.bool))
        assert losses.mean().item() == pytest.approx(0.055472, abs=1e-6)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    batch=st.integers(1, 3),
    tokens=st.integers(1, 4),
    heads=st.integers(1, 3),
    student_size=st.integers(1, 3),
    teacher_size=st.integers(1, 3),
    seed=st.integers(0, 999),
)
@every_objective
def test_it_agrees_with_the_formula(
    objective_class: type[QueryKeyValueObjective],
    batch: int,
    tokens: int,
    heads: int,
    student_size: int,
    teacher_size: int,
    seed: int,
) -> None:
    generator = np.random.default_rng(seed)
    student = arrays(generator, (batch, tokens, heads * student_size))
    teacher = arrays(generator, (batch, tokens, heads * teacher_size))
    mask = generator.random((batch, tokens)) < 0.7
    objective = objective_class(layers=[[1, 1]], **({"relation_heads": heads} if objective_class is MiniLMv2 else {}))
    widths = heads * student_size, heads * teacher_size
    objective.bind(*(config(1, width, heads) for width in widths))
    features = [Features(attention={1: states(parts, heads)}) for parts in (student, teacher)]
    losses = objective(*features, BatchView(masks={Unit.TOKEN: torch.tensor(mask)}))
    expected = np.zeros((batch, tokens))
    for row, real in enumerate(mask):
        if real.any():
            ours, theirs = ({part: parts[part][row][real] for part in PARTS} for parts in (student, teacher))
            expected[row, real] = getattr(reference, objective.name)(ours, theirs, heads)
    np.testing.assert_allclose(losses.numpy(), expected, atol=1e-9)


@every_objective
def test_layers_mapped_alone_are_asked_for(objective_class: type[QueryKeyValueObjective]) -> None:
    objective = bound(objective_class)
    assert objective.needs == Needs(attention=frozenset({2, 4}))
    assert objective.student_needs == Needs(attention=frozenset({1, 2}))
    assert objective.projected_pairs == []


@every_objective
@pytest.mark.parametrize("value", [1e30, float("nan"), float("inf")])
def test_what_padding_holds_does_not_matter(objective_class: type[QueryKeyValueObjective], value: float) -> None:
    generator = np.random.default_rng(0)
    mask = torch.tensor([[True, True, False], [True, False, False], [False, False, False]])
    objective = bound(objective_class)
    student, teacher = (
        Features(attention={layer: states(arrays(generator, (3, 3, 8)), 4) for layer in layers})
        for layers in ((1, 2), (2, 4))
    )
    batch = BatchView(masks={Unit.TOKEN: mask})
    expected = objective(student, teacher, batch)
    tensors = [getattr(entry, part) for entry in student.attention.values() for part in PARTS]
    for tensor in [*tensors, *(getattr(entry, part) for entry in teacher.attention.values() for part in PARTS)]:
        tensor[~mask] = value
    for tensor in tensors:
        tensor.requires_grad_()
    losses = objective(student, teacher, batch)
    torch.testing.assert_close(losses, expected)
    losses.sum().backward()
    gradients = [tensor.grad for tensor in tensors if tensor.grad is not None]
    assert len(gradients) >= 4
    assert all(gradient.isfinite().all() and not gradient[~mask].any() for gradient in gradients)


def test_minilm_v2_does_not_care_how_a_relation_head_is_turned() -> None:
    generator = np.random.default_rng(0)
    teacher = arrays(generator, (2, 3, 8))
    turn, _ = np.linalg.qr(generator.normal(size=(4, 4)))
    turned = {part: (value.reshape(2, 3, 2, 4) @ turn).reshape(2, 3, 8) for part, value in teacher.items()}
    mask = torch.ones(2, 3, dtype=torch.bool)
    losses = MiniLMv2(relation_heads=2).compare(states(turned, 4), states(teacher, 4), mask)
    torch.testing.assert_close(losses, torch.zeros_like(losses), atol=1e-12, rtol=0)
    assert MiniLMv2(relation_heads=4).compare(states(turned, 4), states(teacher, 4), mask).sum() > 0.01


def test_minilm_v2_takes_the_teachers_heads_unless_told() -> None:
    generator = np.random.default_rng(0)
    student, teacher = states(arrays(generator, (1, 3, 8)), 2), states(arrays(generator, (1, 3, 16)), 4)
    mask = torch.ones(1, 3, dtype=torch.bool)
    expected = MiniLMv2(relation_heads=4).compare(student, teacher, mask)
    torch.testing.assert_close(MiniLMv2().compare(student, teacher, mask), expected)


def test_tokens_without_padding_are_put_back_in_their_rows() -> None:
    generator = np.random.default_rng(0)
    mask = torch.tensor([[True, True, False], [True, False, False]])
    student, teacher = (states(arrays(generator, (2, 3, 4)), 2) for _ in range(2))
    without = AttentionStates(*(part[mask] for part in (student.query, student.key, student.value)), heads=2)
    expected = MiniLM().compare(student, teacher, mask)[mask]
    torch.testing.assert_close(MiniLM().compare(without, teacher, mask)[mask], expected)


@head_by_head
def test_other_numbers_of_heads_are_refused(objective_class: type[QueryKeyValueObjective]) -> None:
    with pytest.raises(InputError, match="the student has 2 and the teacher 4 attention heads; use minilm_v2"):
        objective_class().bind(config(heads=2), config(4))


@every_objective
def test_the_embeddings_have_no_attention(objective_class: type[QueryKeyValueObjective]) -> None:
    with pytest.raises(InputError, match=r"layers counts from 1; 0, the embeddings, has no attention"):
        objective_class(layers=[[0, 0]]).bind(config(), config(4))


@pytest.mark.parametrize("objective_class", [AttentionMSE, AttentionKL])
@pytest.mark.parametrize(
    "other",
    [
        DebertaV2Config(num_hidden_layers=2, num_attention_heads=4),
        ModernBertConfig(num_hidden_layers=2, num_attention_heads=4),
    ],
    ids=lambda entry: entry.model_type,
)
def test_attention_with_positions_is_refused(
    objective_class: type[QueryKeyValueObjective], other: PretrainedConfig
) -> None:
    with pytest.raises(
        InputError, match=rf"the attention of the teacher \({other.model_type}\) is not made of queries"
    ):
        objective_class().bind(config(), other)


@pytest.mark.parametrize("value", [0, -1, 1.5, True, "many"])
def test_relation_heads_must_be_a_number(value: object) -> None:
    with pytest.raises(InputError, match="relation_heads must be a whole number at least 1, or left out; got"):
        MiniLMv2(relation_heads=value)


def test_relation_heads_must_divide_both_widths() -> None:
    with pytest.raises(InputError) as error:
        MiniLMv2(relation_heads=5).bind(config(width=16), config(4, width=24))
    assert str(error.value) == (
        "objective minilm_v2: relation_heads 5 does not divide the widths 16 and 24 of student and teacher; choose "
        "one of 1, 2, 4, 8"
    )
