# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Answers to questions that are a piece of a given text."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from datasets import Dataset, DatasetDict, Features, List, Value

from hf_distill.errors import InputError
from hf_distill.features.heads import Head
from hf_distill.features.units import IGNORED_POSITION
from hf_distill.metrics import compute_squad_metrics
from hf_distill.metrics.squad import normalize_answer
from hf_distill.tasks.base import EXAMPLE, PADDING_MULTIPLE, Processor, Task
from hf_distill.tasks.spans import Span, best_spans
from hf_distill.tasks.windows import PLACES, WindowCollator, WindowMaker

logger = logging.getLogger(__name__)

USUAL_LENGTH = 512
"""Tokens of a window where neither the recipe nor the tokenizer says how many."""
CONTEXT_BEFORE = 200
"""Characters of the context that people read before the answer."""
USAGE = """
def predict(question, context):
    # What of the context goes beyond {max_length} tokens is not read.
    inputs = tokenizer(question, context, truncation="only_second", max_length={max_length}, return_tensors="pt")
    outputs = model(**inputs)
    starts, ends = outputs.start_logits[0].tolist(), outputs.end_logits[0].tolist()
    tokens = [token for token, part in enumerate(inputs.sequence_ids(0)) if part == 1]
    spans = [(starts[i] + ends[j], i, j) for i in tokens for j in tokens if i <= j < i + {longest}]
    score, first, last = max(spans){unanswerable}
    return context[inputs.token_to_chars(first).start : inputs.token_to_chars(last).end]


print(predict("Where was the film made?", "Anna wrote a film. It was made in Rome."))
"""
UNANSWERABLE = """
    # The first token stands for "there is no answer".
    if starts[0] + ends[0] > score:
        return ""
"""


class QuestionAnswering(Task):
    """
    A piece of a context that answers a question, as in SQuAD.

    `answers` holds the right answers of each row, as `{"text": [...], "answer_start": [...]}` or as a list of
    `{"text": ..., "answer_start": ...}`, with the place of their first character in the context. A row is *unlabelled*
    if its `answers`, or the list of texts in them, are missing (`None`): the student learns from the teacher only. A
    row whose lists are empty is labelled: its question has no answer in the context, as in SQuAD 2.0. The first answer
    is what is learnt; all of them are right when models are scored.

    Contexts that are too long are cut into windows that overlap by `stride` tokens. An encoded row is a window. Where
    the answer is not in it, its label is the place of [CLS].

    The answer is the span of context tokens, of all windows of an example, with the largest sum of its two logits. If
    the data set has a question without an answer, "no answer" competes, with the least of the windows' sums at [CLS].

    Args:
        columns (`Mapping[str, str]`, *optional*): As for [`Task`].
        max_length (`int`, *optional*): The longest window in tokens.
        stride (`int`, *optional*, defaults to 128): How many tokens of the context a window has in common with the
            next, at most a third of the window.
        max_answer_length (`int`, *optional*, defaults to 30): How many tokens an answer has at most.
    """

    name = "question-answering"
    columns = ("question", "context", "answers")
    optional_columns = ("id",)
    label_column = "answers"
    auto_model = "AutoModelForQuestionAnswering"
    head = Head.SPAN
    pipeline_tag = "question-answering"
    primary_metric = "f1"
    scored_in_training = False
    has_pipeline = False
    options = ("max_length", "stride", "max_answer_length")

    def __init__(
        self,
        columns: Mapping[str, str] | None = None,
        max_length: int | None = None,
        stride: int = 128,
        max_answer_length: int = 30,
    ):
        super().__init__(columns, max_length)
        self.stride, self.max_answer_length = stride, max_answer_length
        self.some_are_unanswerable = False

    def unusable(self, rows: Dataset) -> dict[int, str]:
        """Return the rows without a question or a context; an id only tells rows apart in messages."""
        return super().unusable(rows.select_columns(["question", "context"]))

    def label_names(self, data: DatasetDict) -> list[str]:
        """Return no names: there are no classes."""
        return []

    def encode_labels(self, data: DatasetDict, names: Sequence[str], order: Sequence[int]) -> DatasetDict:
        """
        Turn answers into the texts that are right, and the characters of the one that is learnt.

        An answer that does not stand where `answer_start` says is not learnt; a warning says how many there are.

        Raises:
            InputError: If `answers` are not of one of the two forms; the message says in which row.
        """
        result, misplaced = DatasetDict(), []
        for split, rows in data.items():
            references, firsts, lasts = [], [], []
            ids = rows["id"] if "id" in rows.column_names else range(len(rows))
            for row, (answers, context) in enumerate(zip(rows["answers"], rows["context"])):
                right = _read_answers(answers, f"dataset, split {split!r}, row {row}")
                found = [] if right is None else [answer for answer in right if _is_in(context, *answer)]
                misplaced += [f"{split} {ids[row]}"] * (len(right or ()) - len(found))
                references.append(None if right is None else [text for text, _ in right])
                firsts.append(_outer(*found[0])[0] if found else None)
                lasts.append(_outer(*found[0])[1] if found else None)
            self.some_are_unanswerable |= any(right == [] for right in references)
            rows = rows.select_columns(["question", "context"])
            rows = rows.add_column("references", references, feature=List(Value("string")))
            rows = rows.add_column("answer_start", firsts, feature=Value("int64"))
            result[split] = rows.add_column("answer_end", lasts, feature=Value("int64"))
        if misplaced:
            logger.warning(
                "%d answers do not stand where answer_start says, first in %s; they are not learnt",
                len(misplaced),
                misplaced[0],
            )
        return result

    def encode_inputs(self, rows: Dataset, processor: Processor) -> Dataset:
        """Turn questions and contexts into windows; see [`WindowMaker`]."""
        if not processor.is_fast:
            raise InputError(
                f"teacher.model: {type(processor).__name__} cannot tell which characters a token stands for; "
                "need a fast one"
            )
        maker = WindowMaker(processor, self.max_length or min(processor.model_max_length, USUAL_LENGTH), self.stride)
        shorter = rows.map(lambda row: {"question": maker.shorten(row["question"])}, desc="Measuring questions")
        cut = sum(one != other for one, other in zip(rows["question"], shorter["question"]))
        if cut:
            logger.warning(
                "%d questions are cut off at %d tokens, to leave room for a context", cut, maker.longest_question
            )
        kept = Features({name: rows.features[name] for name in ("context", "references")})
        windows = shorter.map(
            maker.cut,
            batched=True,
            with_indices=True,
            remove_columns=shorter.column_names,
            features=maker.features(kept),
            desc="Tokenizing",
        )
        self._warn_of_lost(rows, windows)
        return windows

    def _warn_of_lost(self, rows: Dataset, windows: Dataset) -> None:
        learnt = set(np.asarray(windows[EXAMPLE])[np.asarray(windows["start_positions"]) != IGNORED_POSITION])
        lost = sum(start is not None and row not in learnt for row, start in enumerate(rows["answer_start"]))
        if lost:
            logger.warning("%d answers are longer than two windows have in common, and are not learnt", lost)

    def collator(self, processor: Processor) -> Any:
        """Return a collator that pads to the longest window of the batch."""
        return WindowCollator(processor, pad_to_multiple_of=PADDING_MULTIPLE)

    def predictions(self, logits: torch.Tensor, batch: Mapping[str, torch.Tensor]) -> list[Span]:
        """Return the likeliest span of each window."""
        return best_spans(logits.float().cpu(), batch[PLACES].cpu(), self.max_answer_length)

    def answers(self, predictions: Sequence[Span], rows: Dataset) -> list[str]:
        """Return a text for each example; it is empty where "no answer" is likelier, or the context is empty."""
        spans: dict[int, list[tuple[Span, int]]] = {}
        for row, (example, span) in enumerate(zip(rows[EXAMPLE], predictions)):
            spans.setdefault(example, []).append((span, row))
        return [self._answer(windows, rows) for windows in spans.values()]

    def _answer(self, windows: list[tuple[Span, int]], rows: Dataset) -> str:
        best, row = max(windows, key=lambda window: window[0].score)
        without_answer = min(span.without_answer for span, _ in windows)
        if best.score == float("-inf") or (self.some_are_unanswerable and without_answer > best.score):
            return ""
        window = rows[row]
        begin, end = characters_of(best, window)
        # Tokens of some tokenizers have the space before the word within them.
        return window["context"][begin:end].strip()

    def references(self, rows: Dataset) -> list[list[str]]:
        """Return the right answers to the question of each example; none where it has no answer."""
        return list(dict(zip(rows[EXAMPLE], rows["references"])).values())

    def labelled(self, rows: Dataset) -> Dataset:
        """Return the windows of examples whose answers are known, be it that there is none."""
        return rows.select([row for row, right in enumerate(rows["references"]) if right is not None])

    def score(
        self, answers: Sequence[str], references: Sequence[Sequence[str]], names: Sequence[str]
    ) -> dict[str, float]:
        """Return SQuAD's exact match and F1, from 0 to 1."""
        return compute_squad_metrics(answers, references)

    def texts_of(self, example: Mapping[str, Any], processor: Any) -> list[str]:
        """Return the question and the context, from a little before the answer where there is one."""
        start = max(0, (example.get("answer_start") or 0) - CONTEXT_BEFORE)
        return [example["question"], f"{'… ' if start else ''}{example['context'][start:]}"]

    def in_words(
        self, answers: Sequence[Any], example: Mapping[str, Any], names: Sequence[str], processor: Any
    ) -> list[str]:
        """Return answers as they are, all of those that are right; see [`InWords.in_words`]."""
        right, *given = answers
        return [" / ".join(dict.fromkeys(right)) or "no answer", *(answer or "no answer" for answer in given)]

    def is_right(self, answer: str, reference: Sequence[str]) -> bool:
        """Say whether an answer is one of the right ones, as SQuAD's metric compares them."""
        return normalize_answer(answer) in set(map(normalize_answer, reference or [""]))

    def difference(self, one: str, other: str) -> float:
        """Say whether two answers are others, as SQuAD's metric compares them."""
        return float(normalize_answer(one) != normalize_answer(other))

    def agreement(self, one: Sequence[str], other: Sequence[str]) -> float:
        """Return the share of questions to which two models give the same answer, as SQuAD's metric compares them."""
        same = sum(not self.difference(a, b) for a, b in zip(one, other))
        return same / max(len(one), 1)

    def head_options(self, names: Sequence[str]) -> dict[str, Any]:
        """Return what makes a head of two outputs: where the answer begins, and where it ends."""
        return {"num_labels": 2}

    def usage(self, name: str) -> str:
        """Return the Python lines that run what is called `model`: transformers 5 has no pipeline for it."""
        lines = USAGE.format(
            max_length=self.max_length or USUAL_LENGTH,
            longest=self.max_answer_length,
            unanswerable=UNANSWERABLE.rstrip() if self.some_are_unanswerable else "",
        )
        return f"{self.processor_argument} = {self.auto_processor}.from_pretrained({name})\n\n{lines}"


def characters_of(span: Span, window: Mapping[str, Any]) -> tuple[int, int]:
    """Return where in its context a span of an encoded window begins, and the character behind its last."""
    before = np.flatnonzero(np.asarray(window["character_starts"]) >= 0)[0]
    return window["character_starts"][before + span.first], window["character_ends"][before + span.last]


def _read_answers(answers: Any, place: str) -> list[tuple[str, int]] | None:
    """Return the texts of answers and where each begins, or `None` if they are not known."""
    if isinstance(answers, list) and all(isinstance(answer, Mapping) for answer in answers):
        answers = {key: [answer.get(key) for answer in answers] for key in ("text", "answer_start")}
    if answers is None or (isinstance(answers, Mapping) and answers.get("text") is None):
        return None
    texts, starts = (answers.get(key) if isinstance(answers, Mapping) else None for key in ("text", "answer_start"))
    lists = isinstance(texts, list) and isinstance(starts, list) and len(texts) == len(starts)
    if not lists or not all(isinstance(text, str) for text in texts) or not all(map(_is_place, starts)):
        raise InputError(
            f"{place}: answers must be texts and as many whole numbers, such as "
            "{text: [Rome], answer_start: [12]}, with empty lists where there is no answer"
        )
    return list(zip(texts, starts))


def _is_place(start: Any) -> bool:
    """Say whether this may be the number of a character; what is missing is counted as misplaced later."""
    return start is None or isinstance(start, int)


def _is_in(context: str, text: str, start: int | None) -> bool:
    """Say whether a text stands where it should."""
    return bool(text.strip()) and start is not None and start >= 0 and context.startswith(text, start)


def _outer(text: str, start: int) -> tuple[int, int]:
    """Return the places of the first character of an answer and of that behind its last, without spaces around it."""
    first = start + len(text) - len(text.lstrip())
    return first, first + len(text.strip())
