# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Sentence embeddings: one vector for a text, and how alike two texts are by the cosine of their vectors."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from datasets import Dataset, DatasetDict, Value, concatenate_datasets
from transformers import DataCollatorWithPadding, PretrainedConfig, PreTrainedTokenizerBase
from transformers.models.auto.modeling_auto import MODEL_MAPPING_NAMES

from hf_distill.errors import InputError
from hf_distill.features.heads import Head
from hf_distill.features.pooling import POOLINGS
from hf_distill.metrics import compute_correlation_metrics
from hf_distill.tasks.base import EXAMPLE, PADDING_MULTIPLE, Processor, Task
from hf_distill.tasks.in_words import NumbersInWords
from hf_distill.tasks.sentence_transformers_files import read_files, write_files

SCORE = "score"
"""The column of encoded rows with the score of the row that a text is of, NaN where it has none."""
PARTNER = "partner_"
"""How the columns of the second text begin where a pair is one row."""


class SentenceSimilarity(NumbersInWords, Task):
    """
    A vector for each text: the student learns the teacher's, from texts without any label.

    Every text of a row, `text` and `text_pair` where there is one, is an encoded row of its own. Models are measured
    on pairs with a score, any number of which the order counts: the cosine of a pair's vectors is what is predicted.
    Pairs with a score in the training split are what the baseline, and a teacher that is fine-tuned, learn from: the
    cosine should be the score, brought to 0 to 1. Without any there is no baseline.
    """

    name = "sentence-similarity"
    columns = ("text",)
    optional_columns = ("text_pair", "score")
    label_column = "score"
    auto_model = "AutoModel"
    head = Head.VECTORS
    pipeline_tag = "sentence-similarity"
    primary_metric = "spearman"
    scored_in_training = False
    has_pipeline = False
    options = ("max_length",)
    across_tokenizers = True
    needs_labels = False
    default_objectives = ("sentence_cosine",)
    card_tags = ("sentence-transformers",)
    pooling = "mean"
    """What makes a text's vector out of its tokens: `"mean"` of them, or the `"first"`; as the teacher has it."""

    def has_head(self, config: PretrainedConfig) -> bool:
        """Say whether a checkpoint is an encoder without a head, or with a language model's, which is left out."""
        base = MODEL_MAPPING_NAMES.get(config.model_type)
        body = isinstance(base, str) and not config.is_encoder_decoder
        known = {base, f"{str(base).removesuffix('Model')}ForMaskedLM"}
        return body and bool(known & set(config.architectures or []))

    def read_teacher(self, name: str | Path) -> None:
        """Take pooling and longest input from the teacher's sentence-transformers files, if it has them."""
        files = read_files(name)
        if files is not None:
            self.pooling = files.pooling
            self.max_length = self.max_length or files.max_length

    def complete(self, folder: str | Path) -> None:
        """Write the files by which sentence-transformers loads the model with its pooling."""
        write_files(folder, self.pooling, self.max_length)

    def usage(self, name: str) -> str:
        """Return the Python lines that make vectors with what is called `model`; `name` is of its folder or id."""
        pooled = {
            "mean": '(states * batch["attention_mask"].unsqueeze(-1)).sum(1)',
            # Length 1 comes next, so that a sum is as good as a mean.
            "first": 'states[range(len(states)), batch["attention_mask"].argmax(1)]',
        }[self.pooling]
        cut = "truncation=True" if self.max_length is None else f"truncation=True, max_length={self.max_length}"
        return (
            f"tokenizer = {self.auto_processor}.from_pretrained({name})\n"
            'sentences = ["A man is playing a guitar.", "Someone is making music."]\n'
            f'batch = tokenizer(sentences, padding=True, {cut}, return_tensors="pt")\n'
            "states = model(**batch).last_hidden_state.detach()\n"
            f"vectors = {pooled}\n"
            "vectors = vectors / vectors.norm(dim=1, keepdim=True)\n"
            "print(float(vectors[0] @ vectors[1]))  # the cosine\n"
        )

    def unusable(self, rows: Dataset) -> dict[int, str]:
        """Return the rows without a text; one that has no other is a row of one text."""
        return super().unusable(rows.select_columns(["text"]))

    def label_names(self, data: DatasetDict) -> list[str]:
        """Return none: there are no classes."""
        return []

    def head_options(self, names: Sequence[str]) -> dict[str, Any]:
        """Return nothing: there is no head."""
        return {}

    def encode_labels(self, data: DatasetDict, names: Sequence[str], order: Sequence[int]) -> DatasetDict:
        """Read the scores; see [`Task.encode_labels`]."""
        result = DatasetDict()
        for split, rows in data.items():
            found = rows["score"][:] if "score" in rows.column_names else [None] * len(rows)
            pairs = rows["text_pair"][:] if "text_pair" in rows.column_names else [None] * len(rows)
            scores = [_as_number(value, f"dataset, split {split!r}, row {row}") for row, value in enumerate(found)]
            alone = next((row for row in range(len(rows)) if not np.isnan(scores[row]) and pairs[row] is None), None)
            if alone is not None:
                raise InputError(
                    f"dataset.columns.text_pair: split {split!r}, row {alone} has a score, but no second text; fill "
                    f"the column {self.column_names['text_pair']!r} or leave out the score"
                )
            rows = rows.remove_columns("score") if "score" in rows.column_names else rows
            result[split] = rows.add_column("score", scores, feature=Value("float64"))
        return result

    def encode_inputs(self, rows: Dataset, processor: Processor) -> Dataset:
        """Turn every text into a row of token ids, those of a pair one after the other."""

        def tokenize_batch(batch: dict[str, list], places: list[int]) -> dict[str, list]:
            pairs = batch.get("text_pair", [None] * len(places))
            texts = [
                (text, place, score)
                for *both, place, score in zip(batch["text"], pairs, places, batch["score"])
                for text in both
                if text is not None
            ]
            encoded = processor([text for text, _, _ in texts], truncation=True, max_length=self.max_length)
            encoded[EXAMPLE] = [place for _, place, _ in texts]
            encoded[SCORE] = [score for _, _, score in texts]
            return encoded

        return rows.map(
            tokenize_batch, batched=True, with_indices=True, remove_columns=rows.column_names, desc="Tokenizing"
        )

    def collator(self, processor: Processor) -> Callable:
        """Return a collator that pads to the longest text of the batch."""
        return TextsCollator(processor)

    def read(self, outputs: Mapping[str, Any], batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Return the vector of each text, of length 1: `(batch, width)`."""
        states = outputs["last_hidden_state"].float()
        mask = batch["attention_mask"].to(states.device).bool()
        return F.normalize(POOLINGS[self.pooling](states, mask), dim=-1)

    @property
    def loss(self) -> Callable[[Mapping[str, Any], Mapping[str, torch.Tensor]], torch.Tensor]:
        """
        The mean squared difference of the cosines of pairs from their scores, brought to 0 to 1.

        Source: Reimers, Gurevych 2019, *Sentence-BERT*, arXiv:1908.10084.
        """
        return self._loss_of_pairs

    def _loss_of_pairs(self, outputs: Mapping[str, Any], batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        first, second = self.read(outputs, batch).chunk(2)
        return F.mse_loss((first * second).sum(-1), batch["labels"])

    def predictions(self, logits: torch.Tensor, batch: Mapping[str, torch.Tensor]) -> list[np.ndarray]:
        """Return the vector of each text."""
        return list(logits.cpu().numpy())

    def answers(self, predictions: Sequence[np.ndarray], rows: Dataset) -> list[float]:
        """Return the cosine of each pair that has a score."""
        vectors = [predictions[row] for row in _of_scored_pairs(rows)]
        return [float(np.dot(one, other)) for one, other in zip(vectors[::2], vectors[1::2])]

    def references(self, rows: Dataset) -> list[float]:
        """Return the score of each pair that has one."""
        return np.asarray(rows[SCORE])[_of_scored_pairs(rows)[::2]].tolist()

    def score(self, answers: Sequence[float], references: Sequence[float], names: Sequence[str]) -> dict[str, float]:
        """Return the correlations of Spearman and of Pearson between cosines and scores."""
        return compute_correlation_metrics(answers, references)

    def agreement(self, one: Sequence[float], other: Sequence[float]) -> float:
        """Return Spearman's correlation between the cosines of two models: 1 where they order all pairs alike."""
        return compute_correlation_metrics(one, other)["spearman"]

    def labelled(self, rows: Dataset) -> Dataset:
        """Return the texts of the pairs that have a score."""
        return rows.select(_of_scored_pairs(rows))

    def supervised(self, rows: Dataset) -> Dataset:
        """Return the pairs that have a score as rows of two texts, with the score brought to 0 to 1 as `labels`."""
        chosen = _of_scored_pairs(rows)
        first, second = rows.select(chosen[::2]), rows.select(chosen[1::2])
        scores = np.asarray(first[SCORE], np.float64)
        span = np.ptp(scores) if len(scores) else 0.0
        labels = (scores - scores.min()) / span if span else np.ones_like(scores)
        names = [name for name in rows.column_names if name not in (EXAMPLE, SCORE)]
        second = second.select_columns(names).rename_columns({name: PARTNER + name for name in names})
        pairs = concatenate_datasets([first.select_columns(names), second], axis=1)
        return pairs.add_column("labels", labels.astype(np.float32))


class TextsCollator:
    """
    Pads texts to the longest of the batch; of rows of two texts all first ones come before all second ones.

    Args:
        tokenizer ([`~transformers.PreTrainedTokenizerBase`]): The tokenizer.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase):
        self._names = tokenizer.model_input_names
        self._pad = DataCollatorWithPadding(tokenizer, pad_to_multiple_of=PADDING_MULTIPLE)

    def __call__(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
        """Return the batch, with `labels` where rows have them."""
        beginnings = ["", PARTNER] if f"{PARTNER}input_ids" in rows[0] else [""]
        batch = self._pad(
            [
                {name: row[beginning + name] for name in self._names if beginning + name in row}
                for beginning in beginnings
                for row in rows
            ]
        )
        if "labels" in rows[0]:
            batch["labels"] = torch.tensor([row["labels"] for row in rows], dtype=torch.float32)
        return batch


def _of_scored_pairs(rows: Dataset) -> np.ndarray:
    """Return the numbers of the encoded rows of pairs that have a score; those of a pair stand together."""
    return np.flatnonzero(~np.isnan(np.asarray(rows[SCORE], np.float64)))


def _as_number(value: Any, place: str) -> float:
    if value is None or value == "":
        return float("nan")
    try:
        number = float(value)
    except (TypeError, ValueError) as error:
        raise InputError(f"{place}: the score must be a number; got {value!r}") from error
    if np.isinf(number):
        raise InputError(f"{place}: the score must be a finite number; got {value!r}")
    return number
