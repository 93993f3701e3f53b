# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hf_distill.data.spans import Piece, Special, share_spans, share_words

LENGTH = 12


@st.composite
def cut_texts(draw: st.DrawFn) -> list[Piece]:
    """Draw tokens of a text or two, in order: some characters have no token, some have several, ends are cut off."""
    tokens = []
    for text in range(draw(st.integers(1, 2))):
        borders = sorted(draw(st.sets(st.integers(0, LENGTH), min_size=2)))
        for start, end in zip(borders, borders[1:]):
            for _ in range(draw(st.sampled_from([0, 1, 1, 1, 2]))):
                tokens.append(Piece((text, 0), start, end))
        # A token without characters.
        if draw(st.booleans()):
            tokens.append(Piece((text, 0), borders[-1], borders[-1]))
    return tokens


def characters(tokens: list[Piece], part: tuple[int, int]) -> list[set[int]]:
    """The characters of each token, none if it is of another text."""
    return [set(range(token.start, token.end)) if token.part == part else set() for token in tokens]


def slow_spans(student: list[Piece], teacher: list[Piece]) -> set[tuple[frozenset[int], frozenset[int]]]:
    """The tokens of each span, character by character."""
    result = set()
    for text in range(2):
        sides = [characters(tokens, (text, 0)) for tokens in (student, teacher)]
        every = [set().union(*side) for side in sides]
        if not every[0] or not every[1]:
            continue
        # A border is where no token goes on from the character before to the character after.
        border = [not any({at - 1, at} <= token for side in sides for token in side) for at in range(LENGTH + 1)]
        at = 0
        while at < LENGTH:
            end = next(place for place in range(at + 1, LENGTH + 1) if border[place])
            span = set(range(at, end))
            tokens = [frozenset(place for place, token in enumerate(side) if token & span) for side in sides]
            seen_by_both = max(map(min, every)) <= at and end - 1 <= min(map(max, every))
            if all(tokens) and seen_by_both:
                result.add(tuple(tokens))
            at = end
    return result


def grouped(numbers: list[int], number: int) -> frozenset[int]:
    return frozenset(place for place, value in enumerate(numbers) if value == number)


@given(cut_texts(), cut_texts())
def test_spans_are_those_found_character_by_character(student: list[Piece], teacher: list[Piece]) -> None:
    own, other = share_spans(student, teacher)
    found = [(grouped(own, number), grouped(other, number)) for number in range(max(own, default=-1) + 1)]
    assert set(found) == slow_spans(student, teacher)
    assert len(set(found)) == len(found)


@given(cut_texts(), cut_texts())
def test_both_sides_have_the_same_spans_in_the_same_text(student: list[Piece], teacher: list[Piece]) -> None:
    own, other = share_spans(student, teacher)
    spans = set(own) - {-1}
    assert spans == set(other) - {-1} == set(range(len(spans)))
    firsts = [own.index(number) for number in sorted(spans)]
    assert firsts == sorted(firsts)
    for number in spans:
        tokens = [student[place] for place in grouped(own, number)]
        tokens += [teacher[place] for place in grouped(other, number)]
        assert len({token.part for token in tokens}) == 1


@given(cut_texts(), cut_texts())
def test_sides_may_be_exchanged(student: list[Piece], teacher: list[Piece]) -> None:
    found = []
    for own, other in (share_spans(student, teacher), share_spans(teacher, student)[::-1]):
        found.append({(grouped(own, number), grouped(other, number)) for number in set(own) - {-1}})
    assert found[0] == found[1]


@given(cut_texts())
def test_the_same_tokens_are_spans_of_their_own(tokens: list[Piece]) -> None:
    once = [token for place, token in enumerate(tokens) if token.start < token.end and token not in tokens[:place]]
    assert share_spans(once, once) == (list(range(len(once))), list(range(len(once))))


@pytest.mark.parametrize(
    ("student", "teacher", "expected"),
    [
        # [CLS] a [SEP] b [SEP] and <s> a </s></s> b </s>
        ([0, "a", 1, "b", 2], [0, "a", 1, 1, "b", 2], ([0, 1, 2, 3, 4], [0, 1, 2, 2, 3, 4])),
        # No tokens between texts on one side.
        ([0, "a", 1, "b", 2], ["a", "b", 2], ([-1, 0, -1, 1, 2], [0, 1, 2])),
        # An empty text.
        ([0, 0], [0, 0], ([0, 1], [0, 1])),
        ([0, 0], [], ([-1, -1], [])),
    ],
)
def test_special_tokens_go_by_the_texts_between_them(student: list, teacher: list, expected: tuple) -> None:
    texts = {"a": Piece((0, 0), 0, 3), "b": Piece((1, 0), 0, 2)}
    sides = [[texts.get(token) or Special(token) for token in side] for side in (student, teacher)]
    assert share_spans(*sides) == expected


def test_what_one_side_cut_off_is_in_no_span() -> None:
    whole = [Piece((0, 0), 0, 4), Piece((0, 0), 5, 12)]
    cut = [Piece((0, 0), 0, 4), Piece((0, 0), 5, 9)]
    assert share_spans(whole, cut) == ([0, -1], [0, -1])
    assert share_spans(cut, whole) == ([0, -1], [0, -1])


def test_words_are_numbered_where_they_begin() -> None:
    student = [None, "a", "b", "b", "c", None]
    teacher = [None, "a", "a", "c", "d", "b", None]
    assert share_words(student, teacher) == ([-1, 0, 1, -1, 2, -1], [-1, 0, -1, 2, -1, 1, -1])
