# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""The examples to which student and teacher give different answers, to be read: `report/disagreements.json`."""

from __future__ import annotations

import base64
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hf_distill.errors import InputError
from hf_distill.escaping import visible
from hf_distill.files import write_atomically
from hf_distill.tasks import Task

FILE = "disagreements.json"
MOST_EXAMPLES = 200
"""How many examples are kept; all are counted."""
TEXT_LENGTH, ANSWER_LENGTH = 1000, 300
"""Characters that are kept of the text of an example, and of an answer."""
THUMBNAIL = 96
"""Pixels of the longer side of a picture."""
TEACHER, STUDENT = "teacher", "student"
OUTCOMES = {
    (True, False): "teacher right",
    (False, True): "student right",
    (False, False): "both wrong",
    (True, True): "both right",
}
"""Who is right, by whether teacher and student are; both are where several answers are right."""


class Answer(BaseModel):
    """
    What a model answers.

    Args:
        text (`str`): The answer in the task's words.
        right (`bool`, *optional*): Whether it is right; `None` where answers are only nearer or farther.
    """

    model_config = ConfigDict(extra="forbid")

    text: str
    right: bool | None = None


class Disagreement(BaseModel):
    """
    An example to which student and teacher give different answers.

    Args:
        number (`int`): Which of the measured examples it is, from 0.
        text (`str`): Its text, shortened; a line break between several.
        picture (`str`, *optional*): A small copy of its picture, as an address with the data in it.
        reference (`str`): What is right.
        answers (`dict[str, Answer]`): What each model answers, by its name in the report.
    """

    model_config = ConfigDict(extra="forbid")

    number: int
    text: str
    picture: str | None = Field(None, pattern=r"^data:image/(png|jpeg);base64,[A-Za-z0-9+/=]+$")
    reference: str
    answers: dict[str, Answer]

    @property
    def outcome(self) -> str | None:
        """Who is right, one of `OUTCOMES`; `None` where that cannot be said."""
        pair = tuple(self.answers[model].right for model in (TEACHER, STUDENT) if model in self.answers)
        return OUTCOMES.get(pair)


class Disagreements(BaseModel):
    """
    The disagreements of a run.

    Args:
        examples_measured (`int`): On how many examples the models were measured.
        differing (`int`): On how many of these student and teacher differ.
        numbers (`bool`): Whether answers are numbers: then nearly all differ, and those that differ most are kept.
        outcomes (`dict[str, int]`): How often who is right, of all that differ.
        examples (`list[Disagreement]`): Those that are kept.
    """

    model_config = ConfigDict(extra="forbid")

    examples_measured: int
    differing: int
    numbers: bool
    outcomes: dict[str, int]
    examples: list[Disagreement]


def find_disagreements(
    task: Task,
    examples: Dataset,
    references: Sequence[Any],
    answers: Mapping[str, Sequence[Any]],
    names: Sequence[str],
    processor: Any,
) -> Disagreements:
    """
    Find the examples on which student and teacher differ.

    Args:
        task ([`Task`]): The task.
        examples (`Dataset`): The examples as people read them, one for each answer.
        references (`Sequence`): What is right for each.
        answers (`Mapping[str, Sequence]`): What each model answers, by its name in the report.
        names (`Sequence[str]`): The label names by id.
        processor (`Processor`): What makes the models' inputs.

    Returns:
        [`Disagreements`]: At most 200 examples: of numbers those that differ most, of other answers as many from all
        parts of the data; the same ones each time.
    """
    teacher, student = answers[TEACHER], answers[STUDENT]
    differences = np.array([task.difference(one, other) for one, other in zip(student, teacher)])
    differing = np.flatnonzero(differences)
    outcomes = Counter(
        OUTCOMES.get(tuple(task.is_right(found[place], references[place]) for found in (teacher, student)))
        for place in differing
    )
    chosen = []
    for place in _most_different(differences).tolist():
        # Of a task of the user's own it may not be known which rows answers are about.
        example = examples[place] if len(examples) == len(references) else {}
        right, *given = task.in_words(
            [references[place], *(found[place] for found in answers.values())], example, names, processor
        )
        chosen.append(
            Disagreement(
                number=place,
                text=_shortened(task.texts_of(example, processor), TEXT_LENGTH),
                picture=_thumbnail(task.picture_of(example)),
                reference=_shortened([right], ANSWER_LENGTH),
                answers={
                    model: Answer(
                        text=_shortened([text], ANSWER_LENGTH), right=task.is_right(found[place], references[place])
                    )
                    for (model, found), text in zip(answers.items(), given)
                },
            )
        )
    return Disagreements(
        examples_measured=len(references),
        differing=len(differing),
        numbers=task.answers_are_numbers,
        outcomes={outcome: outcomes[outcome] for outcome in OUTCOMES.values() if outcomes[outcome]},
        examples=chosen,
    )


def write_disagreements(found: Disagreements, folder: Path) -> Path:
    """
    Write disagreements to `disagreements.json`.

    Args:
        found ([`Disagreements`]): The disagreements. They hold rows of the data, which may be nobody else's business.
        folder (`Path`): The folder, usually `<run>/report`.

    Returns:
        `Path`: The file.
    """
    return write_atomically(Path(folder) / FILE, found.model_dump_json(indent=1) + "\n")


def read_disagreements(run: Path) -> Disagreements | None:
    """
    Read `report/disagreements.json` of a run.

    Args:
        run (`Path`): The run's folder.

    Returns:
        [`Disagreements`], *optional*: The disagreements; `None` if the run has no such file.

    Raises:
        InputError: If the file is damaged.
    """
    path = Path(run) / "report" / FILE
    if not path.is_file():
        return None
    try:
        return Disagreements.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "file"
        raise InputError(
            f"{path}: is damaged ({place}: {first['msg']}); make it with `hf-distill evaluate {run}`"
        ) from error


def _most_different(differences: np.ndarray) -> np.ndarray:
    """Return the places of those examples that are kept, the largest difference first."""
    places = np.flatnonzero(differences)
    if len(places) > MOST_EXAMPLES:
        least = np.sort(differences[places])[-MOST_EXAMPLES]
        larger, equal = places[differences[places] > least], places[differences[places] == least]
        spread = np.linspace(0, len(equal) - 1, MOST_EXAMPLES - len(larger)).astype(int)
        places = np.concatenate([larger, equal[spread]])
    return places[np.lexsort([places, -differences[places]])]


def _shortened(texts: Sequence[str], length: int) -> str:
    """Join texts, each on a line of its own, and cut what is too long."""
    text = "\n".join(" ".join(text.split()) for text in texts)
    return visible(text if len(text) <= length else f"{text[: length - 1]}…", keep="\n")


def _thumbnail(picture: Image.Image | None) -> str | None:
    """Return a small copy of a picture as an address with the data in it."""
    if picture is None:
        return None
    small = picture.convert("RGB")
    small.thumbnail((THUMBNAIL, THUMBNAIL))
    content = io.BytesIO()
    # A small one is as good as it was; of a photograph a PNG would be several times as large.
    kind = "PNG" if max(picture.size) <= THUMBNAIL else "JPEG"
    small.save(content, kind)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(content.getvalue()).decode()}"
