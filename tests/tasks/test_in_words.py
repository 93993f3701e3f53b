# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Tests of what people read of each task's examples and answers."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image
from transformers import PreTrainedTokenizerBase

from hf_distill.tasks import find_task
from hf_distill.tasks.fill_mask import ANSWER
from hf_distill.tasks.media import PLACE

NAMES = ["neg", "pos"]
TAGS = ["O", "B-PER", "B-LOC"]
TEXT = {"text": "A film.", "text_pair": "Good?", "label": 1}


def words(task: str, answers: list, example: dict[str, Any], names: list[str] = NAMES, processor: Any = None) -> list:
    return find_task(task)().in_words(answers, example, names, processor)


@pytest.mark.parametrize(
    ("task", "example", "texts"),
    [
        ("text-classification", TEXT, ["A film.", "Good?"]),
        ("text-regression", {"text": "A film.", "label": 2.0}, ["A film."]),
        ("multi-label-text-classification", {"text": "A film.", "labels": [1.0, 0.0]}, ["A film."]),
        ("sentence-similarity", {"text": "A film.", "text_pair": "Films.", "score": 3.0}, ["A film.", "Films."]),
        ("token-classification", {"tokens": ["Anna", "in", "Rome"], "tags": [1, 0, 2]}, ["Anna in Rome"]),
        ("multiple-choice", {"text": "She", "choices": ["ran.", "sat."], "label": 0}, ["She", "• ran.", "• sat."]),
        (
            "question-answering",
            {"question": "Where?", "context": "In Rome.", "references": ["Rome"], "answer_start": 3},
            ["Where?", "In Rome."],
        ),
        ("audio-classification", {"audio": b"", "label": 1, PLACE: "split 'test', row 3"}, ["split 'test', row 3"]),
        ("image-classification", {"image": b"", "labels": 1}, []),
    ],
)
def test_text_of_an_example(task: str, example: dict[str, Any], texts: list[str]) -> None:
    assert find_task(task)().texts_of(example, None) == texts


def test_a_long_context_begins_a_little_before_the_answer() -> None:
    example = {"question": "Where?", "context": "a" * 1000 + "Rome", "answer_start": 1000}
    _, context = find_task("question-answering")().texts_of(example, None)
    assert context == "… " + "a" * 200 + "Rome"


def test_labels_have_their_names() -> None:
    assert words("text-classification", [np.array(1), np.int64(0)], TEXT) == ["pos", "neg"]


def test_several_labels_are_listed() -> None:
    answers = [np.array([1, 1]), np.array([0, 1]), np.array([0, 0])]
    assert words("multi-label-text-classification", answers, TEXT) == ["neg, pos", "pos", "no label"]


@pytest.mark.parametrize("task", ["text-regression", "sentence-similarity"])
def test_numbers_have_four_digits_and_are_nearer_or_farther(task: str) -> None:
    assert words(task, [3.0, np.float32(0.123456)], TEXT) == ["3", "0.1235"]
    assert find_task(task)().is_right(0.5, 0.5) is None
    assert find_task(task)().difference(0.5, 0.75) == 0.25
    assert find_task(task)().difference(float("nan"), 0.75) == float("inf")


def test_choices_are_told_themselves() -> None:
    example = {"choices": ["ran.", "sat."]}
    assert words("multiple-choice", [np.array(0), np.array(1)], example, []) == ["ran.", "sat."]


def test_answers_to_questions_are_their_texts() -> None:
    answers = [["Rome", "in Rome", "Rome"], "the Rome", ""]
    assert words("question-answering", answers, {}) == ["Rome / in Rome", "the Rome", "no answer"]
    assert words("question-answering", [[], "Rome"], {}) == ["no answer", "Rome"]


def test_answers_to_questions_are_compared_as_the_metric_does() -> None:
    task = find_task("question-answering")()
    assert task.is_right("the Rome.", ["Paris", "Rome"]) and task.is_right("", [])
    assert not task.is_right("Rome", []) and not task.is_right("", ["Rome"])
    assert task.difference("the Rome.", "rome") == 0 and task.difference("Rome", "") == 1


def test_tags_are_told_of_the_words_in_dispute(tokenizer: PreTrainedTokenizerBase) -> None:
    # The word of a joiner alone becomes no token of the student's tokenizer, and so has no tag.
    example = {"tokens": ["anna", "\u200d", "films", "in", "rome"]}
    answers = [np.array([1, -1, 0, 0, 2]), np.array([1, 1, 0, 0, 0]), np.array([0, -1, 0, 0, 2])]
    assert words("token-classification", answers, example, TAGS, tokenizer) == [
        "anna: B-PER, rome: B-LOC",
        "anna: B-PER, rome: O",
        "anna: O, rome: B-LOC",
    ]


def test_words_that_were_cut_off_have_no_tags(tokenizer: PreTrainedTokenizerBase) -> None:
    task = find_task("token-classification")(max_length=4)
    answers = [np.array([1, 0]), np.array([0, 0])]
    assert task.in_words(answers, {"tokens": ["anna", "in", "rome"]}, TAGS, tokenizer) == ["anna: B-PER", "anna: O"]


def test_masked_tokens_have_numbers(tokenizer: PreTrainedTokenizerBase) -> None:
    ids = tokenizer("anna in rome good film")["input_ids"]
    anna, rome, film, bad = (tokenizer.convert_tokens_to_ids(word) for word in ("anna", "rome", "film", "bad"))
    labels = [-100, anna, -100, rome, -100, -100, -100]
    task, example = find_task("fill-mask")(), {"input_ids": ids, "labels": labels}
    assert [" ".join(text.split()) for text in task.texts_of(example, tokenizer)] == ["[1] in [2] good film"]
    teacher, student = (np.array([(-1.0, anna), (-1.0, token)], ANSWER) for token in (film, bad))
    reference = np.array([anna, rome])
    assert task.in_words([reference, teacher, student], example, [], tokenizer) == ["[2] rome", "[2] film", "[2] bad"]
    assert not task.is_right(teacher, reference)
    assert (task.difference(teacher, student), task.difference(teacher, teacher.copy())) == (1.0, 0.0)


def test_an_image_is_seen() -> None:
    file = io.BytesIO()
    Image.new("L", (6, 4)).save(file, "PNG")
    for value in (file.getvalue(), {"bytes": file.getvalue(), "path": None}):
        picture = find_task("image-classification")().picture_of({"image": value})
        assert (picture.size, picture.mode) == ((6, 4), "RGB")
    assert find_task("text-classification")().picture_of(TEXT) is None


@pytest.mark.parametrize(("answer", "right"), [(1, True), (0, False)])
def test_a_label_is_right_or_wrong(answer: int, right: bool) -> None:
    task = find_task("text-classification")()
    assert task.is_right(np.array(answer), np.array(1)) is right
    assert task.difference(np.array(answer), np.array(1)) == float(not right)
