# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""What a visitor gives for each task, what models read of it, and how their logits become an answer."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import torch
from datasets import Dataset, DatasetDict

from hf_distill.demo import answers
from hf_distill.demo.answers import Answer
from hf_distill.errors import InputError
from hf_distill.features.heads import Head
from hf_distill.features.units import IGNORED_LABEL, PREDICTION_MASK
from hf_distill.tasks import Task
from hf_distill.tasks.audio_classification import LONGEST_BY_DEFAULT
from hf_distill.tasks.base import CUT, Processor
from hf_distill.tasks.fill_mask import FillMask
from hf_distill.tasks.media import MediaClassification, UnreadableError
from hf_distill.tasks.multiple_choice import MultipleChoice
from hf_distill.tasks.question_answering import QuestionAnswering, characters_of
from hf_distill.tasks.sentence_similarity import SentenceSimilarity
from hf_distill.tasks.sounds import Sound
from hf_distill.tasks.spans import IMPOSSIBLE
from hf_distill.tasks.text_classification import TextClassification
from hf_distill.tasks.token_classification import TokenClassification
from hf_distill.tasks.windows import NO_PLACE, PLACES

LONGEST_TEXT = 20_000
"""Characters; a page that is open to anyone must not be kept busy for minutes by one of them."""
WORD = re.compile(r"[@#]?\w+(?:['\u2019.\-]\w+)*|[^\w\s]")
"""A word, or a punctuation mark."""
ANY_MASK = "[MASK]"
"""What a visitor may write for the mask token, whatever the model calls it."""
LONGER = "The input is longer than the models read; what is beyond {length} tokens was left out."


@dataclass(frozen=True)
class Field:
    """
    Something that a visitor gives.

    Args:
        name (`str`): The task's column of it.
        label (`str`): What it is called on the page.
        kind (`str`, *optional*, defaults to `"text"`): `"text"`, `"lines"` (a text each), `"image"` or `"audio"`.
        lines (`int`, *optional*, defaults to 2): Height of its box.
        hint (`str`, *optional*): An example.
        needed (`bool`, *optional*, defaults to `True`): Whether it may not be left empty.
    """

    name: str
    label: str
    kind: str = "text"
    lines: int = 2
    hint: str = ""
    needed: bool = True


@dataclass
class Asked:
    """
    What models read of an input.

    Args:
        batch (`Mapping[str, torch.Tensor]`): The batch.
        given (`Mapping[str, Any]`): What the visitor gave.
        rows (`Dataset`, *optional*): The encoded rows of the batch.
        notice (`str`, *optional*): What the visitor must know.
    """

    batch: Mapping[str, torch.Tensor]
    given: Mapping[str, Any]
    rows: Any = field(default_factory=list)
    notice: str = ""


class Reader(ABC):
    """
    Between a visitor and the models of a task.

    Args:
        task ([`Task`]): The task.
        processor (`Processor`): What makes the models' inputs.
        names (`Sequence[str]`): Label names by id.
    """

    def __init__(self, task: Task, processor: Processor, names: Sequence[str]):
        self.task, self.processor, self.names = task, processor, list(names)

    @property
    @abstractmethod
    def fields(self) -> tuple[Field, ...]:
        """What is asked of a visitor."""

    def read(self, given: Mapping[str, Any]) -> Asked:
        """
        Make a batch of what a visitor gave.

        Args:
            given (`Mapping[str, Any]`): By the names of `fields`: texts, or the path of a file.

        Raises:
            InputError: If something is missing, too long or cannot be read.
        """
        for entry in self.fields:
            value = given.get(entry.name)
            if entry.needed and not (value and str(value).strip()):
                raise InputError(f"{entry.label}: is empty; give one")
            if entry.kind in ("text", "lines") and len(value or "") > LONGEST_TEXT:
                raise InputError(f"{entry.label}: has {len(value):,} characters; give at most {LONGEST_TEXT:,}")
        return self._encode(given)

    def _encode(self, given: Mapping[str, Any]) -> Asked:
        """Make the batch as a run does of its rows."""
        row = {**self._row(given), self.task.label_column: None}
        rows = Dataset.from_dict({name: [value] for name, value in row.items()})
        rows = self.task.encode_labels(DatasetDict(asked=rows), self.names, range(len(self.names)))["asked"]
        rows = self.task.encode_inputs(rows, self.processor)
        cut = CUT in rows.column_names and any(rows[CUT])
        rows = rows.remove_columns(CUT) if CUT in rows.column_names else rows
        batch = self.task.collator(self.processor)([rows[place] for place in range(len(rows))])
        return Asked(batch, given, rows, LONGER.format(length=self.task.max_length) if cut else "")

    @abstractmethod
    def _row(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the columns of the task but for the label."""

    @abstractmethod
    def answer(self, logits: torch.Tensor, asked: Asked) -> Answer:
        """Return what a model says; `logits` are what `task.read` took of its outputs."""


class TextReader(Reader):
    """A text or two, of which the models say classes, labels or a number."""

    @property
    def fields(self) -> tuple[Field, ...]:
        """The text, and the second of pairs."""
        return (
            Field("text", "Text", lines=4),
            Field("text_pair", "Second text, where the model reads pairs", lines=2, needed=False),
        )

    def _row(self, given: Mapping[str, Any]) -> dict[str, Any]:
        second = (given.get("text_pair") or "").strip()
        return {"text": given["text"], **({"text_pair": second} if second else {})}

    def answer(self, logits: torch.Tensor, asked: Asked) -> Answer:
        """Return classes, labels or a number, as the head has them."""
        if self.task.head is Head.NUMBERS:
            return answers.of_number(logits.item())
        of = answers.of_labels if self.task.head is Head.LABELS else answers.of_classes
        return of(logits[0], self.names)


class ChoicesReader(TextReader):
    """A text, and several that may follow it."""

    @property
    def fields(self) -> tuple[Field, ...]:
        """The text, what each choice is read after, and the choices."""
        return (
            Field("text", "Text", lines=3, hint="She opened her umbrella because"),
            Field("text_pair", "What each choice is read after, if there is something", needed=False),
            Field("choices", "Choices, one a line", "lines", lines=4, hint="it was raining.\nit was noon."),
        )

    def _row(self, given: Mapping[str, Any]) -> dict[str, Any]:
        choices = _lines(given["choices"])
        if len(choices) < 2:
            raise InputError("Choices, one a line: need 2 or more")
        return {**super()._row(given), "choices": choices}

    def answer(self, logits: torch.Tensor, asked: Asked) -> Answer:
        """Return the likeliest choice."""
        return answers.of_classes(logits[0], _lines(asked.given["choices"]))


class TagsReader(Reader):
    """A text, whose words get tags."""

    @property
    def fields(self) -> tuple[Field, ...]:
        """The text."""
        return (Field("tokens", "Text", lines=4, hint="Anna was in Rome."),)

    def _row(self, given: Mapping[str, Any]) -> dict[str, Any]:
        words = [given["tokens"][begin:end] for begin, end in self._places(given["tokens"])]
        if not words:
            raise InputError("Text: has no words; give some")
        return {"tokens": words}

    def _places(self, text: str) -> list[tuple[int, int]]:
        """Return where words are; what makes no token, such as a character without width, is none."""
        found = list(WORD.finditer(text))
        ids = self.processor([word[0] for word in found], add_special_tokens=False)["input_ids"] if found else []
        return [word.span() for word, tokens in zip(found, ids) if tokens]

    def answer(self, logits: torch.Tensor, asked: Asked) -> Answer:
        """Return the text with the likeliest tags."""
        tags = logits[0].argmax(-1)[asked.batch[PREDICTION_MASK][0]].tolist()
        text = asked.given["tokens"]
        return answers.of_tags(text, self._places(text), [self.names[tag] for tag in tags])


class QuestionReader(Reader):
    """A question and a text that may hold the answer."""

    @property
    def fields(self) -> tuple[Field, ...]:
        """The question and the text."""
        return (
            Field("question", "Question", lines=1, hint="Where was the film made?"),
            Field("context", "Text", lines=6, hint="Anna wrote a film. It was made in Rome."),
        )

    def _row(self, given: Mapping[str, Any]) -> dict[str, Any]:
        return {"question": given["question"], "context": given["context"]}

    def answer(self, logits: torch.Tensor, asked: Asked) -> Answer:
        """Return the likeliest piece of the text, of all windows that it is read in."""
        spans = self.task.predictions(logits, asked.batch)
        window = max(range(len(spans)), key=lambda place: spans[place].score)
        if spans[window].score == IMPOSSIBLE:
            return Answer(answers.NO_ANSWER)
        without_answer = min(span.without_answer for span in spans)
        read = logits[window].float()[asked.batch[PLACES][window] != NO_PLACE]
        every_span = read.logsumexp(0).sum()
        chances = (torch.tensor([spans[window].score, without_answer]) - every_span).exp().clamp(max=1).tolist()
        return answers.of_span(asked.given["context"], *characters_of(spans[window], asked.rows[window]), *chances)


class MaskReader(Reader):
    """A text with masks to be filled."""

    @property
    def fields(self) -> tuple[Field, ...]:
        """The text."""
        return (Field("text", f"Text with {ANY_MASK}", lines=3, hint=f"The film was made in {ANY_MASK}."),)

    def _row(self, given: Mapping[str, Any]) -> dict[str, Any]:
        return {"text": given["text"].replace(ANY_MASK, self.processor.mask_token)}

    def _encode(self, given: Mapping[str, Any]) -> Asked:
        """Make a batch whose labels are at the masks, which is where models are read."""
        text, mask = self._row(given)["text"], self.processor.mask_token
        if mask not in text:
            raise InputError(f"Text with {ANY_MASK}: has no {ANY_MASK}; write it where a word is missing")
        batch = dict(self.processor(text, truncation=True, max_length=self.task.max_length, return_tensors="pt"))
        masked = batch["input_ids"] == self.processor.mask_token_id
        batch["labels"] = torch.where(masked, batch["input_ids"], IGNORED_LABEL)
        if not masked.any():
            raise InputError(f"Text with {ANY_MASK}: the models read {self.task.max_length} tokens; mask one of these")
        cut = text.count(mask) > int(masked.sum())
        return Asked(batch, {"text": text}, notice=LONGER.format(length=self.task.max_length) if cut else "")

    def answer(self, logits: torch.Tensor, asked: Asked) -> Answer:
        """Return the likeliest token at each mask."""
        found = logits.float().softmax(-1).topk(min(answers.MOST_SCORES, logits.shape[-1]))
        fillings = [
            [(self._word(token), probability) for token, probability in zip(*rows)]
            for rows in zip(found.indices.tolist(), found.values.tolist())
        ]
        parts = asked.given["text"].split(self.processor.mask_token)
        # Masks beyond what the models read stay as they are.
        rest = self.processor.mask_token.join(parts[len(fillings) :])
        return answers.of_masks([*parts[: len(fillings)], rest], fillings)

    def _word(self, token: int) -> str:
        return self.processor.decode([token]).strip() or str(self.processor.convert_ids_to_tokens(token))


class PairReader(Reader):
    """Two texts that are compared."""

    @property
    def fields(self) -> tuple[Field, ...]:
        """The texts."""
        return (
            Field("text", "Text", hint="A man is playing a guitar."),
            Field("text_pair", "Second text", hint="Someone is making music."),
        )

    def _row(self, given: Mapping[str, Any]) -> dict[str, Any]:
        return {"text": given["text"], "text_pair": given["text_pair"]}

    def _encode(self, given: Mapping[str, Any]) -> Asked:
        asked = super()._encode(given)
        # Nothing says of these texts whether they were cut.
        cut = any(len(ids) == self.task.max_length for ids in asked.rows["input_ids"])
        return Asked(asked.batch, given, asked.rows, LONGER.format(length=self.task.max_length) if cut else "")

    def answer(self, logits: torch.Tensor, asked: Asked) -> Answer:
        """Return the cosine of the texts' vectors."""
        return answers.of_number(float(logits[0] @ logits[1]))


class FileReader(Reader):
    """
    An image or a sound.

    Sounds are cut, or filled with silence, to the `max_seconds` of the task; without them they are cut to 30 seconds.
    """

    task: MediaClassification
    labels: ClassVar[dict[str, str]] = {"image": "Image", "audio": "Sound"}

    @property
    def fields(self) -> tuple[Field, ...]:
        """The file."""
        return (Field(self.task.medium, self.labels[self.task.medium], self.task.medium),)

    def _row(self, given: Mapping[str, Any]) -> dict[str, Any]:
        return {self.task.medium: Path(given[self.task.medium]).read_bytes()}

    def _encode(self, given: Mapping[str, Any]) -> Asked:
        try:
            decoded = self.task.decode(self._row(given)[self.task.medium])
        except (UnreadableError, OSError) as error:
            raise InputError(f"{self.fields[0].label}: {error}") from error
        notice = ""
        if isinstance(decoded, Sound) and decoded.seconds > LONGEST_BY_DEFAULT:
            decoded = Sound(decoded.samples[: int(LONGEST_BY_DEFAULT * decoded.rate)], decoded.rate)
            notice = f"What is beyond {LONGEST_BY_DEFAULT:.0f} seconds was left out."
        return Asked(dict(self.task.inputs_of([decoded], self.processor)), given, notice=notice)

    def answer(self, logits: torch.Tensor, asked: Asked) -> Answer:
        """Return the likeliest class."""
        return answers.of_classes(logits[0], self.names)


READERS: dict[type[Task], type[Reader]] = {
    TextClassification: TextReader,
    MultipleChoice: ChoicesReader,
    TokenClassification: TagsReader,
    QuestionAnswering: QuestionReader,
    FillMask: MaskReader,
    SentenceSimilarity: PairReader,
    MediaClassification: FileReader,
}
"""The reader of each kind of task; tasks that are made of one of these have its reader."""


def make_reader(task: Task, processor: Processor, names: Sequence[str]) -> Reader:
    """
    Return the reader of a task.

    Args:
        task ([`Task`]): The task.
        processor (`Processor`): What makes the models' inputs.
        names (`Sequence[str]`): Label names by id.

    Raises:
        InputError: If nothing is known of such a task.
    """
    kind = next((READERS[part] for part in type(task).__mro__ if part in READERS), None)
    if kind is None:
        raise InputError(f"task: there is no demo of {task.name}")
    return kind(task, processor, names)


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]
