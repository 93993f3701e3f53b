# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import BertConfig, ModernBertConfig, ModernBertModel

from hf_distill.errors import InputError
from hf_distill.features.features import Needs
from hf_distill.features.heads import Head
from hf_distill.features.hidden_states import HiddenStatesCapture
from hf_distill.features.projections import Projections
from hf_distill.knowledge.columns import plan_columns
from hf_distill.knowledge.compression import Compression
from hf_distill.objectives import build_objective
from hf_distill.objectives.sentences import SentenceCosine, SentenceMSE, SentenceObjective

from . import reference

CLASSES = [SentenceMSE, SentenceCosine]
every_objective = pytest.mark.parametrize("objective_class", CLASSES, ids=lambda entry: entry.name)


def test_sentence_mse_has_its_golden_value() -> None:
    # The mean of the two real tokens is (2, 0); what padding holds does not matter.
    student = torch.tensor([[[1.0, 1.0], [3.0, -1.0], [9.0, 9.0]]])
    mask = torch.tensor([[True, True, False]])
    teacher = torch.zeros_like(student)
    assert SentenceMSE().compare(student, teacher, mask).tolist() == [2.0]
    assert SentenceMSE(pooling="first").compare(student, teacher, mask).tolist() == [1.0]


def test_sentence_cosine_has_its_golden_value() -> None:
    student, teacher = torch.tensor([[[1.0, 4.0], [5.0, 4.0]]]), torch.tensor([[[2.0, 1.0], [2.0, -1.0]]])
    mask = torch.ones(1, 2, dtype=torch.bool)
    # Means (3, 4) and (2, 0); first tokens (1, 4) and (2, 1).
    assert SentenceCosine().compare(student, teacher, mask).item() == pytest.approx(0.4, abs=1e-6)
    first = SentenceCosine(pooling="first").compare(student, teacher, mask).item()
    assert first == pytest.approx(1 - 6 / 85**0.5, abs=1e-6)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    objective_class=st.sampled_from(CLASSES),
    pooling=st.sampled_from(["mean", "first"]),
    shape=st.tuples(st.integers(1, 4), st.integers(1, 4), st.integers(1, 5)),
    seed=st.integers(0, 999),
)
def test_they_agree_with_the_formula(
    objective_class: type[SentenceObjective], pooling: str, shape: tuple[int, ...], seed: int
) -> None:
    generator = np.random.default_rng(seed)
    student, teacher = generator.normal(size=(2, *shape))
    mask = generator.random(shape[:2]) < 0.7
    losses = objective_class(pooling=pooling).compare(torch.tensor(student), torch.tensor(teacher), torch.tensor(mask))
    pool = reference.mean_of_tokens if pooling == "mean" else reference.first_tokens
    formula = getattr(reference, objective_class.name)
    expected = [formula(*vectors) for vectors in zip(pool(student, mask), pool(teacher, mask))]
    np.testing.assert_allclose(losses.numpy()[mask.any(1)], expected, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("scale", [1e-3, 0.5, 1e3])
def test_lengths_do_not_count_for_the_cosine(scale: float) -> None:
    student, teacher = torch.randn(2, 4, 6, generator=torch.Generator().manual_seed(0))
    one, other = (
        SentenceCosine().compare_vectors(student, teacher),
        SentenceCosine().compare_vectors(scale * student, teacher),
    )
    torch.testing.assert_close(one, other)


@every_objective
@pytest.mark.parametrize("length", [0.0, 1e-20])
def test_a_vector_without_a_direction_keeps_everything_finite(
    objective_class: type[SentenceObjective], length: float
) -> None:
    student = torch.full((2, 3), length, requires_grad=True)
    losses = objective_class().compare_vectors(student, torch.ones(2, 3))
    losses.sum().backward()
    assert losses.isfinite().all()
    assert student.grad.isfinite().all()


@every_objective
def test_the_last_layer_is_compared_by_default(objective_class: type[SentenceObjective]) -> None:
    objective = objective_class()
    objective.bind(BertConfig(num_hidden_layers=2), BertConfig(num_hidden_layers=4))
    assert objective.projected_pairs == [(2, 4)]
    assert objective.needs == Needs(hidden_states=frozenset({4}))


@every_objective
@pytest.mark.parametrize("pooling", ["mean", "first"])
def test_a_recording_holds_one_vector_for_each_text(objective_class: type[SentenceObjective], pooling: str) -> None:
    objective = objective_class(pooling=pooling)
    objective.bind(BertConfig(num_hidden_layers=2), BertConfig(num_hidden_layers=4))
    (column,) = plan_columns([objective], Compression())
    assert (column.kind, column.layer, column.pooling) == ("hidden", 4, pooling)


@every_objective
def test_models_without_logits_are_taken(objective_class: type[SentenceObjective]) -> None:
    objective = objective_class()
    objective.fit_head(Head.VECTORS)
    objective.bind(BertConfig(num_hidden_layers=2), BertConfig(num_hidden_layers=4))
    assert not objective.all_needs.logits


@pytest.mark.parametrize("name", ["logits_mse", "logits_kl", "dkd", "regression_mse"])
def test_objectives_on_logits_are_refused_where_there_are_none(name: str) -> None:
    with pytest.raises(InputError, match=f"^objective {name}: compares logits, and the models of the task give none"):
        build_objective(name).fit_head(Head.VECTORS)


def test_pooling_must_be_one_of_two() -> None:
    with pytest.raises(InputError, match="^objective sentence_mse: pooling must be first or mean; got 'max'"):
        build_objective("sentence_mse:pooling=max")


def test_the_last_state_of_a_model_without_a_head_is_what_it_returns() -> None:
    # ModernBERT has a norm after its last layer.
    torch.manual_seed(0)
    config = ModernBertConfig(
        vocab_size=64, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
        pad_token_id=0, bos_token_id=1, eos_token_id=2, cls_token_id=1, sep_token_id=2, reference_compile=False,
        initializer_range=0.2,
    )  # fmt: skip
    model, inputs = ModernBertModel(config).eval(), {"input_ids": torch.tensor([[5, 6, 7, 8]])}
    model.final_norm.weight.data.fill_(3.0)
    expected = model(**inputs).last_hidden_state
    with HiddenStatesCapture(model, [2]).recording() as found:
        model(**inputs)
    torch.testing.assert_close(found[2], expected, rtol=0, atol=0)
    projections = Projections([(2, 4)], 32, 32)
    projections.attach(model)
    with projections.capturing():
        outputs = model(**inputs, output_hidden_states=True)
    torch.testing.assert_close(projections.read(outputs).hidden_states[2, 4], expected, rtol=0, atol=0)
