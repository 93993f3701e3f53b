# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Contexts that are longer than a model reads, cut into windows that overlap, with the answer's place in each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from datasets import Features, List, Value
from transformers import DataCollatorWithPadding, PreTrainedTokenizerBase

from hf_distill.errors import InputError
from hf_distill.features.units import IGNORED_POSITION, SPAN_LABELS
from hf_distill.tasks.base import EXAMPLE

PLACES = "answer_places"
"""The column that says of each token of a window what an answer may have to do with it."""
NO_PLACE, IN_CONTEXT, WITHOUT_ANSWER = 0, 1, 2
"""An answer is not there; it may begin or end there; a model points there to say that there is none."""


class WindowMaker:
    """
    From questions and contexts to windows: the question and a piece of the context each.

    The tokens that two windows have in common are a third of a window at most, and questions that do not leave room
    for twice as many tokens of the context are cut, so that each window has something new in it. The question comes
    first, whatever side is padded.

    Args:
        tokenizer ([`~transformers.PreTrainedTokenizerBase`]): A fast tokenizer.
        max_length (`int`): The longest window in tokens.
        stride (`int`): How many tokens of the context a window has in common with the next, at most.

    Raises:
        InputError: If no question has room in a window.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, max_length: int, stride: int):
        self.tokenizer, self.max_length = tokenizer, max_length
        self.stride = min(stride, max_length // 3)
        self.longest_question = max_length - tokenizer.num_special_tokens_to_add(pair=True) - 2 * self.stride
        if self.longest_question < 1:
            raise InputError(f"dataset.max_length: {max_length} tokens have no room for a question and a context")

    def features(self, columns: Features) -> Features:
        """
        Return the columns of windows.

        Args:
            columns (`datasets.Features`): The columns that windows have from the task's rows.
        """
        # Not every tokenizer gives token types.
        inputs = {name: List(Value("int32")) for name in self.tokenizer("a", "b")}
        positions = {name: Value("int64") for name in (EXAMPLE, *SPAN_LABELS)}
        offsets = {name: List(Value("int32")) for name in ("character_starts", "character_ends", PLACES)}
        return Features({**inputs, **positions, **offsets, **columns})

    def shorten(self, question: str) -> str:
        """Return a question as it is, or as much of its beginning as leaves room for a context."""
        while True:
            encoded = self.tokenizer(question, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
            if len(encoded["input_ids"]) <= self.longest_question:
                return question
            # What a tokenizer makes of a beginning need not be the beginning of what it makes of the whole.
            question = question[: encoded["offset_mapping"][self.longest_question][0]]

    def cut(self, batch: Mapping[str, list], numbers: Sequence[int]) -> dict[str, list]:
        """
        Cut the contexts of examples.

        Args:
            batch (`Mapping[str, list]`): `question`, `context`, `references`, `answer_start` and `answer_end` of each.
            numbers (`Sequence[int]`): The examples' numbers.

        Returns:
            `dict[str, list]`: What a model reads of each window; the `example` that it is of, and its `context` and
            `references`; where in the context the characters of each token begin and end, -1 for what is not of the
            context; the tokens' `answer_places`; and `start_positions` and `end_positions`, the first and the last
            token of the answer.
        """
        encoded = self.tokenizer(
            batch["question"],
            batch["context"],
            truncation="only_second",
            max_length=self.max_length,
            stride=self.stride,
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
        )
        places_in_batch = encoded.pop("overflow_to_sample_mapping")
        starts, ends, places = [], [], []
        for window, offsets in enumerate(encoded.pop("offset_mapping")):
            first, last = np.asarray(offsets).T
            of_context = np.array([part == 1 for part in encoded.sequence_ids(window)]) & (last > first)
            starts.append(np.where(of_context, first, -1))
            ends.append(np.where(of_context, last, -1))
            places.append(np.where(of_context, IN_CONTEXT, NO_PLACE))
            places[-1][self._place_without_answer(encoded["input_ids"][window])] = WITHOUT_ANSWER
        positions = np.full((len(starts), 2), IGNORED_POSITION)
        for place, references in enumerate(batch["references"]):
            if references is None or (references and batch["answer_start"][place] is None):
                continue
            windows = [window for window, of in enumerate(places_in_batch) if of == place]
            answer = (batch["answer_start"][place], batch["answer_end"][place]) if references else None
            positions[windows] = _positions(answer, *([part[w] for w in windows] for part in (starts, ends, places)))
        return {
            **encoded,
            EXAMPLE: [numbers[place] for place in places_in_batch],
            **dict(zip(SPAN_LABELS, positions.T)),
            "character_starts": starts,
            "character_ends": ends,
            PLACES: places,
            **{name: [batch[name][place] for place in places_in_batch] for name in ("context", "references")},
        }

    def _place_without_answer(self, ids: list[int]) -> int:
        """Return the place of [CLS], or the first one where there is no such token."""
        return ids.index(self.tokenizer.cls_token_id) if self.tokenizer.cls_token_id in ids else 0


def _positions(
    answer: tuple[int, int] | None, starts: list[np.ndarray], ends: list[np.ndarray], places: list[np.ndarray]
) -> np.ndarray:
    """Return the first and the last token of an answer in the windows of its context, `(windows, 2)`."""
    nowhere = np.array([[np.flatnonzero(window == WITHOUT_ANSWER)[0]] * 2 for window in places])
    if answer is None:
        return nowhere
    found = nowhere.copy()
    for window, (first, last) in enumerate(zip(starts, ends)):
        of_context = first >= 0
        tokens = np.flatnonzero(of_context & (first < answer[1]) & (last > answer[0]))
        if len(tokens) and first[of_context].min() <= answer[0] and answer[1] <= last.max():
            found[window] = tokens[0], tokens[-1]
    # An answer that no window holds as a whole is not to be taught as one that is not there.
    return found if (found != nowhere).any() else np.full_like(found, IGNORED_POSITION)


class WindowCollator:
    """
    Makes batches of windows, padded to the longest.

    Args:
        tokenizer ([`~transformers.PreTrainedTokenizerBase`]): The tokenizer, which says on which side padding stands.
        pad_to_multiple_of (`int`): What the length of a batch is a multiple of.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, pad_to_multiple_of: int):
        self.tokenizer = tokenizer
        self._pad = DataCollatorWithPadding(tokenizer, pad_to_multiple_of=pad_to_multiple_of)

    def __call__(self, rows: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        """Return the batch; positions and places are left out where rows do not have them."""
        names = ("input_ids", *self.tokenizer.model_input_names)
        batch = dict(self._pad([{name: row[name] for name in names if name in row} for row in rows]))
        width = batch["input_ids"].shape[1]
        at_left = self.tokenizer.padding_side == "left"
        before = torch.tensor([width - len(row["input_ids"]) if at_left else 0 for row in rows])
        for name in SPAN_LABELS:
            if name in rows[0]:
                positions = torch.tensor([row[name] for row in rows])
                batch[name] = torch.where(positions < width, positions + before, IGNORED_POSITION)
        if PLACES in rows[0]:
            places = torch.full((len(rows), width), NO_PLACE)
            for row, (window, first) in enumerate(zip(rows, before.tolist())):
                places[row, first : first + len(window[PLACES])] = torch.tensor(window[PLACES])
            batch[PLACES] = places
        return batch
