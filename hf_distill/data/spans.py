# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Which tokens of two tokenizers stand for the same piece of a text."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

NOT_SHARED = -1
"""The span of a token that has none."""


class Piece(NamedTuple):
    """
    What a token stands for: characters of a text.

    Args:
        part (`tuple[int, int]`): Which text of the row, and which word of it where it was given in words.
        start (`int`): The first character, counted within the part.
        end (`int`): The one after the last; a token without characters has the same `start` and `end`.
    """

    part: tuple[int, int]
    start: int
    end: int


class Special(NamedTuple):
    """
    A token that stands for no text, such as [CLS] and [SEP].

    Args:
        after (`int`): How many texts of the row are before it.
    """

    after: int


Token = Piece | Special


@dataclass
class _Span:
    """The tokens of both sides that overlap, directly or by way of others."""

    part: tuple[int, int]
    start: int
    end: int
    places: list[tuple[int, int]] = field(default_factory=list)
    """Side, 0 or 1, and place of each token."""


def share_spans(student: Sequence[Token], teacher: Sequence[Token]) -> tuple[list[int], list[int]]:
    """
    Number the spans that two tokenizers share, and say for each token which one it belongs to.

    A span is a smallest range of characters at whose borders neither side has a token that goes on, and in which both
    have a token. What was cut off on either side is in none, and a token without characters neither. Special tokens
    between the same texts are paired in order where there are as many on both sides, and all of them are one span
    where there are not.

    Args:
        student (`Sequence[Token]`): What each token of the student's stands for.
        teacher (`Sequence[Token]`): What each token of the teacher's stands for.

    Returns:
        `tuple[list[int], list[int]]`: For each token of the student's and of the teacher's the number of its span, or
        -1. Spans are numbered from 0 in the order of the student's tokens.

    Example:

    ```python
    >>> play, ing, playing = Piece((0, 0), 0, 4), Piece((0, 0), 4, 7), Piece((0, 0), 0, 7)
    >>> share_spans([Special(0), play, ing], [Special(0), playing])
    ([0, 1, 1], [0, 1])
    ```
    """
    sides = student, teacher
    result = [NOT_SHARED] * len(student), [NOT_SHARED] * len(teacher)
    groups = [*_of_text(sides), *_of_special_tokens(sides)]
    for number, group in enumerate(sorted(sorted(group) for group in groups)):
        for side, place in group:
            result[side][place] = number
    return result


def share_words(student: Sequence[Hashable], teacher: Sequence[Hashable]) -> tuple[list[int], list[int]]:
    """
    Number the words that two tokenizers share, and say of the first token of each which word it begins.

    Args:
        student (`Sequence`): The word of each token of the student's; `None` for a token of no word.
        teacher (`Sequence`): The word of each token of the teacher's.

    Returns:
        `tuple[list[int], list[int]]`: For each token of the student's and of the teacher's the number of the word that
        begins with it, or -1.

    Example:

    ```python
    >>> share_words([None, "a", "a", "b"], [None, "a", "b", "b"])
    ([-1, 0, -1, 1], [-1, 0, 1, -1])
    ```
    """
    first: list[dict[Hashable, int]] = [{}, {}]
    for side, words in enumerate((student, teacher)):
        for place, word in enumerate(words):
            if word is not None:
                first[side].setdefault(word, place)
    result = [NOT_SHARED] * len(student), [NOT_SHARED] * len(teacher)
    for number, word in enumerate(word for word in first[0] if word in first[1]):
        for side in (0, 1):
            result[side][first[side][word]] = number
    return result


def _of_text(sides: tuple[Sequence[Token], Sequence[Token]]) -> Iterator[list[tuple[int, int]]]:
    pieces = sorted(
        (*token, side, place)
        for side, tokens in enumerate(sides)
        for place, token in enumerate(tokens)
        if isinstance(token, Piece) and token.start < token.end
    )
    spans: list[_Span] = []
    # Where the text of each part begins and ends that a side has tokens for.
    reach: dict[tuple[tuple[int, int], int], tuple[int, int]] = {}
    for part, start, end, side, place in pieces:
        if not spans or spans[-1].part != part or spans[-1].end <= start:
            spans.append(_Span(part, start, end))
        spans[-1].end = max(spans[-1].end, end)
        spans[-1].places.append((side, place))
        first, last = reach.get((part, side), (start, end))
        reach[part, side] = first, max(last, end)
    for span in spans:
        if {side for side, _ in span.places} == {0, 1}:
            (one_first, one_last), (other_first, other_last) = reach[span.part, 0], reach[span.part, 1]
            if max(one_first, other_first) <= span.start and span.end <= min(one_last, other_last):
                yield span.places


def _of_special_tokens(sides: tuple[Sequence[Token], Sequence[Token]]) -> Iterator[list[tuple[int, int]]]:
    runs: dict[int, list[list[tuple[int, int]]]] = defaultdict(lambda: [[], []])
    for side, tokens in enumerate(sides):
        for place, token in enumerate(tokens):
            if isinstance(token, Special):
                runs[token.after][side].append((side, place))
    for one, other in runs.values():
        if len(one) == len(other):
            yield from map(list, zip(one, other))
        elif one and other:
            yield [*one, *other]
