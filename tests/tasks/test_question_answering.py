# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Tests of question answering."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from datasets import Dataset, DatasetDict
from tokenizers import ByteLevelBPETokenizer
from transformers import BertConfig, PreTrainedTokenizerBase, RobertaTokenizerFast

from hf_distill.errors import InputError
from hf_distill.features.units import IGNORED_POSITION
from hf_distill.tasks.question_answering import QuestionAnswering
from hf_distill.tasks.spans import Span

CONTEXT = "anna filming in rome"
IN_ROME = {"text": ["rome", "in rome"], "answer_start": [16, 13]}
NO_ANSWER: dict[str, list] = {"text": [], "answer_start": []}


def rows_of(answers: list, contexts: list[str] | None = None, **columns: list) -> Dataset:
    contexts = contexts or [CONTEXT] * len(answers)
    return Dataset.from_dict({"question": ["in"] * len(answers), "context": contexts, "answers": answers, **columns})


def encoded(task: QuestionAnswering, tokenizer: PreTrainedTokenizerBase, rows: Dataset) -> Dataset:
    data = task.encode_labels(task.select_columns(DatasetDict(train=rows)), [], [])
    return task.encode_inputs(data["train"], tokenizer)


def sure_logits(batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """What a model says that knows the labels."""
    width = batch["input_ids"].shape[1]
    ends = [torch.nn.functional.one_hot(batch[f"{end}_positions"], width) for end in ("start", "end")]
    return 9.0 * torch.stack(ends, -1)


def answers_of(task: QuestionAnswering, tokenizer: PreTrainedTokenizerBase, rows: Dataset) -> list[str]:
    found = []
    for row in rows:
        batch = task.collator(tokenizer)([row])
        found += task.predictions(sure_logits(batch), batch)
    return task.answers(found, rows)


def test_there_are_no_label_names() -> None:
    assert QuestionAnswering().label_names(DatasetDict(train=rows_of([IN_ROME]))) == []
    assert QuestionAnswering().head_options([]) == {"num_labels": 2}


@pytest.mark.parametrize(
    ("architecture", "wanted"), [("BertForQuestionAnswering", True), ("BertForTokenClassification", False)]
)
def test_only_a_head_for_spans_is_its_head(architecture: str, wanted: bool) -> None:
    assert QuestionAnswering().has_head(BertConfig(architectures=[architecture])) == wanted


@pytest.mark.parametrize(
    ("answers", "references", "place"),
    [
        (IN_ROME, ["rome", "in rome"], (16, 20)),
        ([{"text": "in rome", "answer_start": 13}], ["in rome"], (13, 20)),
        ({"text": [" filming "], "answer_start": [4]}, [" filming "], (5, 12)),
        (NO_ANSWER, [], (None, None)),
        ([], [], (None, None)),
        (None, None, (None, None)),
        ({"text": None, "answer_start": None}, None, (None, None)),
    ],
)
def test_both_forms_of_answers_are_read(answers: Any, references: Any, place: tuple) -> None:
    rows = QuestionAnswering().encode_labels(DatasetDict(train=rows_of([answers])), [], [])["train"]
    assert rows["references"][:] == [references]
    assert (rows["answer_start"][0], rows["answer_end"][0]) == place


def test_misplaced_answers_are_counted_and_not_learnt(caplog: pytest.LogCaptureFixture) -> None:
    answers = [IN_ROME, {"text": ["rome", "anna"], "answer_start": [15, 0]}, {"text": ["paris"], "answer_start": [-1]}]
    rows = rows_of(answers, id=["first", "second", "third"])
    with caplog.at_level(logging.WARNING):
        found = QuestionAnswering().encode_labels(DatasetDict(train=rows), [], [])["train"]
    assert "2 answers do not stand where answer_start says, first in train second; they are not learnt" in caplog.text
    assert found["answer_start"][:] == [16, 0, None]
    assert found["references"][:] == [["rome", "in rome"], ["rome", "anna"], ["paris"]]


@pytest.mark.parametrize(
    "answers",
    [
        {"text": ["rome"], "answer_start": []},
        {"text": "rome", "answer_start": 16},
        {"text": ["rome"], "answer_start": ["16"]},
        ["rome"],
        "rome",
    ],
)
def test_other_forms_are_refused_with_their_row(answers: Any) -> None:
    with pytest.raises(InputError, match="split 'train', row 0: answers must be texts and as many whole") as error:
        QuestionAnswering().encode_labels(DatasetDict(train=rows_of([answers])), [], [])
    assert "\n" not in str(error.value)


def test_columns_may_have_other_names_and_ids_may_be_missing() -> None:
    task = QuestionAnswering({"question": "query"})
    rows = rows_of([IN_ROME]).rename_column("question", "query")
    assert set(task.select_columns(DatasetDict(train=rows))["train"].column_names) == {
        "question",
        "context",
        "answers",
    }


def test_a_slow_tokenizer_is_refused_by_name() -> None:
    slow = SimpleNamespace(is_fast=False)
    with pytest.raises(InputError, match="SimpleNamespace cannot tell which characters a token stands for"):
        QuestionAnswering().encode_inputs(rows_of([IN_ROME]), slow)


def test_unlabelled_windows_are_left_out_and_unanswerable_ones_are_not(tokenizer: PreTrainedTokenizerBase) -> None:
    task = QuestionAnswering()
    rows = encoded(task, tokenizer, rows_of([None, IN_ROME, NO_ANSWER]))
    assert rows["start_positions"][:] == [IGNORED_POSITION, 7, 0]
    assert task.labelled(rows)["example"][:] == [1, 2]
    assert task.references(task.labelled(rows)) == [["rome", "in rome"], []]


def test_answers_that_no_window_holds_and_long_questions_are_counted(
    tokenizer: PreTrainedTokenizerBase, caplog: pytest.LogCaptureFixture
) -> None:
    long = " ".join(["good"] * 40)
    rows = rows_of([IN_ROME, {"text": [long], "answer_start": [0]}], [CONTEXT, f"{long} bad"])
    rows = rows.remove_columns("question").add_column("question", ["in", "good " * 20])
    with caplog.at_level(logging.WARNING):
        windows = encoded(QuestionAnswering(max_length=24), tokenizer, rows)
    assert "1 questions are cut off at 5 tokens, to leave room for a context" in caplog.text
    assert "1 answers are longer than two windows have in common, and are not learnt" in caplog.text
    assert windows["example"][:2] == [0, 1] and len(windows) > 3


@pytest.mark.parametrize("side", ["right", "left"])
def test_who_knows_the_labels_gives_the_answers(side: str, tokenizer: PreTrainedTokenizerBase) -> None:
    tokenizer.padding_side = side
    long = " ".join(["good bad film"] * 12)
    contexts = [CONTEXT, f"{long} anna in rome {long}", f"in rome {long}", CONTEXT]
    answers = [{"text": [text], "answer_start": [context.index(text)]} for text, context in zip(
        ["filming in", "anna in rome", "in rome"], contexts
    )]  # fmt: skip
    task = QuestionAnswering()
    rows = encoded(task, tokenizer, rows_of([*answers, NO_ANSWER], contexts))
    assert len(rows) > 4
    assert answers_of(task, tokenizer, rows) == ["filming in", "anna in rome", "in rome", ""]
    assert task.score(answers_of(task, tokenizer, rows), task.references(rows), []) == {"exact_match": 1.0, "f1": 1.0}
    # In another order, and with examples left out.
    some = rows.select([row for row, example in enumerate(rows["example"]) if example in (1, 3)][::-1])
    assert answers_of(task, tokenizer, some) == ["", "anna in rome"]
    assert task.references(some) == [[], ["anna in rome"]]


def test_the_likeliest_window_has_the_answer_and_the_least_likely_says_that_there_is_none(
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    task = QuestionAnswering()
    rows = encoded(task, tokenizer, rows_of([NO_ANSWER], [" ".join(["good", "bad", "film"] * 12)]))
    assert len(rows) == 2

    def answer(*spans: Span) -> str:
        return task.answers(spans, rows)[0]

    assert answer(Span(3.0, 0, 1, 9.0), Span(2.0, 0, 0, 1.0)) == "good bad"
    assert answer(Span(2.0, 0, 1, 1.0), Span(3.0, 0, 0, 9.0)) != "good bad"
    assert answer(Span(3.0, 0, 1, 9.0), Span(2.0, 0, 0, 4.0)) == ""


def test_no_answer_does_not_compete_where_every_question_has_one(tokenizer: PreTrainedTokenizerBase) -> None:
    task = QuestionAnswering()
    rows = encoded(task, tokenizer, rows_of([IN_ROME]))
    assert task.answers([Span(1.0, 0, 0, 9.0)], rows) == ["anna"]


def test_an_empty_context_has_an_empty_answer(tokenizer: PreTrainedTokenizerBase) -> None:
    task = QuestionAnswering()
    rows = encoded(task, tokenizer, rows_of([None, IN_ROME], ["", CONTEXT]))
    batch = task.collator(tokenizer)([rows[0]])
    found = task.predictions(torch.zeros(1, batch["input_ids"].shape[1], 2), batch)
    assert task.answers(found, rows.select([0])) == [""]


def test_agreement_is_the_share_of_answers_that_say_the_same() -> None:
    task = QuestionAnswering()
    assert task.agreement(["The Rome", "anna", "", "x"], ["rome!", "otto", "", ""]) == 0.5


def test_answers_of_a_roberta_like_tokenizer_are_cut_as_they_are(tmp_path: Any) -> None:
    trained = ByteLevelBPETokenizer()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    context = "Anna made 🎬 films, in São Paulo"
    trained.train_from_iterator([context] * 9, 400, 1, special_tokens=special)
    trained.save_model(str(tmp_path))
    tokenizer = RobertaTokenizerFast.from_pretrained(tmp_path, model_max_length=64)
    texts = ["🎬 films", "São Paulo", "Anna"]
    answers = [{"text": [text], "answer_start": [context.index(text)]} for text in texts]
    task = QuestionAnswering()
    rows = encoded(task, tokenizer, rows_of(answers, [context] * 3))
    assert answers_of(task, tokenizer, rows) == texts


def test_a_row_without_an_id_can_be_read_and_one_without_a_context_cannot() -> None:
    rows = Dataset.from_dict({"question": ["q", "q"], "context": ["c", " "], "id": [None, "1"]})
    assert QuestionAnswering().unusable(rows) == {1: "the column 'context' is empty"}
