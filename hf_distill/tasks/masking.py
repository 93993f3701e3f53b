# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Drawing which tokens of a text are masked: anew in each epoch of a training, and once where models are measured."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from transformers import (
    DataCollatorForLanguageModeling,
    DataCollatorForTokenClassification,
    PreTrainedTokenizerBase,
    TrainerCallback,
    TrainerState,
    TrainingArguments,
)

from hf_distill.errors import InputError
from hf_distill.tasks.base import PADDING_MULTIPLE

WORD_STARTS = "word_starts"
"""Column that says of each token whether a word begins with it."""
PROBABILITY = 0.15


class MaskingCollator(TrainerCallback):
    """
    Masks the tokens of rows, unless they come with labels and so are masked already, and makes a batch of them.

    15% of the tokens are to be predicted: 80% of these become the mask token, 10% a random one, and 10% stay. Which
    ones follows from the seed of the training, the epoch and the row's own tokens, and from nothing else: neither the
    batch, nor the process that makes it, nor whether the training was resumed. As a callback of the trainer it is told
    of the epochs.

    Args:
        tokenizer ([`~transformers.PreTrainedTokenizerBase`]): The tokenizer.

    Raises:
        InputError: If it has no mask token.
    """

    columns = (WORD_STARTS,)
    """What it reads of a row that no model reads; where it is there, all tokens of a word are masked together."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase):
        if tokenizer.mask_token is None:
            raise InputError(
                f"teacher.model: {type(tokenizer).__name__} has no mask token; choose a model of masked text"
            )
        # What is masked is chosen here, so that it can be words, and what becomes of it there.
        self._replacing = DataCollatorForLanguageModeling(tokenizer, mlm_probability=1.0)
        self._padding = DataCollatorForTokenClassification(tokenizer, pad_to_multiple_of=PADDING_MULTIPLE)
        self._special = torch.tensor(tokenizer.all_special_ids)
        self._types = "token_type_ids" in tokenizer.model_input_names
        # Shared with the processes that load data, which may outlive an epoch.
        self._seed_and_epoch = torch.zeros(2, dtype=torch.int64).share_memory_()

    def on_epoch_begin(self, args: TrainingArguments, state: TrainerState, *others: Any, **options: Any) -> None:
        """Note what the masks follow from; a resumed training begins within an epoch."""
        self._seed_and_epoch.copy_(torch.tensor([args.seed, int(state.epoch or 0)]))

    def __call__(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
        """Make a batch."""
        draw = self._seed_and_epoch.tolist()
        masked = [
            {"input_ids": row["input_ids"], "labels": row["labels"]} if "labels" in row else self.mask(row, draw)
            for row in rows
        ]
        batch = dict(self._padding(masked))
        if self._types:
            batch["token_type_ids"] = torch.zeros_like(batch["input_ids"])
        return batch

    def mask(self, row: Mapping[str, Any], draw: Sequence[int] = (0, 0)) -> dict[str, list[int]]:
        """
        Mask a row.

        Args:
            row (`Mapping[str, Any]`): Its `input_ids`, and `word_starts` if whole words are masked.
            draw (`Sequence[int]`, *optional*): Whole numbers that the masks follow from, beside the row's own tokens.

        Returns:
            `dict`: `input_ids`, and `labels`: -100 where nothing is to be predicted.
        """
        tokens = torch.tensor(row["input_ids"], dtype=torch.long)
        generator = torch.Generator().manual_seed(_seed_of([*draw, zlib.crc32(tokens.numpy().tobytes())]))
        words = torch.arange(len(tokens))
        if WORD_STARTS in row:
            words = torch.tensor(row[WORD_STARTS]).cumsum(0)
        chosen = torch.rand(len(tokens) + 1, generator=generator)[words] < PROBABILITY
        chosen &= ~torch.isin(tokens, self._special)
        self._replacing.generator = generator
        ids, labels = self._replacing.torch_mask_tokens(tokens[None], special_tokens_mask=~chosen[None])
        return {"input_ids": ids[0].tolist(), "labels": labels[0].tolist()}


def _seed_of(numbers: Sequence[int]) -> int:
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0])
