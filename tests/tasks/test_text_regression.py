# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Tests of predicting a number."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from datasets import Dataset, DatasetDict
from scipy.stats import spearmanr
from transformers import BertConfig, EvalPrediction, PreTrainedTokenizerBase

from hf_distill.errors import InputError
from hf_distill.tasks.text_regression import TextRegression

TASK = TextRegression()


def encoded(labels: list) -> list[float | None]:
    data = DatasetDict(train=Dataset.from_dict({"text": ["good"] * len(labels), "label": labels}))
    return TASK.encode_labels(data, [], [])["train"]["label"][:]


def test_numbers_of_every_kind_are_read() -> None:
    assert encoded([1, None, 3]) == [1.0, None, 3.0]
    assert encoded(["2.5", "", "-1e1"]) == [2.5, None, -10.0]
    assert encoded([0.5, float("nan")]) == [0.5, None]


@pytest.mark.parametrize(("labels", "complaint"), [(["high"], "'high' is no number"), ([-100], "marks a missing one")])
def test_what_is_no_number_names_split_and_row(labels: list, complaint: str) -> None:
    with pytest.raises(InputError, match=f"split 'train', row 0: the label .*{complaint}"):
        encoded(labels)


def test_a_row_without_a_number_is_unlabelled(tokenizer: PreTrainedTokenizerBase) -> None:
    rows = TASK.encode_inputs(Dataset.from_dict({"text": ["good", "bad"], "label": [None, 2.0]}), tokenizer)
    assert rows["labels"][:] == [-100.0, 2.0]
    assert TASK.labelled(rows)["labels"][:] == [2.0]
    assert TASK.collator(tokenizer)([rows[0], rows[1]])["labels"].dtype == torch.float32


def test_scores_are_those_of_scipy() -> None:
    generator = np.random.default_rng(0)
    found, wanted = generator.normal(size=50).astype(np.float32), generator.normal(size=50)
    assert TASK.score(list(found), list(wanted), [])["spearman"] == pytest.approx(spearmanr(found, wanted).statistic)


def test_agreement_is_the_rank_correlation() -> None:
    assert TASK.agreement([1.0, 2.0, 3.0], [10.0, 20.0, 25.0]) == pytest.approx(1.0)
    assert TASK.agreement([1.0, 2.0, 3.0], [3.0, 2.0, 1.0]) == pytest.approx(-1.0)


def test_the_head_has_one_output() -> None:
    config = BertConfig(**TASK.head_options([]))
    assert (config.num_labels, config.problem_type) == (1, "regression")
    assert TASK.has_head(BertConfig(architectures=["BertForSequenceClassification"], num_labels=1))
    assert not TASK.has_head(BertConfig(architectures=["BertForSequenceClassification"], num_labels=2))


def test_predictions_are_the_logits() -> None:
    assert TASK.predictions(torch.tensor([[0.5], [2.0]]), {}) == [0.5, 2.0]


def test_what_the_trainer_gathers_is_scored_without_the_unlabelled() -> None:
    prediction = EvalPrediction(np.array([[1.0], [2.0], [9.0]]), np.array([1.0, 3.0, -100.0]))
    assert TASK.compute_metrics(prediction, [])["mae"] == pytest.approx(0.5)
