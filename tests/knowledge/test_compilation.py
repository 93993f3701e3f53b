# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from transformers import (
    AlbertConfig,
    AlbertForSequenceClassification,
    FunnelConfig,
    FunnelForSequenceClassification,
    PreTrainedModel,
)

from hf_distill.features.features import Features, Needs
from hf_distill.knowledge.live import LiveTeacher

ALL = Needs(logits=True, hidden_states=frozenset({0, 2, 4}), attention=frozenset({1, 4}))
NONE_WITHIN = Needs(logits=True, hidden_states=frozenset({0, 2, 4}))


def batch(tokens: int) -> dict[str, torch.Tensor]:
    ids = torch.arange(1, 3 * tokens + 1).view(3, tokens)
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids).tril(1)}


def assert_same(found: Features, expected: Features) -> None:
    torch.testing.assert_close(found.logits, expected.logits, rtol=1e-4, atol=1e-5)
    for layer, states in expected.hidden_states.items():
        torch.testing.assert_close(found.hidden_states[layer], states, rtol=1e-4, atol=1e-5)
    for layer, states in expected.attention.items():
        for part in ("query", "key", "value"):
            own, other = getattr(found.attention[layer], part), getattr(states, part)
            torch.testing.assert_close(own, other, rtol=1e-4, atol=1e-5)
    assert sorted(found.hidden_states) == sorted(expected.hidden_states)
    assert sorted(found.attention) == sorted(expected.attention)


class Compiler:
    """Compiles nothing, and keeps what it was given to compile."""

    def __init__(self) -> None:
        self.graphs: list[torch.fx.GraphModule] = []

    def __call__(self, graph: torch.fx.GraphModule, inputs: Any) -> Callable:
        self.graphs.append(graph)
        return graph.forward


@pytest.fixture(autouse=True)
def nothing_compiled_before() -> Iterator[None]:
    torch.compiler.reset()
    yield
    torch.compiler.reset()


@pytest.mark.parametrize("needs", [NONE_WITHIN, ALL], ids=["between layers", "within layers"])
def test_compiled_layers_give_the_same_knowledge(needs: Needs, teacher: PreTrainedModel) -> None:
    compiled = LiveTeacher(teacher, compiler="aot_eager")
    for tokens in (5, 7, 9):
        assert_same(compiled(batch(tokens), needs), LiveTeacher(teacher)(batch(tokens), needs))


def test_inductor_gives_the_same_knowledge(teacher: PreTrainedModel) -> None:
    assert_same(LiveTeacher(teacher, compiler="inductor")(batch(5), ALL), LiveTeacher(teacher)(batch(5), ALL))


def test_layers_share_what_is_compiled_for_the_first(teacher: PreTrainedModel) -> None:
    compiler = Compiler()
    LiveTeacher(teacher, compiler=compiler)(batch(5), NONE_WITHIN)
    assert len(compiler.graphs) == 1


def test_the_layers_that_something_is_taken_from_are_not_compiled(teacher: PreTrainedModel) -> None:
    compiler = Compiler()
    LiveTeacher(teacher, compiler=compiler)(batch(5), Needs(attention=frozenset({1, 2, 3, 4})))
    assert not compiler.graphs


def test_what_is_needed_may_change(teacher: PreTrainedModel) -> None:
    compiled = LiveTeacher(teacher, compiler="eager")
    for needs in (NONE_WITHIN, ALL, Needs(logits=True, attention=frozenset({2})), NONE_WITHIN):
        assert_same(compiled(batch(5), needs), LiveTeacher(teacher)(batch(5), needs))


def test_outside_of_its_calls_the_teacher_is_as_it_was(teacher: PreTrainedModel) -> None:
    layers = teacher.bert.encoder.layer
    layers[1].forward = own = layers[1].forward
    compiler = Compiler()
    compiled = LiveTeacher(teacher, compiler=compiler)
    compiled(batch(5), NONE_WITHIN)
    del compiler.graphs[:]
    assert "forward" not in vars(layers[0])
    assert vars(layers[1])["forward"] is own
    teacher(**batch(6))
    assert not compiler.graphs


def test_layers_that_share_their_weights_are_compiled_too() -> None:
    sizes = {"hidden_size": 32, "num_hidden_layers": 4, "num_attention_heads": 4, "intermediate_size": 64}
    config = AlbertConfig(vocab_size=64, max_position_embeddings=40, embedding_size=16, num_hidden_groups=1, **sizes)
    model = AlbertForSequenceClassification(config)
    compiler = Compiler()
    compiled = LiveTeacher(model, compiler=compiler)
    assert_same(compiled(batch(5), NONE_WITHIN), LiveTeacher(model)(batch(5), NONE_WITHIN))
    assert len(compiler.graphs) == 1


@pytest.mark.filterwarnings("ignore:Using a non-tuple sequence")
def test_a_teacher_whose_layers_are_not_found_is_compiled_as_a_whole() -> None:
    sizes = {"d_model": 16, "n_head": 2, "d_head": 8, "d_inner": 32}
    config = FunnelConfig(vocab_size=64, block_sizes=[1, 2, 1], block_repeats=[1, 1, 1], **sizes)
    model, compiler = FunnelForSequenceClassification(config), Compiler()
    compiled = LiveTeacher(model, compiler=compiler)
    assert_same(compiled(batch(5), Needs(logits=True)), LiveTeacher(model)(batch(5), Needs(logits=True)))
    assert compiler.graphs
