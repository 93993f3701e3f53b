# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Masked language modelling: what a word hidden in a text is, which plain text teaches."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, pairwise
from typing import Any

import numpy as np
import torch
from datasets import Dataset, DatasetDict
from transformers import PreTrainedTokenizerBase

from hf_distill.errors import InputError
from hf_distill.features.heads import read_logits
from hf_distill.features.units import IGNORED_LABEL
from hf_distill.tasks.base import Processor, Task
from hf_distill.tasks.masking import WORD_STARTS, MaskingCollator

ANSWER = np.dtype([("log_probability", np.float64), ("token", np.int64)])
"""What is kept of the prediction at a masked place: the right token's log-probability, and the likeliest token."""


class FillMask(Task):
    """
    Predicting masked tokens of plain text, which needs no labels: for students that learn language before any task.

    All texts of a split are one stream, cut into pieces of `max_length` tokens with the special tokens around each.

    Args:
        columns (`Mapping[str, str]`, *optional*): Which column holds `text`.
        max_length (`int`, *optional*): Length of a piece in tokens, the special ones included.
        whole_words (`bool`, *optional*, defaults to `False`): Whether all tokens of a word are masked together.
    """

    name = "fill-mask"
    columns = ("text",)
    label_column = ""
    auto_model = "AutoModelForMaskedLM"
    pipeline_tag = "fill-mask"
    primary_metric = "perplexity"
    options = ("max_length", "whole_words")
    # The logits of a whole split would have to stand in memory.
    scored_in_training = False
    draws_rows = True

    def __init__(
        self, columns: Mapping[str, str] | None = None, max_length: int | None = None, whole_words: bool = False
    ):
        super().__init__(columns, max_length)
        self.whole_words = whole_words

    def unusable(self, rows: Dataset) -> dict[int, str]:
        """Return the rows without a text; an empty line is one that says nothing, as plain text has many."""
        missing = f"the column {self.column_names['text']!r} is empty"
        return {row: missing for row, text in enumerate(rows["text"]) if text is None}

    def label_names(self, data: DatasetDict) -> list[str]:
        """Return no names: what is predicted are tokens."""
        return []

    def encode_labels(self, data: DatasetDict, names: Sequence[str], order: Sequence[int]) -> DatasetDict:
        """Return the data as they are."""
        return data

    def head_options(self, names: Sequence[str]) -> dict[str, Any]:
        """Return nothing."""
        return {}

    def encode_inputs(self, rows: Dataset, processor: Processor) -> Dataset:
        """Turn texts into pieces, of which nothing is masked yet."""
        if self.whole_words and not processor.is_fast:
            raise InputError(
                f"dataset.whole_words: {type(processor).__name__} cannot tell words from sub-tokens; need a fast one"
            )
        before, after = _around(processor)
        length = min(self.max_length or 512, processor.model_max_length)
        size = length - len(before) - len(after)

        def cut(batch: dict[str, list]) -> dict[str, list]:
            encoded = processor(batch["text"], add_special_tokens=False, verbose=False)
            ids = _pieces(encoded["input_ids"], size)
            pieces = {"input_ids": [[*before, *piece, *after] for piece in ids]}
            if self.whole_words:
                starts = _pieces([_starts(encoded.word_ids(row)) for row in range(len(batch["text"]))], size)
                pieces[WORD_STARTS] = [[True] * len(before) + piece + [True] * len(after) for piece in starts]
            return pieces

        return rows.map(cut, batched=True, remove_columns=rows.column_names, desc="Tokenizing")

    def evaluation_rows(self, rows: Dataset, processor: Processor) -> Dataset:
        """Mask pieces once and for all, so that all models are measured on the same tokens."""
        masking = MaskingCollator(processor)
        return rows.map(masking.mask, remove_columns=rows.column_names, desc="Masking")

    def collator(self, processor: Processor) -> MaskingCollator:
        """Return what masks pieces that are not masked yet, and pads."""
        return MaskingCollator(processor)

    def read(self, outputs: Mapping[str, Any], batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Return the logits of the masked tokens, `(masked tokens, vocabulary)`."""
        logits = read_logits(outputs)
        return logits[(batch["labels"] != IGNORED_LABEL).to(logits.device)]

    def predictions(self, logits: torch.Tensor, batch: Mapping[str, torch.Tensor]) -> list[np.ndarray]:
        """Return, of each row's masked tokens, the right one's log-probability and the likeliest token."""
        masked = batch["labels"] != IGNORED_LABEL
        right = batch["labels"][masked].to(logits.device)
        found = np.empty(len(right), ANSWER)
        found["log_probability"] = -torch.nn.functional.cross_entropy(logits.float(), right, reduction="none").cpu()
        found["token"] = logits.argmax(-1).cpu()
        return np.split(found, masked.sum(1).cumsum(0)[:-1].tolist())

    def references(self, rows: Dataset) -> list[np.ndarray]:
        """Return the tokens that are masked in each row."""
        return [labels[labels != IGNORED_LABEL] for labels in map(np.asarray, rows["labels"])]

    def score(
        self, answers: Sequence[np.ndarray], references: Sequence[np.ndarray], names: Sequence[str]
    ) -> dict[str, float]:
        """Return the perplexity, which is the exponential of the mean loss of masked tokens, and their accuracy."""
        found, right = np.concatenate(answers), np.concatenate(references)
        return {
            "perplexity": float(np.exp(-found["log_probability"].mean())),
            "accuracy": float((found["token"] == right).mean()),
        }

    def agreement(self, one: Sequence[np.ndarray], other: Sequence[np.ndarray]) -> float:
        """Return the share of masked tokens for which two models find the same likeliest."""
        return super().agreement([row["token"] for row in one], [row["token"] for row in other])

    def texts_of(self, example: Mapping[str, Any], processor: Any) -> list[str]:
        """Return the piece of text, with the number of each masked token in its place."""
        masked = np.flatnonzero(np.asarray(example["labels"]) != IGNORED_LABEL).tolist()
        borders = [-1, *masked, len(example["input_ids"])]
        pieces = [example["input_ids"][first + 1 : last] for first, last in pairwise(borders)]
        first, *others = (processor.decode(piece, skip_special_tokens=True) for piece in pieces)
        return [first + "".join(f" [{number}] {piece}" for number, piece in enumerate(others, 1))]

    def in_words(
        self, answers: Sequence[Any], example: Mapping[str, Any], names: Sequence[str], processor: Any
    ) -> list[str]:
        """Return the tokens at the numbers where not all say the same; see [`InWords.in_words`]."""
        right, *found = answers
        tokens = [right.tolist(), *(answer["token"].tolist() for answer in found)]
        disputed = [place for place in range(len(right)) if len({row[place] for row in tokens}) > 1]
        return [", ".join(f"[{place + 1}] {processor.decode([row[place]])}" for place in disputed) for row in tokens]

    def is_right(self, answer: np.ndarray, reference: np.ndarray) -> bool:
        """Say whether the likeliest tokens are those that are masked."""
        return super().is_right(answer["token"], reference)

    def difference(self, one: np.ndarray, other: np.ndarray) -> float:
        """Say whether any of the likeliest tokens are others."""
        return super().difference(one["token"], other["token"])

    def labelled(self, rows: Dataset) -> Dataset:
        """Return all rows: the text is its own label."""
        return rows


def _around(tokenizer: PreTrainedTokenizerBase) -> tuple[list[int], list[int]]:
    """Return the special tokens before and after a text."""
    encoded = tokenizer("a", return_special_tokens_mask=True)
    ids, special = encoded["input_ids"], encoded["special_tokens_mask"]
    first = special.index(0)
    last = len(ids) - special[::-1].index(0)
    return ids[:first], ids[last:]


def _pieces(rows: Iterable[list], size: int) -> list[list]:
    stream = list(chain.from_iterable(rows))
    return [stream[first : first + size] for first in range(0, len(stream), size)]


def _starts(words: Sequence[int | None]) -> list[bool]:
    return [word != previous for previous, word in zip([None, *words], words)]
