# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Tests of masked language modelling."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from datasets import Dataset
from tokenizers import ByteLevelBPETokenizer
from transformers import PreTrainedTokenizerBase, RobertaTokenizerFast

from hf_distill.evaluation.rows import is_error
from hf_distill.tasks.fill_mask import FillMask
from hf_distill.tasks.masking import WORD_STARTS

TEXTS = ["anna in rome", "good films", "", "bad film in rome in rome"]


def encode(tokenizer: PreTrainedTokenizerBase, texts: list[str] = TEXTS, **options: object) -> Dataset:
    return FillMask(**options).encode_inputs(Dataset.from_dict({"text": texts}), tokenizer)


def words_of(tokenizer: PreTrainedTokenizerBase, row: dict) -> str:
    return " ".join(tokenizer.convert_ids_to_tokens(row["input_ids"]))


def test_texts_are_one_stream_cut_into_pieces(tokenizer: PreTrainedTokenizerBase) -> None:
    rows = encode(tokenizer, max_length=6)
    assert [words_of(tokenizer, row) for row in rows] == [
        "[CLS] anna in rome good [SEP]",
        "[CLS] film ##s bad film [SEP]",
        "[CLS] in rome in rome [SEP]",
    ]
    assert rows.column_names == ["input_ids"]


def test_nothing_is_lost_at_the_end(tokenizer: PreTrainedTokenizerBase) -> None:
    rows = encode(tokenizer, max_length=7)
    assert words_of(tokenizer, rows[2]) == "[CLS] rome in rome [SEP]" or len(rows) == 3
    assert sum(len(row["input_ids"]) - 2 for row in rows) == 12
    assert FillMask().lengths(rows).tolist() == [7, 7, 4]


def test_whole_words_are_marked(tokenizer: PreTrainedTokenizerBase) -> None:
    rows = encode(tokenizer, max_length=6, whole_words=True)
    assert rows[1][WORD_STARTS] == [True, True, False, True, True, True]
    assert all(rows[place][WORD_STARTS] == [True] * 6 for place in (0, 2))


def test_special_tokens_of_another_tokenizer(tmp_path: Path) -> None:
    trained = ByteLevelBPETokenizer()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    trained.train_from_iterator(["a good film", "good good film"] * 9, 300, 1, special_tokens=special)
    trained.save_model(str(tmp_path))
    tokenizer = RobertaTokenizerFast.from_pretrained(tmp_path)
    rows = encode(tokenizer, ["good film", "good"], max_length=20)
    assert tokenizer.decode(rows[0]["input_ids"]) == "<s>good filmgood</s>"
    masked = FillMask().collator(tokenizer)([{"input_ids": [0, *[262] * 30, 2]}])
    assert "token_type_ids" not in masked
    assert not (masked["labels"][0, [0, 31]] != -100).any()


def test_models_are_measured_on_the_same_masks(tokenizer: PreTrainedTokenizerBase) -> None:
    task = FillMask(max_length=20)
    rows = encode(tokenizer, TEXTS * 20, max_length=20)
    one, other = (task.evaluation_rows(rows, tokenizer) for _ in range(2))
    assert one["input_ids"][:] == other["input_ids"][:]
    assert one["labels"][:] == other["labels"][:]
    batch = task.collator(tokenizer)(list(one))
    assert np.concatenate(task.references(one)).tolist() == batch["labels"][batch["labels"] != -100].tolist()
    assert 0 < (batch["labels"] != -100).sum() < batch["labels"].numel() / 3


def test_perplexity_and_accuracy_are_those_of_the_definition(tokenizer: PreTrainedTokenizerBase) -> None:
    task = FillMask(max_length=20)
    rows = task.evaluation_rows(encode(tokenizer, TEXTS * 20, max_length=20), tokenizer)
    batch = task.collator(tokenizer)(list(rows))
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn((*batch["labels"].shape, len(tokenizer)), generator=generator)
    predictions = task.predictions(task.read({"logits": logits}, batch), batch)
    scores = task.score(task.answers(predictions, rows), task.references(rows), [])
    labels, values = batch["labels"].numpy(), logits.double().numpy()
    losses, right = [], []
    for row, place in zip(*np.nonzero(labels != -100)):
        found = values[row, place]
        losses.append(np.log(np.exp(found).sum()) - found[labels[row, place]])
        right.append(found.argmax() == labels[row, place])
    assert scores["perplexity"] == pytest.approx(np.exp(np.mean(losses)), rel=1e-5)
    assert scores["accuracy"] == np.mean(right)
    assert [len(row) for row in predictions] == [len(row) for row in task.references(rows)]


def test_a_model_that_knows_nothing_has_the_perplexity_of_the_vocabulary() -> None:
    task = FillMask()
    batch = {"labels": torch.tensor([[-100, 3, 4], [-100, -100, -100], [1, -100, -100]])}
    predictions = task.predictions(torch.zeros(3, 13), batch)
    assert [len(row) for row in predictions] == [2, 0, 1]
    scores = task.score(predictions, [np.array([3, 4]), np.array([], int), np.array([1])], [])
    assert scores["perplexity"] == pytest.approx(13)
    assert is_error(task.primary_metric)


def test_agreement_is_of_the_likeliest_tokens() -> None:
    task, batch = FillMask(), {"labels": torch.tensor([[1, -100], [2, 2]])}
    one = task.predictions(torch.eye(5)[[1, 2, 3]], batch)
    other = task.predictions(3 * torch.eye(5)[[1, 2, 4]], batch)
    assert task.agreement(one, other) == pytest.approx(2 / 3)


def test_an_empty_line_is_read_and_a_missing_one_is_not() -> None:
    rows = Dataset.from_dict({"text": ["good", "", " ", None]})
    assert FillMask().unusable(rows) == {3: "the column 'text' is empty"}
