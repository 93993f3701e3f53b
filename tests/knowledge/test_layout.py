# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hf_distill.errors import InputError
from hf_distill.features.attention import AttentionStates
from hf_distill.features.features import Features, Needs
from hf_distill.features.pooling import POOLINGS
from hf_distill.knowledge.columns import Column, settle_column
from hf_distill.knowledge.gathering import Gathered
from hf_distill.knowledge.layout import Layout
from hf_distill.knowledge.reduction import Reduction

ALL = Needs(logits=True, hidden_states=frozenset({2}), attention=frozenset({4}))
COLUMNS = [
    Column("logits", codec="fp32"),
    Column("hidden", 2, codec="fp32"),
    *(Column(part, 4, codec="fp32") for part in ("query", "key", "value")),
]
PADDINGS = {
    "right": [[1, 1, 1, 0, 0], [1, 1, 1, 1, 0], [1, 0, 0, 0, 0]],
    "left": [[0, 0, 1, 1, 1], [0, 1, 1, 1, 1], [0, 0, 0, 0, 1]],
    "interior": [[1, 0, 1, 1, 0], [1, 1, 0, 0, 1], [0, 1, 0, 1, 0]],
    "none": [[1, 1, 1, 1, 1]] * 3,
    "an empty row": [[1, 1, 1, 0, 0], [0, 0, 0, 0, 0], [1, 1, 0, 0, 0]],
}


def spoken(examples: int, tokens: int, of_tokens: bool = False, seed: int = 0) -> Features:
    """Make what a teacher says, each number another."""
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(examples, *shape, generator=generator)

    logits = draw(tokens, 3) if of_tokens else draw(3)
    parts = [draw(tokens, 4) for _ in range(3)]
    return Features(logits, {2: draw(tokens, 6)}, {4: AttentionStates(*parts, heads=2)})


def settled(columns: list[Column], knowledge: Features, mask: torch.Tensor | None, **options: object) -> Layout:
    return Layout([settle_column(column, knowledge, mask) for column in columns], **options)


def recorded(layout: Layout, knowledge: Features, mask: torch.Tensor | None) -> dict[str, list[bytes]]:
    tokens = next(iter(knowledge.hidden_states.values())).shape[1]
    counts = [tokens] * len(knowledge.logits) if mask is None else mask.sum(1).tolist()
    examples = {}
    for column in layout.columns:
        gathered = Gathered()
        packed = layout.pack(knowledge, mask)[column.name]
        gathered.add(packed, counts if column.of_tokens else [1] * len(counts))
        examples[column.name] = gathered.rows().to_pylist()
    return examples


def batch_of(layout: Layout, examples: dict[str, list[bytes]], mask: torch.Tensor | None) -> dict[str, torch.Tensor]:
    inputs = {} if mask is None else {"attention_mask": mask.long()}
    real = None if mask is None else mask.numpy()
    return inputs | {column.name: column.collate(examples[column.name], real) for column in layout.columns}


def of_all_kinds(knowledge: Features) -> dict[str, torch.Tensor]:
    attention = knowledge.attention[4]
    return {
        "logits": knowledge.logits,
        "hidden": knowledge.hidden_states[2],
        "query": attention.query,
        "key": attention.key,
        "value": attention.value,
    }


@pytest.mark.parametrize("of_tokens", [False, True], ids=["logits of examples", "logits of tokens"])
@pytest.mark.parametrize("padding", PADDINGS)
def test_what_was_said_of_real_tokens_is_read_again_and_padding_is_0(padding: str, of_tokens: bool) -> None:
    mask = torch.tensor(PADDINGS[padding], dtype=torch.bool)
    knowledge = spoken(*mask.shape, of_tokens=of_tokens)
    layout = settled(COLUMNS, knowledge, mask, heads=2)
    found = layout.decode(batch_of(layout, recorded(layout, knowledge, mask), mask), ALL)
    for name, values in of_all_kinds(knowledge).items():
        expected = values if values.dim() == 2 else values * mask.unsqueeze(-1)
        assert of_all_kinds(found)[name].equal(expected), name
    assert found.attention[4].heads == 2


@settings(max_examples=30, deadline=None, derandomize=True)
@given(examples=st.integers(1, 4), tokens=st.integers(1, 6), seed=st.integers(0, 999), data=st.data())
def test_examples_may_be_padded_differently_than_when_they_were_recorded(
    examples: int, tokens: int, seed: int, data: st.DataObject
) -> None:
    mask = torch.tensor(
        data.draw(
            st.lists(st.lists(st.booleans(), min_size=tokens, max_size=tokens), min_size=examples, max_size=examples)
        )
    )
    knowledge = spoken(examples, tokens, seed=seed)
    layout = settled(COLUMNS, knowledge, mask)
    stored = recorded(layout, knowledge, mask)
    order = data.draw(st.permutations(range(examples)))
    counts = mask.sum(1)[order]
    # All to the left, with 2 more places than before.
    other = torch.arange(tokens + 2) < counts.unsqueeze(1)
    batch = batch_of(layout, {name: [entries[row] for row in order] for name, entries in stored.items()}, other)
    found = layout.decode(batch, ALL)
    assert found.logits.equal(knowledge.logits[order])
    for row, count, states in zip(order, counts, found.hidden_states[2]):
        assert states[:count].equal(knowledge.hidden_states[2][row][mask[row]])
        assert not states[count:].any()


def test_each_example_is_stored_without_its_padding() -> None:
    mask = torch.tensor(PADDINGS["interior"], dtype=torch.bool)
    knowledge = spoken(*mask.shape)
    layout = settled(COLUMNS, knowledge, mask)
    stored = recorded(layout, knowledge, mask)
    assert [len(entry) for entry in stored["knowledge_logits"]] == [3 * 4] * 3
    assert [len(entry) for entry in stored["knowledge_hidden_2"]] == [3 * 24, 3 * 24, 2 * 24]


def test_without_a_mask_all_tokens_are_real() -> None:
    knowledge = spoken(3, 5)
    layout = settled(COLUMNS, knowledge, None)
    found = layout.decode(batch_of(layout, recorded(layout, knowledge, None), None), ALL)
    for name, values in of_all_kinds(knowledge).items():
        assert of_all_kinds(found)[name].equal(values), name


@pytest.mark.parametrize("pooling", ["first", "mean"])
@pytest.mark.parametrize("padding", PADDINGS)
def test_pooling_what_is_decoded_gives_the_recorded_vector(pooling: str, padding: str) -> None:
    mask = torch.tensor(PADDINGS[padding], dtype=torch.bool)
    knowledge = spoken(*mask.shape)
    layout = settled([Column("hidden", 2, pooling, codec="fp32")], knowledge, mask)
    stored = recorded(layout, knowledge, mask)
    assert [len(entry) for entry in stored["knowledge_hidden_2"]] == [24] * 3
    states = layout.decode(batch_of(layout, stored, mask), ALL).hidden_states[2]
    assert states.shape == (*mask.shape, 6)
    expected = POOLINGS[pooling](knowledge.hidden_states[2], mask)
    torch.testing.assert_close(POOLINGS[pooling](states, mask), expected)


def test_a_pooled_vector_of_an_image_is_read_without_tokens() -> None:
    knowledge = spoken(2, 5)
    layout = settled([Column("hidden", 2, "mean", codec="fp32")], knowledge, None)
    states = layout.decode(batch_of(layout, recorded(layout, knowledge, None), None), ALL).hidden_states[2]
    torch.testing.assert_close(states, knowledge.hidden_states[2].mean(1, keepdim=True))


def test_only_what_is_wanted_is_read() -> None:
    knowledge = spoken(2, 5)
    layout = settled(COLUMNS, knowledge, None)
    batch = batch_of(layout, recorded(layout, knowledge, None), None)
    found = layout.decode({"knowledge_logits": batch["knowledge_logits"]}, Needs(logits=True))
    assert (found.hidden_states, found.attention) == ({}, {})
    assert layout.decode(batch, Needs(hidden_states=frozenset({2}))).logits is None


@pytest.mark.parametrize("name", ["knowledge_logits", "knowledge_hidden_2", "knowledge_key_4"])
def test_a_column_that_a_batch_does_not_have_is_named(name: str) -> None:
    knowledge = spoken(2, 5)
    layout = settled(COLUMNS, knowledge, None)
    batch = batch_of(layout, recorded(layout, knowledge, None), None)
    del batch[name]
    with pytest.raises(InputError) as error:
        layout.decode(batch, ALL)
    assert str(error.value) == (
        f"train_dataset: its batches have no {name}; make them with the trainer's own data loader"
    )


@pytest.mark.parametrize(
    ("row", "tokens"), [([1, 1, 0, 0, 0], 2), ([1, 1, 1, 1, 0], 4), ([0] * 5, 0)], ids=["fewer", "more", "none"]
)
def test_another_number_of_tokens_is_refused(row: list[int], tokens: int) -> None:
    mask = torch.tensor(PADDINGS["right"], dtype=torch.bool)
    knowledge = spoken(*mask.shape)
    layout = settled(COLUMNS, knowledge, mask)
    stored = recorded(layout, knowledge, mask)
    mask[0] = torch.tensor(row, dtype=torch.bool)
    with pytest.raises(InputError) as error:
        batch_of(layout, stored, mask)
    assert str(error.value) == (
        f"train_dataset: a row has {tokens} tokens and had 3 when it was recorded; make batches as they were made "
        "then, with the same tokenizer, max_length and data collator"
    )


@pytest.mark.parametrize("codec", ["fp16", "bf16", "int8", "log8"])
def test_padding_is_0_and_a_single_token_is_read_in_every_codec(codec: str) -> None:
    mask = torch.tensor([[False, True, False]])
    knowledge = spoken(1, 3)
    layout = settled([Column("hidden", 2, codec=codec)], knowledge, mask)
    states = layout.decode(batch_of(layout, recorded(layout, knowledge, mask), mask), ALL).hidden_states[2]
    assert not states[~mask].any()
    torch.testing.assert_close(states[mask].float(), knowledge.hidden_states[2][mask], atol=2e-2, rtol=3e-2)


# Where a part of hidden states was kept

COMPONENTS = torch.linalg.qr(torch.randn(6, 4, generator=torch.Generator().manual_seed(5))).Q.T
REDUCTION = Reduction(COMPONENTS, torch.arange(6.0))


def reduced(knowledge: Features, mask: torch.Tensor | None, in_reduced_space: bool, **options: str) -> Layout:
    layout = settled([Column("hidden", 2, codec="fp32", **options)], knowledge, mask)
    columns = [column.keeping(REDUCTION) for column in layout.columns]
    return replace(layout, columns=columns, reductions={2: REDUCTION}, in_reduced_space=in_reduced_space)


def test_a_part_of_hidden_states_is_stored_and_the_rest_is_the_means() -> None:
    mask = torch.tensor(PADDINGS["left"], dtype=torch.bool)
    knowledge = spoken(*mask.shape)
    layout = reduced(knowledge, mask, in_reduced_space=False)
    stored = recorded(layout, knowledge, mask)
    assert [len(entry) for entry in stored["knowledge_hidden_2"]] == [3 * 16, 4 * 16, 1 * 16]
    found = layout.decode(batch_of(layout, stored, mask), ALL).hidden_states[2][mask]
    onto = COMPONENTS.T @ COMPONENTS
    expected = REDUCTION.mean + (knowledge.hidden_states[2][mask] - REDUCTION.mean) @ onto
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def test_in_the_reduced_space_student_and_teacher_differ_as_far_as_what_was_kept_does() -> None:
    student, teacher = (spoken(2, 5, seed=seed) for seed in (1, 2))
    layout = reduced(teacher, None, in_reduced_space=True)
    found = layout.decode(batch_of(layout, recorded(layout, teacher, None), None), ALL).hidden_states[2]
    projected = Features(hidden_states={(1, 2): student.hidden_states[2].clone()})
    layout.match(projected)
    assert found.shape == projected.hidden_states[1, 2].shape == (2, 5, 4)
    difference = (student.hidden_states[2] - teacher.hidden_states[2]) @ COMPONENTS.T
    torch.testing.assert_close(
        (projected.hidden_states[1, 2] - found).square().mean(-1),
        difference.square().sum(-1) / 6,
        atol=1e-4,
        rtol=1e-4,
    )


def test_a_students_states_in_its_own_width_or_of_whole_layers_are_not_matched() -> None:
    states = spoken(2, 5).hidden_states[2]
    layout = reduced(spoken(2, 5), None, in_reduced_space=True)
    student = Features(hidden_states={2: states, (1, 3): states, (2, 2): states})
    layout.match(student)
    assert student.hidden_states[2] is states
    assert student.hidden_states[1, 3] is states
    assert student.hidden_states[2, 2].shape == (2, 5, 4)


def test_in_the_full_space_nothing_is_matched() -> None:
    states = spoken(2, 5).hidden_states[2]
    student = Features(hidden_states={(1, 2): states})
    reduced(spoken(2, 5), None, in_reduced_space=False).match(student)
    assert student.hidden_states[1, 2] is states


def test_a_part_of_a_pooled_vector_is_kept() -> None:
    knowledge = spoken(2, 5)
    layout = reduced(knowledge, None, in_reduced_space=False, pooling="mean")
    found = layout.decode(batch_of(layout, recorded(layout, knowledge, None), None), ALL).hidden_states[2]
    expected = REDUCTION.restore(REDUCTION.reduce(knowledge.hidden_states[2].mean(1)))
    torch.testing.assert_close(found.squeeze(1), expected)


# How far a recording is from the teacher


def test_errors_are_sums_of_squares_over_real_tokens() -> None:
    mask = torch.tensor(PADDINGS["right"], dtype=torch.bool)
    said, exact = (spoken(*mask.shape, seed=seed) for seed in (0, 1))
    layout = settled(COLUMNS, said, mask)
    errors = layout.errors(layout.pack(said, mask), exact, mask)
    assert set(errors) == {column.name for column in COLUMNS}
    found, true = said.hidden_states[2][mask], exact.hidden_states[2][mask]
    expected = (found - true).square().sum().item(), true.square().sum().item()
    assert errors["knowledge_hidden_2"] == pytest.approx(expected, rel=1e-5)
    expected = (said.logits - exact.logits).square().sum().item(), exact.logits.square().sum().item()
    assert errors["knowledge_logits"] == pytest.approx(expected, rel=1e-5)


def test_what_is_stored_exactly_has_no_error() -> None:
    knowledge = spoken(3, 5)
    layout = settled(COLUMNS, knowledge, None)
    assert {error for error, _ in layout.errors(layout.pack(knowledge, None), knowledge, None).values()} == {0.0}


@pytest.mark.parametrize("in_reduced_space", [True, False])
def test_the_error_of_what_was_kept_is_that_in_the_teachers_width(in_reduced_space: bool) -> None:
    knowledge = spoken(3, 5)
    layout = reduced(knowledge, None, in_reduced_space)
    error, length = layout.errors(layout.pack(knowledge, None), knowledge, None)["knowledge_hidden_2"]
    states = knowledge.hidden_states[2]
    lost = (states - REDUCTION.mean) @ (torch.eye(6) - COMPONENTS.T @ COMPONENTS)
    assert error == pytest.approx(lost.square().sum().item(), rel=1e-4)
    assert length == pytest.approx(states.square().sum().item(), rel=1e-5)
