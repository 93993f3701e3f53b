# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""From logits to the words of a task."""

from __future__ import annotations

import pytest
import torch

from hf_distill.demo import answers


def test_of_classes_the_likeliest_comes_first_and_few_are_told() -> None:
    logits = torch.tensor([0.0, 3.0, 1.0, 0.5, 0.4, 0.3, 0.2])
    answer = answers.of_classes(logits, list("abcdefg"))
    assert answer.words == "b"
    assert [name for name, _ in answer.scores] == ["b", "c", "d", "e", "f"]
    assert answer.scores[0][1] == pytest.approx(logits.softmax(-1)[1].item())


def test_of_labels_any_number_is_right() -> None:
    logits = torch.tensor([1.0, -1.0, 2.0])
    assert answers.of_labels(logits, ["a", "b", "c"]).words == "a, c"
    assert answers.of_labels(logits, ["a", "b", "c"]).scores[0] == (
        "c",
        pytest.approx(torch.sigmoid(logits[2]).item()),
    )
    assert answers.of_labels(-logits.abs(), ["a", "b", "c"]).words == "no label"


def test_a_span_is_marked_in_its_text_and_no_answer_competes() -> None:
    answer = answers.of_span("It is in Rome.", 8, 13, 0.2, 0.7)
    assert answer.words == "Rome"
    assert answer.scores == (("no answer in the text", 0.7), ("Rome", 0.2))
    assert answer.text == (("It is in", None), (" Rome", "answer"), (".", None))


@pytest.mark.parametrize(
    ("tags", "words", "marked"),
    [
        (["O", "O", "O", "O"], "nothing", []),
        (["B-PER", "I-PER", "O", "B-LOC"], "Anna Bell (PER), Rome (LOC)", ["Anna Bell", "Rome"]),
        (["B-PER", "B-PER", "O", "O"], "Anna (PER), Bell (PER)", ["Anna", "Bell"]),
        (["B-PER", "O", "O", "I-PER"], "Anna (PER), Rome (PER)", ["Anna", "Rome"]),
        (["I-PER", "I-LOC", "O", "O"], "Anna (PER), Bell (LOC)", ["Anna", "Bell"]),
        (["NOUN", "NOUN", "VERB", "O"], "Anna (NOUN), Bell (NOUN), saw (VERB)", ["Anna", "Bell", "saw"]),
    ],
)
def test_tags_are_marked_in_their_text(tags: list[str], words: str, marked: list[str]) -> None:
    text, places = "Anna Bell saw Rome.", [(0, 4), (5, 9), (10, 13), (14, 18)]
    answer = answers.of_tags(text, places, tags)
    assert answer.words == words
    assert [piece for piece, mark in answer.text if mark] == marked
    assert "".join(piece for piece, _ in answer.text) == text


def test_masks_are_filled() -> None:
    one = answers.of_masks(["in ", "."], [[("Rome", 0.5), ("Paris", 0.25)]])
    assert (one.words, one.scores) == ("Rome", (("Rome", 0.5), ("Paris", 0.25)))
    two = answers.of_masks(["", " in ", ""], [[("Anna", 0.5)], [("Rome", 0.25)]])
    assert (two.words, two.scores) == ("Anna, Rome", (("1. Anna", 0.5), ("2. Rome", 0.25)))
    assert two.text == (("Anna", "mask"), (" in ", None), ("Rome", "mask"))
