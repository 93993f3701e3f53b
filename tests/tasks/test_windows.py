# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Tests of cutting contexts into windows."""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch
from datasets import Dataset
from transformers import PreTrainedTokenizerBase

from hf_distill.errors import InputError
from hf_distill.features.units import IGNORED_POSITION
from hf_distill.tasks.windows import IN_CONTEXT, NO_PLACE, PLACES, WITHOUT_ANSWER, WindowCollator, WindowMaker

WORDS = ["good", "bad", "film", "in", "rome", "anna", "filming"]


def example(context: str, text: str | None, question: str = "in rome", unlabelled: bool = False) -> dict[str, Any]:
    """An example whose answer is the first place of a text, or that has none."""
    start = context.index(text) if text else None
    return {
        "question": question,
        "context": context,
        "references": None if unlabelled else [text] if text else [],
        "answer_start": start,
        "answer_end": start + len(text) if text else None,
    }


def windows_of(tokenizer: PreTrainedTokenizerBase, *examples: dict, max_length: int = 24) -> dict[str, list]:
    batch = {name: [row[name] for row in examples] for name in examples[0]}
    return WindowMaker(tokenizer, max_length, 128).cut(batch, list(range(len(examples))))


def text_at(windows: dict[str, list], window: int) -> str:
    first, last = windows["start_positions"][window], windows["end_positions"][window]
    begin, end = windows["character_starts"][window][first], windows["character_ends"][window][last]
    return windows["context"][window][begin:end]


def test_a_short_context_is_one_window_with_the_answers_tokens(tokenizer: PreTrainedTokenizerBase) -> None:
    windows = windows_of(tokenizer, example("anna filming in rome", "filming in"))
    tokens = tokenizer.convert_ids_to_tokens(windows["input_ids"][0])
    assert tokens == ["[CLS]", "in", "rome", "[SEP]", "anna", "film", "##ing", "in", "rome", "[SEP]"]
    assert (windows["start_positions"][0], windows["end_positions"][0]) == (5, 7)
    assert text_at(windows, 0) == "filming in"
    assert windows[PLACES][0].tolist() == [WITHOUT_ANSWER, *[NO_PLACE] * 3, *[IN_CONTEXT] * 5, NO_PLACE]
    assert windows["character_starts"][0].tolist() == [-1, -1, -1, -1, 0, 5, 9, 13, 16, -1]


def test_every_window_has_the_answer_or_points_to_the_first_token(tokenizer: PreTrainedTokenizerBase) -> None:
    generator = random.Random(0)
    for _ in range(60):
        words = generator.choices(WORDS, k=generator.randrange(1, 60))
        first = generator.randrange(len(words))
        answer = " ".join(words[first : first + generator.randrange(1, 4)])
        start = sum(len(word) + 1 for word in words[:first])
        place = {"answer_start": start, "answer_end": start + len(answer)}
        windows = windows_of(tokenizer, {**example(" ".join(words), answer), **place})
        for window in range(len(windows["input_ids"])):
            begins, ends = (windows[f"character_{which}"][window] for which in ("starts", "ends"))
            inside = begins[begins >= 0].min() <= start and start + len(answer) <= ends.max()
            if inside:
                assert text_at(windows, window) == answer
            else:
                assert windows["start_positions"][window] == windows["end_positions"][window] == 0
        assert any(position > 0 for position in windows["start_positions"])


def test_windows_overlap_and_cover_the_whole_context(tokenizer: PreTrainedTokenizerBase) -> None:
    context = " ".join(["good", "film", "in", "rome"] * 12)
    windows = windows_of(tokenizer, example(context, None))
    pieces = [
        {(begin, end) for begin, end in zip(*entry) if begin >= 0}
        for entry in zip(windows["character_starts"], windows["character_ends"])
    ]
    assert len(pieces) > 2
    assert set.union(*pieces) == {(place, place + len(word)) for place, word in _words(context)}
    # A third of 24 tokens.
    assert [len(one & other) for one, other in zip(pieces, pieces[1:])] == [8] * (len(pieces) - 1)
    assert max(map(len, windows["input_ids"])) == 24


def _words(text: str) -> list[tuple[int, str]]:
    places, place = [], 0
    for word in text.split(" "):
        places.append((place, word))
        place += len(word) + 1
    return places


def test_labels_tell_unlabelled_from_unanswerable(tokenizer: PreTrainedTokenizerBase) -> None:
    rows = [example("in rome", None), example("in rome", None, unlabelled=True), example("in rome", "rome")]
    rows.append({**rows[2], "answer_start": None, "answer_end": None})
    windows = windows_of(tokenizer, *rows)
    # An answer whose place is not known teaches nothing either.
    assert windows["start_positions"].tolist() == [0, IGNORED_POSITION, 5, IGNORED_POSITION]
    assert windows["end_positions"].tolist() == [0, IGNORED_POSITION, 5, IGNORED_POSITION]
    assert windows["references"] == [[], None, ["rome"], ["rome"]]


def test_an_answer_that_no_window_holds_is_not_learnt(tokenizer: PreTrainedTokenizerBase) -> None:
    context = " ".join(["good"] * 60)
    windows = windows_of(tokenizer, example(context, " ".join(["good"] * 40)))
    assert set(windows["start_positions"]) == {IGNORED_POSITION}


def test_an_empty_context_has_a_window(tokenizer: PreTrainedTokenizerBase) -> None:
    windows = windows_of(tokenizer, example("", None), example("in rome", "rome"))
    assert windows["example"] == [0, 1]
    assert IN_CONTEXT not in windows[PLACES][0]


def test_a_question_is_cut_to_leave_room(tokenizer: PreTrainedTokenizerBase) -> None:
    maker = WindowMaker(tokenizer, 24, 128)
    assert (maker.stride, maker.longest_question) == (8, 5)
    assert maker.shorten("good bad film in rome") == "good bad film in rome"
    assert maker.shorten("good bad filming in rome") == "good bad filming in "
    assert maker.shorten("good bad good bad filming") == "good bad good bad film"


def test_long_windows_have_the_whole_stride_in_common(tokenizer: PreTrainedTokenizerBase) -> None:
    maker = WindowMaker(tokenizer, 384, 128)
    assert (maker.stride, maker.longest_question) == (128, 125)


def test_windows_without_room_are_refused(tokenizer: PreTrainedTokenizerBase) -> None:
    with pytest.raises(InputError, match=r"dataset\.max_length: 5 tokens have no room for a question and a context"):
        WindowMaker(tokenizer, 5, 128)


@pytest.mark.parametrize("side", ["right", "left"])
def test_positions_move_with_the_padding(side: str, tokenizer: PreTrainedTokenizerBase) -> None:
    tokenizer.padding_side = side
    rows = [example("anna in rome", "rome"), example("anna", None), example("anna", None, unlabelled=True)]
    rows.append(example(" ".join(WORDS), "film"))
    windows = windows_of(tokenizer, *rows)
    batch = WindowCollator(tokenizer, 8)(list(Dataset.from_dict(windows)))
    assert batch["input_ids"].shape == batch[PLACES].shape == (4, 16)
    ids = batch["input_ids"]
    for row, word in ((0, "rome"), (1, "[CLS]"), (3, "film")):
        for name in ("start_positions", "end_positions"):
            assert tokenizer.convert_ids_to_tokens(int(ids[row, batch[name][row]])) == word
    assert batch["start_positions"][2] == batch["end_positions"][2] == IGNORED_POSITION
    assert ((batch[PLACES] == WITHOUT_ANSWER).sum(1) == 1).all()
    assert (ids[batch[PLACES] == WITHOUT_ANSWER] == tokenizer.cls_token_id).all()
    assert not batch[PLACES][~batch["attention_mask"].bool()].any()


def test_a_batch_has_tensors_alone_and_what_its_rows_have(tokenizer: PreTrainedTokenizerBase) -> None:
    rows = Dataset.from_dict(windows_of(tokenizer, example("anna in rome", "rome")))
    inputs = ["input_ids", "token_type_ids", "attention_mask"]
    batch = WindowCollator(tokenizer, 8)(list(rows))
    assert set(batch) == {*inputs, "start_positions", "end_positions", PLACES}
    assert all(isinstance(value, torch.Tensor) for value in batch.values())
    assert set(WindowCollator(tokenizer, 8)(list(rows.select_columns(inputs)))) == set(inputs)
