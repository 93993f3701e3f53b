# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""What a model says of an input, in the words of its task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

MOST_SCORES = 5
"""How many of the likeliest answers are shown."""
NO_ANSWER = "no answer in the text"


@dataclass(frozen=True)
class Answer:
    """
    What a model says.

    Args:
        words (`str`): The answer: a label, a number, a piece of a text.
        scores (`tuple[tuple[str, float], ...]`, *optional*): What could be answered with its probability from 0 to 1,
            the likeliest first.
        text (`tuple[tuple[str, str | None], ...]`, *optional*): The input in pieces, in order, each with its mark or
            `None`.
    """

    words: str
    scores: tuple[tuple[str, float], ...] = ()
    text: tuple[tuple[str, str | None], ...] = ()


def of_classes(logits: torch.Tensor, names: Sequence[str]) -> Answer:
    """Return the likeliest of several classes; `logits` are `(classes,)`."""
    scores = _likeliest(logits.float().softmax(-1), names)
    return Answer(scores[0][0], scores)


def of_labels(logits: torch.Tensor, names: Sequence[str]) -> Answer:
    """Return all labels that are more likely than not, any number of which may be right; `logits` are `(labels,)`."""
    probabilities = logits.float().sigmoid()
    right = [name for name, probability in zip(names, probabilities.tolist()) if probability > 0.5]
    return Answer(", ".join(right) or "no label", _likeliest(probabilities, names))


def of_number(value: float) -> Answer:
    """Return a number."""
    return Answer(f"{value:.4f}")


def of_span(text: str, begin: int, end: int, probability: float, without_answer: float) -> Answer:
    """
    Return a piece of a text.

    Args:
        text (`str`): The text.
        begin (`int`): Its first character.
        end (`int`): The character behind its last.
        probability (`float`): How likely it is.
        without_answer (`float`): How likely it is that the text has no answer.
    """
    found = text[begin:end].strip()
    scores = sorted([(found, probability), (NO_ANSWER, without_answer)], key=lambda entry: -entry[1])
    pieces = ((text[:begin], None), (text[begin:end], "answer"), (text[end:], None))
    return Answer(found, tuple(scores), tuple(piece for piece in pieces if piece[0]))


def of_tags(text: str, places: Sequence[tuple[int, int]], tags: Sequence[str]) -> Answer:
    """
    Return a text with tags on its words; words that one B- and several I- tags hold together are one piece.

    Args:
        text (`str`): The text.
        places (`Sequence[tuple[int, int]]`): Where each word begins, and the character behind its last.
        tags (`Sequence[str]`): The tag of each word; `O` is none.
    """
    found: list[tuple[int, int, str]] = []
    for (begin, end), tag in zip(places, tags):
        kind = tag.partition("-")[2] if tag[:2] in ("B-", "I-") else tag
        # Only what follows on the word before goes on with it.
        goes_on = tag.startswith("I-") and found and found[-1][2] == kind and not text[found[-1][1] : begin].strip()
        if goes_on:
            found[-1] = (found[-1][0], end, kind)
        elif tag != "O":
            found.append((begin, end, kind))
    pieces: list[tuple[str, str | None]] = []
    before = 0
    for begin, end, kind in found:
        pieces += [(text[before:begin], None), (text[begin:end], kind)]
        before = end
    pieces.append((text[before:], None))
    words = ", ".join(f"{text[begin:end]} ({kind})" for begin, end, kind in found)
    return Answer(words or "nothing", text=tuple(piece for piece in pieces if piece[0]))


def of_masks(parts: Sequence[str], fillings: Sequence[Sequence[tuple[str, float]]]) -> Answer:
    """
    Return what fills the masks of a text.

    Args:
        parts (`Sequence[str]`): The text around the masks, one part more than there are masks.
        fillings (`Sequence[Sequence[tuple[str, float]]]`): The likeliest tokens at each mask with their probabilities.
    """
    fills = [tokens[0][0] for tokens in fillings]
    pieces = [(parts[0], None)]
    for fill, part in zip(fills, parts[1:]):
        pieces += [(fill, "mask"), (part, None)]
    several = len(fills) > 1
    scores = [
        (f"{number}. {token}" if several else token, probability)
        for number, tokens in enumerate(fillings, start=1)
        for token, probability in tokens
    ]
    return Answer(", ".join(fills), tuple(scores), tuple(piece for piece in pieces if piece[0]))


def _likeliest(probabilities: torch.Tensor, names: Sequence[str]) -> tuple[tuple[str, float], ...]:
    ranked = probabilities.sort(descending=True)
    pairs = zip(ranked.indices.tolist(), ranked.values.tolist())
    return tuple((names[place], probability) for place, probability in pairs)[:MOST_SCORES]
