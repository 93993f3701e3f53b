# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Tests of token classification."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from datasets import ClassLabel, Dataset, DatasetDict, Features, List, Value
from tokenizers import ByteLevelBPETokenizer
from transformers import EvalPrediction, PreTrainedTokenizerBase, RobertaTokenizerFast

from hf_distill.errors import InputError
from hf_distill.tasks.token_classification import TokenClassification

NAMES = ["O", "B-PER", "B-LOC"]
TAGS = Features({"tokens": List(Value("string")), "tags": List(ClassLabel(names=NAMES))})
WORDS = ["anna", "filming", "in", "rome"]


def tokenized(tokenizer: PreTrainedTokenizerBase, tags: list, **options: int) -> Dataset:
    data = Dataset.from_dict({"tokens": [WORDS[: len(row or WORDS)] for row in tags], "tags": tags})
    return TokenClassification(**options).encode_inputs(data, tokenizer)


def test_names_of_class_label_tags() -> None:
    data = DatasetDict(train=Dataset.from_dict({"tokens": [["anna"]], "tags": [[1]]}, features=TAGS))
    assert TokenClassification().label_names(data) == NAMES


def test_names_of_text_tags_come_from_all_rows() -> None:
    data = DatasetDict(train=Dataset.from_dict({"tokens": [["a"], ["b", "c"], []], "tags": [["O"], ["B", "O"], None]}))
    assert TokenClassification().label_names(data) == ["B", "O"]


def test_tags_must_be_lists() -> None:
    data = DatasetDict(train=Dataset.from_dict({"tokens": [["a"]], "tags": ["O"]}))
    with pytest.raises(InputError, match=r"columns\.tags: 'tags' must hold a list of tags"):
        TokenClassification().label_names(data)


def test_each_token_needs_a_tag() -> None:
    data = DatasetDict(test=Dataset.from_dict({"tokens": [["a"], ["b", "c"]], "tags": [[0], [1]]}))
    with pytest.raises(InputError, match="split 'test', row 1: has 2 tokens but 1 tags"):
        TokenClassification().encode_labels(data, ["O", "B"], [0, 1])


def test_tag_outside_the_range_names_split_and_row() -> None:
    data = DatasetDict(train=Dataset.from_dict({"tokens": [["a"]], "tags": [[2]]}))
    with pytest.raises(InputError, match="split 'train', row 0: the label 2 is outside the 2 labels"):
        TokenClassification().encode_labels(data, ["O", "B"], [0, 1])


def test_row_with_a_missing_tag_counts_as_unlabelled() -> None:
    data = DatasetDict(train=Dataset.from_dict({"tokens": [["a", "b"]] * 3, "tags": [[0, 1], None, [0, -1]]}))
    encoded = TokenClassification().encode_labels(data, ["O", "B"], [1, 0])
    assert encoded["train"]["tags"][:] == [[1, 0], None, None]


def test_only_first_sub_tokens_have_a_label_and_are_predicted(tokenizer: PreTrainedTokenizerBase) -> None:
    row = tokenized(tokenizer, [[1, 0, 0, 2]])[0]
    assert tokenizer.convert_ids_to_tokens(row["input_ids"]) == [
        "[CLS]",
        "anna",
        "film",
        "##ing",
        "in",
        "rome",
        "[SEP]",
    ]
    assert row["labels"] == [-100, 1, 0, -100, 0, 2, -100]
    assert row["prediction_mask"] == [False, True, True, False, True, True, False]


def test_row_without_tags_is_predicted_all_the_same(tokenizer: PreTrainedTokenizerBase) -> None:
    rows = tokenized(tokenizer, [None, [1, 0]])
    assert set(rows[0]["labels"]) == {-100}
    assert sum(rows[0]["prediction_mask"]) == 4
    assert TokenClassification().labelled(rows)["labels"][:] == [rows[1]["labels"]]


def test_words_that_are_cut_off_are_counted(
    tokenizer: PreTrainedTokenizerBase, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        row = tokenized(tokenizer, [[1, 0, 0, 2]], max_length=4)[0]
    assert row["labels"] == [-100, 1, 0, -100]
    assert "2 words are cut off at 4 tokens" in caplog.text


@pytest.mark.parametrize("side", ["left", "right"])
def test_collator_pads_labels_and_mask_with_the_tokens(tokenizer: PreTrainedTokenizerBase, side: str) -> None:
    tokenizer.padding_side = side
    rows = tokenized(tokenizer, [[1], [1, 0, 0, 2]])
    batch = TokenClassification().collator(tokenizer)(list(rows))
    real = batch["attention_mask"].bool()
    assert batch["labels"].shape == batch["prediction_mask"].shape == batch["input_ids"].shape == (2, 8)
    assert batch["labels"][0][real[0]].tolist() == [-100, 1, -100]
    assert batch["prediction_mask"].dtype == torch.bool
    assert torch.equal(batch["prediction_mask"], batch["labels"] != -100)


def test_collator_takes_rows_without_a_mask(tokenizer: PreTrainedTokenizerBase) -> None:
    rows = tokenized(tokenizer, [[1]]).remove_columns("prediction_mask")
    assert "prediction_mask" not in TokenClassification().collator(tokenizer)(list(rows))


def test_predictions_and_references_line_up(tokenizer: PreTrainedTokenizerBase) -> None:
    task = TokenClassification()
    rows = tokenized(tokenizer, [[1], [1, 0, 0, 2]])
    batch = task.collator(tokenizer)(list(rows))
    logits = torch.nn.functional.one_hot(batch["labels"].clamp(min=0), 3).float()
    predictions, references = task.answers(task.predictions(logits, batch), rows), task.references(rows)
    assert [row.tolist() for row in predictions] == [row.tolist() for row in references] == [[1], [1, 0, 0, 2]]


def test_scores_are_of_whole_entities() -> None:
    names = ["O", "B-PER", "I-PER"]
    references = [np.array([1, 2, 0]), np.array([1, 0])]
    predictions = [np.array([1, 0, 0]), np.array([1, 0])]
    scores = TokenClassification().score(predictions, references, names)
    # One of two entities has the right borders; four of five tags are right.
    assert (scores["precision"], scores["recall"], scores["f1"], scores["accuracy"]) == (0.5, 0.5, 0.5, 0.8)


def test_metrics_during_training_read_padded_arrays() -> None:
    names = ["O", "B-PER"]
    labels = np.array([[-100, 1, -100, -100], [-100, 0, 1, -100]])
    logits = np.eye(2)[np.where(labels == -100, 1, labels)]
    # The Trainer pads the logits of a shorter batch with -100.
    logits[0, 3] = -100
    prediction = EvalPrediction(predictions=logits, label_ids=labels)
    assert TokenClassification().compute_metrics(prediction, names)["f1"] == 1.0


def test_words_of_a_roberta_like_tokenizer_keep_their_space(tmp_path: Path) -> None:
    trained = ByteLevelBPETokenizer()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    trained.train_from_iterator(["a good film", "good good film"] * 9, 300, 1, special_tokens=special)
    trained.save_model(str(tmp_path))
    tokenizer = RobertaTokenizerFast.from_pretrained(tmp_path)
    data = Dataset.from_dict({"tokens": [["good", "film"]], "tags": [[0, 1]]})
    row = TokenClassification().encode_inputs(data, tokenizer)[0]
    assert tokenizer.convert_ids_to_tokens(row["input_ids"]) == ["<s>", "Ġgood", "Ġfilm", "</s>"]
    assert row["labels"] == [-100, 0, 1, -100]


def test_agreement_is_of_the_words_that_both_models_have_read() -> None:
    one, other = [np.array([1, 2, 0]), np.array([0])], [np.array([1, 0]), np.array([0])]
    assert TokenClassification().agreement(one, other) == pytest.approx(2 / 3)


def test_word_without_a_token_does_not_move_those_behind_it(tokenizer: PreTrainedTokenizerBase) -> None:
    """A zero-width space is nothing to a BERT tokenizer, and something to one that reads bytes."""
    task = TokenClassification()
    example = {"tokens": ["anna", "\u200b", "in", "rome"], "tags": [1, 2, 0, 2]}
    rows = task.encode_inputs(Dataset.from_list([example]), tokenizer)
    (right,) = task.references(rows)
    assert right.tolist() == [1, -1, 0, 2]
    (student,) = task.answers([np.array([1, 0, 1])], rows)
    teacher = np.array([1, 1, 0, 2])
    assert task.agreement([student], [teacher]) == pytest.approx(2 / 3)
    assert task.is_right(teacher, right) and not task.is_right(student, right)
    assert task.in_words([right, teacher, student], example, ["O", "B", "I"], tokenizer) == [
        "rome: I",
        "rome: I",
        "rome: B",
    ]
    # Both sides of a score have read the same words; that one of three tags is wrong is all there is to see.
    assert task.score([student], [right], ["O", "B-A", "B-B"])["accuracy"] == pytest.approx(2 / 3)
