# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""One input, read by the models of every task: they say what they say in an evaluation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
import torch
from datasets import Dataset, DatasetDict

from given import CONTEXT, MEDIA
from hf_distill import list_tasks
from hf_distill.demo import DemoModels, DemoSource, ask, load_models
from hf_distill.errors import InputError
from hf_distill.evaluation.predict import predict
from hf_distill.knowledge.labels import label_names
from hf_distill.pipeline.models import load_config
from hf_distill.tasks.base import CUT
from tiny_media import wav

TASKS = [task.name for task in list_tasks()]


@pytest.fixture(autouse=True)
def one_round(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure as shortly as can be."""
    monkeypatch.setattr("hf_distill.demo.side_by_side.MOST_ROUNDS", 1)


@pytest.fixture(scope="module")
def models(make_source: Callable[[str], DemoSource]) -> Callable[[str], DemoModels]:
    """Load the models of a task once."""
    loaded: dict[str, DemoModels] = {}
    return lambda task: loaded.setdefault(task, load_models(make_source(task)))


@pytest.mark.parametrize("task", TASKS)
def test_every_model_answers_and_is_measured(task, models, given) -> None:
    reply = ask(models(task), given(task))
    teacher, student = reply.models
    assert (teacher.name, student.name) == ("teacher", "student")
    assert teacher.answer.words and student.answer.words
    assert teacher.milliseconds > 0 and student.speed_up == pytest.approx(teacher.milliseconds / student.milliseconds)
    assert (reply.threads, reply.notice) == (torch.get_num_threads(), "")
    assert reply.rounds == 1


def evaluated(models: DemoModels, row: dict[str, Any], student: str) -> Any:
    """Return what the student predicts of a row as an evaluation does."""
    task, processor = models.task, models.reader.processor
    names = label_names(load_config(student, "student"))
    rows = task.select_columns(DatasetDict(asked=Dataset.from_list([row])))
    encoded = task.encode_inputs(task.encode_labels(rows, names, range(len(names)))["asked"], processor)
    encoded = encoded.remove_columns([name for name in (CUT,) if name in encoded.column_names])
    return predict(models.forwards["student"], encoded, task, task.collator(processor), 8, alone=True)[0], names


@pytest.mark.parametrize(
    ("task", "row"),
    [
        ("text-classification", {"text": "the film was good", "label": None}),
        ("text-regression", {"text": "the film was good", "label": 1.0}),
        ("token-classification", {"tokens": ["anna", "was", "in", "rome", "."], "tags": None}),
        ("multiple-choice", {"text": "rome", "choices": ["rome", "paris", "film"], "label": 0}),
        ("sentence-similarity", {"text": "the film was good", "text_pair": "a great film", "score": 1.0}),
        ("question-answering", {"question": "was anna in", "context": " ".join([CONTEXT] * 3), "answers": None}),
    ],
)
def test_an_answer_is_that_of_an_evaluation(task, row, models, make_source, given) -> None:
    source = make_source(task)
    found, names = evaluated(models(task), row, source.models["student"])
    words = ask(models(task), given(task)).models[1].answer.words
    if task == "token-classification":
        expected = [f"{word} ({names[tag][2:]})" for word, tag in zip(row["tokens"], found) if names[tag] != "O"]
        assert words == (", ".join(expected) or "nothing")
    elif task in ("text-regression", "sentence-similarity"):
        assert words == f"{float(found):.4f}"
    else:
        assert (
            words
            == {
                "text-classification": lambda: names[int(found)],
                "multiple-choice": lambda: row["choices"][int(found)],
                "question-answering": lambda: found,
            }[task]()
        )


@pytest.mark.parametrize("task", sorted(MEDIA))
def test_an_answer_of_a_file_is_that_of_an_evaluation(task, models, given) -> None:
    loaded, asked = models(task), given(task)
    medium, kind = MEDIA[task], {"image": datasets.Image, "audio": datasets.Audio}[MEDIA[task]]
    rows = Dataset.from_dict({medium: [asked[medium]], "label": [0]}).cast_column(medium, kind(decode=False))
    rows = loaded.task.select_columns(DatasetDict(asked=rows))["asked"]
    encoded = loaded.task.encode_inputs(rows, loaded.reader.processor)
    collator = loaded.task.collator(loaded.reader.processor)
    (found,) = predict(loaded.forwards["student"], encoded, loaded.task, collator, 1, alone=True)
    assert ask(loaded, asked).models[1].answer.words == loaded.reader.names[int(found)]


def test_a_mask_is_filled_with_the_likeliest_token(models) -> None:
    loaded = models("fill-mask")
    tokenizer = loaded.reader.processor
    batch = tokenizer("the [MASK] was good", return_tensors="pt")
    with torch.no_grad():
        batch["labels"] = torch.where(batch["input_ids"] == tokenizer.mask_token_id, 1, -100)
        likeliest = loaded.forwards["student"](batch).argmax().item()
    answer = ask(loaded, {"text": "the [MASK] was good"}).models[1].answer
    assert answer.words == tokenizer.decode([likeliest])
    assert "".join(piece for piece, _ in answer.text) == f"the {answer.words} was good"


@pytest.mark.parametrize(
    ("task", "given", "message"),
    [
        ("text-classification", {"text": "  "}, "Text: is empty"),
        ("text-classification", {}, "Text: is empty"),
        ("text-classification", {"text": "a" * 20_001}, "Text: has 20,001 characters; give at most 20,000"),
        ("multiple-choice", {"text": "a", "choices": "one\n\n"}, "Choices, one a line: need 2 or more"),
        ("token-classification", {"tokens": "\u200b"}, "Text: has no words"),
        ("question-answering", {"question": "", "context": "a"}, "Question: is empty"),
        ("fill-mask", {"text": "no mask"}, "Text with [MASK]: has no [MASK]"),
        ("fill-mask", {"text": "film " * 40 + "[MASK]"}, "Text with [MASK]: the models read 32 tokens"),
        ("sentence-similarity", {"text": "a", "text_pair": ""}, "Second text: is empty"),
        ("image-classification", {"image": None}, "Image: is empty"),
        ("image-classification", {"image": __file__}, "Image: cannot be read"),
        ("audio-classification", {"audio": __file__}, "Sound: cannot be read"),
        ("audio-classification", {"audio": "/nothing"}, "Sound: "),
    ],
)
def test_what_cannot_be_read_is_said_in_a_line(task, given, message, models) -> None:
    with pytest.raises(InputError) as error:
        ask(models(task), given)
    assert str(error.value).startswith(message) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("task", "given"),
    [
        ("text-classification", {"text": "film " * 40}),
        ("multiple-choice", {"text": "film " * 40, "choices": "a\nb"}),
        ("token-classification", {"tokens": "anna " * 40}),
        ("fill-mask", {"text": "[MASK] " + "film " * 40 + "[MASK]"}),
        ("sentence-similarity", {"text": "film", "text_pair": "film " * 40}),
    ],
)
def test_what_is_cut_is_said(task, given, models) -> None:
    reply = ask(models(task), given)
    assert reply.notice == "The input is longer than the models read; what is beyond 32 tokens was left out."


def test_a_long_sound_is_cut(models, tmp_path: Path) -> None:
    (tmp_path / "long.wav").write_bytes(wav(np.zeros(31 * 8000)))
    reply = ask(models("audio-classification"), {"audio": str(tmp_path / "long.wav")})
    assert reply.notice == "What is beyond 30 seconds was left out."


def test_a_text_without_tokens_has_no_answer(models) -> None:
    reply = ask(models("question-answering"), {"question": "was anna in", "context": "\u200b"})
    assert reply.models[1].answer.words == "no answer in the text"


def test_words_without_tokens_do_not_shift_the_tags_of_others(models, given) -> None:
    loaded = models("token-classification")
    plain = ask(loaded, {"tokens": "anna was in rome."}).models[1].answer.words
    assert ask(loaded, {"tokens": "\u200b anna \ufeff was in \u200b rome."}).models[1].answer.words == plain
