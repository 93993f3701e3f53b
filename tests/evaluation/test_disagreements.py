# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Tests of finding, writing and reading the examples on which student and teacher differ."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datasets import Dataset
from PIL import Image

from hf_distill.errors import InputError
from hf_distill.evaluation import disagreements
from hf_distill.evaluation.disagreements import (
    MOST_EXAMPLES,
    Disagreements,
    find_disagreements,
    read_disagreements,
    write_disagreements,
)
from hf_distill.tasks import find_task
from made_runs import make_disagreements

NAMES = ["neg", "pos", "mixed"]


def found_of(
    teacher: list[int], student: list[int], right: list[int], texts: list[str] | None = None, names: list[str] = NAMES
) -> Disagreements:
    texts = texts or [f"text {row}" for row in range(len(right))]
    ids, of_student, references = ([np.array(label) for label in labels] for labels in (teacher, student, right))
    answers = {"teacher": ids, "student": of_student, "quantized/onnxruntime": of_student}
    task = find_task("text-classification")()
    return find_disagreements(task, Dataset.from_dict({"text": texts}), references, answers, names, None)


def numbers_of(differences: list[float]) -> Disagreements:
    answers = {"teacher": [0.0] * len(differences), "student": differences}
    examples = Dataset.from_dict({"text": ["text"] * len(differences)})
    task = find_task("text-regression")()
    return find_disagreements(task, examples, [1.0] * len(differences), answers, [], None)


def test_examples_on_which_they_differ_are_told_in_words() -> None:
    found = found_of(teacher=[0, 1, 1], student=[0, 0, 1], right=[1, 1, 1])
    assert (found.examples_measured, found.differing, found.numbers) == (3, 1, False)
    (example,) = found.examples
    assert (example.number, example.text, example.reference) == (1, "text 1", "pos")
    assert {model: (answer.text, answer.right) for model, answer in example.answers.items()} == {
        "teacher": ("pos", True),
        "student": ("neg", False),
        "quantized/onnxruntime": ("neg", False),
    }


def test_it_is_counted_who_is_right() -> None:
    found = found_of(teacher=[1, 1, 0, 0, 1], student=[0, 0, 1, 2, 1], right=[1, 1, 1, 1, 1])
    assert found.outcomes == {"teacher right": 2, "student right": 1, "both wrong": 1}
    assert [example.outcome for example in found.examples] == [
        "teacher right", "teacher right", "student right", "both wrong",
    ]  # fmt: skip


def test_models_that_agree_have_no_disagreements() -> None:
    found = found_of(teacher=[0, 1], student=[0, 1], right=[1, 1])
    assert (found.differing, found.outcomes, found.examples) == (0, {}, [])


def test_of_many_some_of_all_parts_are_kept_and_all_are_counted() -> None:
    found = found_of(teacher=[0, 0] * 500, student=[0, 1] * 500, right=[0, 0] * 500)
    numbers = [example.number for example in found.examples]
    assert (found.differing, found.outcomes) == (500, {"teacher right": 500})
    assert len(set(numbers)) == len(numbers) == MOST_EXAMPLES
    assert numbers == sorted(numbers) and (numbers[0], numbers[-1]) == (1, 999)
    assert max(np.diff(numbers)) <= 6
    assert found == found_of(teacher=[0, 0] * 500, student=[0, 1] * 500, right=[0, 0] * 500)


def test_of_numbers_those_that_differ_most_are_kept_the_farthest_first() -> None:
    generator = np.random.default_rng(0)
    differences = generator.permutation(1000).astype(float).tolist()
    found = numbers_of(differences)
    assert found.numbers and found.outcomes == {}
    assert [differences[example.number] for example in found.examples] == list(range(999, 999 - MOST_EXAMPLES, -1))
    assert found.examples[0].answers["student"].right is None and found.examples[0].outcome is None


def test_a_number_that_is_none_differs_most() -> None:
    assert [example.number for example in numbers_of([1.0, float("nan"), 2.0]).examples] == [1, 2, 0]


def test_long_texts_are_cut_and_spaces_are_one() -> None:
    found = found_of([0], [1], [1], texts=["a \t\n b" + "c" * 5000], names=["n" * 5000, "pos"])
    (example,) = found.examples
    assert example.text.startswith("a bcc") and example.text.endswith("c…")
    assert len(example.text) == disagreements.TEXT_LENGTH
    assert len(example.answers["teacher"].text) == disagreements.ANSWER_LENGTH


def test_what_cannot_be_written_or_seen_is_named(tmp_path: Path) -> None:
    found = found_of([0], [1], [1], texts=["\x1b[31m\u202ered"], names=["half \ud800", "pos"])
    write_disagreements(found, tmp_path / "report")
    read = read_disagreements(tmp_path)
    assert read == found
    assert read.examples[0].text == "[U+001B][31m[U+202E]red"
    assert read.examples[0].answers["teacher"].text == "half [U+D800]"


@pytest.mark.parametrize(("size", "kind", "small"), [((28, 20), "PNG", (28, 20)), ((960, 480), "JPEG", (96, 48))])
def test_pictures_are_small(size: tuple[int, int], kind: str, small: tuple[int, int]) -> None:
    file = io.BytesIO()
    Image.effect_noise(size, 50).save(file, "PNG")
    task, answers = find_task("image-classification")(), {"teacher": [np.array(0)], "student": [np.array(1)]}
    examples = Dataset.from_dict({"image": [file.getvalue()], "place": ["split 'test', row 5"]})
    (example,) = find_disagreements(task, examples, [np.array(0)], answers, NAMES, None).examples
    head, _, content = example.picture.partition(",")
    picture = Image.open(io.BytesIO(base64.b64decode(content)))
    assert (head, picture.format, picture.size) == (f"data:image/{kind.lower()};base64", kind, small)
    assert example.text == "split 'test', row 5"
    assert len(content) < 10_000


def test_they_are_read_as_they_were_written(tmp_path: Path) -> None:
    found = make_disagreements(5)
    path = write_disagreements(found, tmp_path / "report")
    assert path == tmp_path / "report" / "disagreements.json"
    assert read_disagreements(tmp_path) == found


def test_a_run_without_them_has_none(tmp_path: Path) -> None:
    assert read_disagreements(tmp_path) is None


def damaged(change: Any) -> str:
    content = json.loads(make_disagreements(1).model_dump_json())
    change(content)
    return json.dumps(content)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("{", "file: Invalid JSON"),
        (damaged(lambda content: content.pop("examples")), "examples: Field required"),
        (damaged(lambda content: content["examples"][0].update(text=[1])), "examples.0.text: Input should be"),
        (
            damaged(lambda content: content["examples"][0].update(picture="https://example.com/a.png")),
            "examples.0.picture: String should match",
        ),
    ],
)
def test_a_damaged_file_is_named_with_the_place_and_the_command(tmp_path: Path, content: str, complaint: str) -> None:
    path = tmp_path / "report" / "disagreements.json"
    path.parent.mkdir()
    path.write_text(content)
    with pytest.raises(InputError) as error:
        read_disagreements(tmp_path)
    message = str(error.value)
    assert message.startswith(f"{path}: is damaged ({complaint}")
    assert message.endswith(f"make it with `hf-distill evaluate {tmp_path}`") and "\n" not in message


def test_answers_of_unknown_rows_are_told_without_a_text() -> None:
    found = find_disagreements(
        find_task("text-classification")(),
        Dataset.from_dict({"text": ["one of", "three rows", "made of one"]}),
        [np.array(0)],
        {"teacher": [np.array(0)], "student": [np.array(1)]},
        NAMES,
        None,
    )
    assert (found.examples[0].text, found.examples[0].answers["student"].text) == ("", "pos")
