# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Tests of sentence embeddings."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from datasets import Dataset, DatasetDict
from scipy.stats import spearmanr
from transformers import BertConfig, BertModel, FunnelConfig, PreTrainedTokenizerBase, T5Config

from hf_distill.errors import InputError
from hf_distill.evaluation.predict import forward_function, predict
from hf_distill.tasks.sentence_similarity import SentenceSimilarity

PAIRS = {
    "text": ["good film", "good", "bad film in rome", "anna"],
    "text_pair": ["bad", None, "good film", "in rome"],
    "score": [4.0, None, 1.0, 2.5],
}
TEXTS = [[5, 7], [6], [5], [6, 7, 9, 10], [5, 7], [11], [9, 10]]


def encoded(tokenizer: PreTrainedTokenizerBase, data: dict[str, list] | None = None, **options: Any) -> Dataset:
    task = SentenceSimilarity(**options)
    data = task.select_columns(DatasetDict(train=Dataset.from_dict(data or PAIRS)))
    return task.encode_inputs(task.encode_labels(data, [], [])["train"], tokenizer)


@pytest.fixture
def model() -> BertModel:
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
    return BertModel(BertConfig(vocab_size=13, initializer_range=0.3, **sizes)).eval()


def test_every_text_is_a_row_of_its_own(tokenizer: PreTrainedTokenizerBase) -> None:
    rows = encoded(tokenizer)
    assert rows["input_ids"][:] == [[2, *ids, 3] for ids in TEXTS]
    assert rows["example"][:] == [0, 0, 1, 2, 2, 3, 3]


def test_texts_alone_are_enough(tokenizer: PreTrainedTokenizerBase) -> None:
    rows = encoded(tokenizer, {"text": ["good", "bad film"]})
    assert rows["input_ids"][:] == [[2, 5, 3], [2, 6, 7, 3]]
    assert len(SentenceSimilarity().labelled(rows)) == len(SentenceSimilarity().supervised(rows)) == 0


def test_each_text_of_a_pair_is_cut(tokenizer: PreTrainedTokenizerBase) -> None:
    rows = encoded(tokenizer, {"text": ["good " * 9], "text_pair": ["bad " * 9], "score": [1]}, max_length=4)
    assert rows["input_ids"][:] == [[2, 5, 5, 3], [2, 6, 6, 3]]


def test_pairs_with_a_score_are_what_is_measured(tokenizer: PreTrainedTokenizerBase) -> None:
    task, rows = SentenceSimilarity(), encoded(tokenizer)
    measured = task.labelled(rows)
    assert measured["example"][:] == [0, 0, 2, 2, 3, 3]
    assert task.references(measured) == task.references(rows) == [4.0, 1.0, 2.5]
    vectors = [np.eye(7)[row] + np.eye(7)[0] for row in range(7)]
    assert task.answers(vectors, rows) == [2.0, 1.0, 1.0]


def test_cosines_are_those_of_the_pairs_whatever_the_batches(
    tokenizer: PreTrainedTokenizerBase, model: BertModel
) -> None:
    task, rows = SentenceSimilarity(), encoded(tokenizer)
    found = [predict(forward_function(model, task), rows, task, task.collator(tokenizer), size) for size in (1, 3, 8)]
    states = [model(torch.tensor([[2, *ids, 3]])).last_hidden_state[0].mean(0).detach().numpy() for ids in TEXTS]
    expected = [
        float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))
        for one, other in (states[:2], states[3:5], states[5:])
    ]
    for cosines in found:
        np.testing.assert_allclose(cosines, expected, rtol=1e-5)


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("pooling", ["mean", "first"])
def test_vectors_have_length_1_and_padding_is_no_part_of_them(
    tokenizer: PreTrainedTokenizerBase, side: str, pooling: str
) -> None:
    task, tokenizer.padding_side = SentenceSimilarity(), side
    task.pooling = pooling
    batch = task.collator(tokenizer)(list(encoded(tokenizer).select([1, 3])))
    assert set(batch) == {"input_ids", "token_type_ids", "attention_mask"}
    states = torch.randn(2, 8, 5, generator=torch.Generator().manual_seed(0))
    vectors = task.read({"last_hidden_state": states}, batch)
    for row, vector in enumerate(vectors):
        real = states[row][batch["attention_mask"][row].bool()]
        expected = real.mean(0) if pooling == "mean" else real[0]
        torch.testing.assert_close(vector, expected / expected.norm())


def test_scores_are_correlations_with_the_order() -> None:
    answers, references = np.random.default_rng(0).normal(size=(2, 30))
    scores = SentenceSimilarity().score(answers, references, [])
    assert scores["spearman"] == pytest.approx(spearmanr(answers, references).statistic)
    assert scores["pearson"] == pytest.approx(np.corrcoef(answers, references)[0, 1])
    assert set(scores) == {"spearman", "pearson"}


def test_models_that_order_pairs_alike_agree() -> None:
    task = SentenceSimilarity()
    assert task.agreement([0.1, 0.5, 0.9], [0.7, 0.8, 0.81]) == pytest.approx(1.0)
    assert task.agreement([0.1, 0.5, 0.9], [0.9, 0.5, 0.1]) == pytest.approx(-1.0)


def test_pairs_of_the_baseline_are_rows_of_two_texts(tokenizer: PreTrainedTokenizerBase) -> None:
    task = SentenceSimilarity()
    rows = task.supervised(encoded(tokenizer))
    assert rows["labels"][:] == [1.0, 0.0, 0.5]
    batch = task.collator(tokenizer)([rows[0], rows[2]])
    # All first texts come before all second ones.
    assert [ids[:4].tolist() for ids in batch["input_ids"]] == [
        [2, 5, 7, 3],
        [2, 11, 3, 0],
        [2, 6, 3, 0],
        [2, 9, 10, 3],
    ]
    assert batch["labels"].tolist() == [1.0, 0.5]


def test_the_task_loss_is_the_squared_difference_of_cosine_and_score() -> None:
    # Vectors (1, 0), (0, 1) and (1, 0), (1, 1): cosines 1 and 0.7071.
    states = torch.tensor([[[1.0, 0.0]], [[0.0, 2.0]], [[3.0, 0.0]], [[1.0, 1.0]]])
    batch = {"attention_mask": torch.ones(4, 1, dtype=torch.long), "labels": torch.tensor([0.5, 1.0])}
    loss = SentenceSimilarity().loss({"last_hidden_state": states}, batch)
    assert loss.item() == pytest.approx((0.25 + (1 - 0.5**0.5) ** 2) / 2, abs=1e-6)


def test_scores_that_are_all_the_same_are_the_highest(tokenizer: PreTrainedTokenizerBase) -> None:
    rows = encoded(tokenizer, {"text": ["good"] * 2, "text_pair": ["bad"] * 2, "score": [3, 3]})
    assert SentenceSimilarity().supervised(rows)["labels"][:] == [1.0, 1.0]


@pytest.mark.parametrize(("score", "said"), [("high", "must be a number; got 'high'"), ("inf", "must be a finite")])
def test_a_score_that_is_no_number_is_named(tokenizer: PreTrainedTokenizerBase, score: str, said: str) -> None:
    with pytest.raises(InputError, match=f"^dataset, split 'train', row 1: the score {said}"):
        encoded(tokenizer, {"text": ["a", "b"], "text_pair": ["a", "b"], "score": ["1", score]})


def test_a_score_of_one_text_is_named(tokenizer: PreTrainedTokenizerBase) -> None:
    with pytest.raises(InputError, match="columns.text_pair: split 'train', row 1 has a score, but no second text"):
        encoded(tokenizer, {"text": ["a", "b"], "text_pair": ["a", None], "score": [1, 2]})


def test_only_the_first_text_must_be_there() -> None:
    rows = Dataset.from_dict({"text": ["a", None], "text_pair": [None, "b"], "score": [1.0, 2.0]})
    assert SentenceSimilarity().unusable(rows) == {1: "the column 'text' is empty"}


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (BertConfig(architectures=["BertModel"]), True),
        (BertConfig(architectures=["BertForMaskedLM"]), True),
        (BertConfig(architectures=["BertForSequenceClassification"]), False),
        (BertConfig(), False),
        (T5Config(architectures=["T5Model"]), False),
        (FunnelConfig(architectures=["FunnelModel"]), False),
    ],
)
def test_encoders_are_taken_and_others_not(config: Any, expected: bool) -> None:
    assert SentenceSimilarity().has_head(config) is expected
