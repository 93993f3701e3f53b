# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from hf_distill.features.attention import AttentionStates
from hf_distill.features.features import Features, Needs
from hf_distill.knowledge.codecs import FloatCodec, TopKCodec
from hf_distill.knowledge.columns import Column, plan_columns, poolings_of, settle_column
from hf_distill.knowledge.compression import Compression
from hf_distill.knowledge.reduction import Reduction
from hf_distill.objectives import Objective, build_objective

MASK = torch.tensor([[True, True, True, False], [True, False, False, False]])


@pytest.fixture
def bind(make_bert: Callable) -> Callable[..., list[Objective]]:
    """Bind objectives to a student of 2 layers and a teacher of 4."""

    def make(*specifications: Any) -> list[Objective]:
        objectives = [build_objective(specification) for specification in specifications]
        for objective in objectives:
            objective.bind(make_bert(num_hidden_layers=2).config, make_bert().config)
        return objectives

    return make


@pytest.fixture
def plan(bind: Callable) -> Callable[..., list[Column]]:
    """Plan the columns for objectives."""

    def make(*specifications: Any, compression: str = "fp16") -> list[Column]:
        return plan_columns(bind(*specifications), Compression.parse(compression))

    return make


def spoken(tokens: int = 4, classes: int = 3, width: int = 6, of_tokens: bool = False) -> Features:
    """Make what a teacher says of 2 examples, each number another."""
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(2, *shape, generator=generator)

    logits = draw(tokens, classes) if of_tokens else draw(classes)
    attention = AttentionStates(draw(tokens, 8), draw(tokens, 8), draw(tokens, 8), heads=2)
    return Features(logits, {2: draw(tokens, width), 4: draw(tokens, width)}, {4: attention})


# What is planned


@pytest.mark.parametrize("objective", ["logits_kl", "logits_mse", "dkd", "dist"])
def test_objectives_on_logits_plan_the_logits_alone(objective: str, plan: Callable) -> None:
    assert plan(objective) == [Column("logits", codec="fp32")]


def test_objectives_on_hidden_states_plan_the_tokens_of_mapped_layers(plan: Callable) -> None:
    assert plan("hidden_mse") == [Column("hidden", 2), Column("hidden", 4)]


def test_the_embeddings_output_is_layer_0(plan: Callable) -> None:
    assert plan("embedding_mse") == [Column("hidden", 0)]


@pytest.mark.parametrize(
    ("objective", "pooling"),
    [
        ("pkd:layers=last", "first"),
        ("rkd_distance:layers=last", "mean"),
        ("rkd_angle:layers=last,pooling=first", "first"),
        ("similarity:layers=last", "mean"),
        ("crd", "mean"),
        ("crd:pooling=first", "first"),
    ],
)
def test_objectives_on_examples_plan_a_pooled_layer(objective: str, pooling: str, plan: Callable) -> None:
    assert plan(objective) == [Column("hidden", 4, pooling)]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("pkd", "hidden_mse"),
        ("hidden_mse", "pkd"),
        ("rkd_distance:pooling=first", "rkd_angle:pooling=mean"),
        ("pkd", "crd:layers=uniform"),
    ],
)
def test_a_layer_that_is_not_pooled_in_one_way_alone_keeps_its_tokens(one: str, other: str, plan: Callable) -> None:
    assert plan(one, other) == [Column("hidden", 2), Column("hidden", 4)]


def test_a_layer_that_is_pooled_in_one_way_by_two_objectives_is_pooled(plan: Callable) -> None:
    assert plan("pkd", "crd:layers=uniform,pooling=first") == [
        Column("hidden", 2, "first"),
        Column("hidden", 4, "first"),
    ]


def test_each_layer_is_pooled_or_not_by_itself(plan: Callable) -> None:
    assert plan("pkd", "hidden_mse:layers=last") == [Column("hidden", 2, "first"), Column("hidden", 4)]


@pytest.mark.parametrize("objective", ["minilm_v2:layers=last", "minilm:layers=last", "attention_kl:layers=last"])
def test_objectives_on_attention_plan_queries_keys_and_values(objective: str, plan: Callable) -> None:
    assert plan(objective) == [Column("query", 4), Column("key", 4), Column("value", 4)]


def test_columns_come_once_and_in_order(plan: Callable) -> None:
    names = [column.name for column in plan("minilm:layers=last", "crd", "logits_kl", "hidden_mse", "hidden_cosine")]
    assert names == [
        "knowledge_logits",
        "knowledge_hidden_2",
        "knowledge_hidden_4",
        "knowledge_query_4",
        "knowledge_key_4",
        "knowledge_value_4",
    ]


def test_focus_needs_the_logits_too(plan: Callable) -> None:
    columns = plan({"name": "hidden_mse", "layers": "last", "focus": {"weigh_by": "confidence"}})
    assert [column.kind for column in columns] == ["logits", "hidden"]


def test_each_layer_is_told_how_it_is_pooled(bind: Callable) -> None:
    objectives = bind("logits_kl", "pkd", "hidden_mse:layers=last", "crd")
    assert poolings_of(objectives) == {2: {"first"}, 4: {"first", None, "mean"}}


@pytest.mark.parametrize(
    ("compression", "of_logits", "of_others"),
    [
        ("fp16", "fp32", "fp16"),
        ("int8", "fp32", "int8"),
        ("int8:top_k=2", "fp16-top2", "int8"),
        ("fp32:top_k=2", "fp32-top2", "fp32"),
    ],
)
def test_the_compression_says_which_codec_each_column_has(
    compression: str, of_logits: str, of_others: str, plan: Callable
) -> None:
    columns = plan("logits_kl", "hidden_mse:layers=last", "minilm:layers=last", compression=compression)
    assert [column.codec for column in columns] == [of_logits, *[of_others] * 4]


# What is settled


@pytest.mark.parametrize(
    ("column", "width", "of_tokens"),
    [
        (Column("logits", codec="fp32"), 3, False),
        (Column("hidden", 2), 6, True),
        (Column("hidden", 2, "first"), 6, False),
        (Column("hidden", 2, "mean"), 6, False),
        (Column("query", 4), 8, True),
        (Column("value", 4), 8, True),
    ],
)
@pytest.mark.parametrize("mask", [MASK, None], ids=["mask", "no mask"])
def test_what_the_teacher_says_settles_the_width(
    column: Column, width: int, of_tokens: bool, mask: torch.Tensor | None
) -> None:
    settled = settle_column(column, spoken(), mask)
    assert (settled.width, settled.of_tokens) == (width, of_tokens)
    assert (settled.name, settled.pooling, settled.codec) == (column.name, column.pooling, column.codec)


def test_logits_of_tokens_are_of_tokens() -> None:
    settled = settle_column(Column("logits", codec="fp32"), spoken(of_tokens=True), MASK)
    assert (settled.width, settled.of_tokens) == (3, True)


@pytest.mark.parametrize(("kept", "kind"), [(2, TopKCodec), (3, FloatCodec), (8, FloatCodec)])
def test_as_many_logits_as_there_are_classes_are_all_kept(kept: int, kind: type) -> None:
    settled = settle_column(Column("logits", codec=f"fp16-top{kept}"), spoken(), MASK)
    assert type(settled.stored) is kind
    assert settled.codec == ("fp32" if kind is FloatCodec else "fp16-top2")


# What a column holds


def test_vectors_are_those_of_the_real_tokens_one_example_after_the_other() -> None:
    knowledge = spoken(of_tokens=True)
    for column, values in (
        (Column("logits", of_tokens=True), knowledge.logits),
        (Column("hidden", 2, of_tokens=True), knowledge.hidden_states[2]),
        (Column("key", 4, of_tokens=True), knowledge.attention[4].key),
    ):
        expected = torch.stack([values[0, 0], values[0, 1], values[0, 2], values[1, 0]])
        assert column.of(knowledge, MASK).equal(expected)
        assert column.of(knowledge, None).equal(torch.cat([values[0], values[1]]))


def test_logits_of_examples_are_as_they_are() -> None:
    knowledge = spoken()
    assert Column("logits").of(knowledge, MASK).equal(knowledge.logits)


def test_a_pooled_column_holds_a_vector_for_each_example() -> None:
    knowledge = spoken()
    states = knowledge.hidden_states[4]
    mean = torch.stack([states[0, :3].mean(0), states[1, 0]])
    torch.testing.assert_close(Column("hidden", 4, "mean").of(knowledge, MASK), mean)
    torch.testing.assert_close(Column("hidden", 4, "mean").of(knowledge, None), states.mean(1))
    assert Column("hidden", 4, "first").of(knowledge, MASK).equal(states[:, 0])
    moved = MASK.flip(1)
    assert Column("hidden", 4, "first").of(knowledge, moved).equal(torch.stack([states[0, 1], states[1, 3]]))


def test_pooling_is_computed_in_32_bits() -> None:
    knowledge = spoken()
    knowledge.hidden_states[4] = knowledge.hidden_states[4].to(torch.bfloat16)
    pooled = Column("hidden", 4, "mean").of(knowledge, None)
    assert pooled.equal(knowledge.hidden_states[4].float().mean(1))


def test_padding_is_taken_away_as_it_was_added() -> None:
    stored = torch.arange(16, dtype=torch.uint8).view(2, 4, 2)
    of_tokens = Column("hidden", 2, of_tokens=True)
    assert of_tokens.only_real(stored, MASK).tolist() == [[0, 1], [2, 3], [4, 5], [8, 9]]
    assert of_tokens.only_real(stored, None).equal(stored.view(8, 2))
    assert Column("logits").only_real(stored[:, 0], MASK).equal(stored[:, 0])


@pytest.mark.parametrize(
    ("column", "needs"),
    [
        (Column("logits"), Needs(logits=True)),
        (Column("hidden", 2), Needs(hidden_states=frozenset({2}))),
        (Column("query", 2), Needs(attention=frozenset({2}))),
        (Column("value", 2), Needs(attention=frozenset({2}))),
    ],
)
def test_a_column_is_part_of_the_needs_that_name_it(column: Column, needs: Needs) -> None:
    everything_else = [
        Needs(logits=column.kind != "logits", hidden_states=frozenset({4}), attention=frozenset({4})),
        Needs(hidden_states=frozenset() if column.kind == "hidden" else frozenset({2})),
        Needs(attention=frozenset({2}) if column.kind in ("logits", "hidden") else frozenset()),
    ]
    assert column.is_part_of(needs)
    assert not any(column.is_part_of(other) for other in everything_else)


def test_what_is_kept_says_how_many_numbers_are_stored() -> None:
    column = Column("hidden", 2, width=6, codec="fp32").keeping(Reduction(torch.eye(6)[:4], torch.zeros(6)))
    assert (column.kept, column.width, column.stored.size) == (4, 6, 16)


def test_a_column_is_made_again_from_what_is_written_of_it() -> None:
    column = Column("hidden", 2, "mean", width=6, codec="int8", kept=4)
    assert Column(**column.to_dict()) == column


def test_a_column_is_named_in_words() -> None:
    assert Column("logits").what == "logits"
    assert Column("query", 3).what == "query states of layer 3"
