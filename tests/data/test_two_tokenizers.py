# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoTokenizer, DataCollatorWithPadding, PreTrainedTokenizerBase

from hf_distill import TwoTokenizers
from hf_distill.errors import InputError

TEXT = "the playing film un\u00e9 \U0001f600 was good!"


@pytest.fixture
def both(tokenizers: dict[str, Path]) -> TwoTokenizers:
    return TwoTokenizers(*(AutoTokenizer.from_pretrained(tokenizers[kind]) for kind in ("bert", "roberta")))


def tokens_of(tokenizer: PreTrainedTokenizerBase, ids: list[int], spans: list[int]) -> list[tuple[str, ...]]:
    """The tokens of each span."""
    tokens = tokenizer.convert_ids_to_tokens(ids)
    return [tuple(token for token, span in zip(tokens, spans) if span == number) for number in range(max(spans) + 1)]


def aligned(both: TwoTokenizers, encoded: Any, row: int = 0) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    one = tokens_of(both.student, encoded["input_ids"][row], encoded["shared_spans"][row])
    other = tokens_of(both.teacher, encoded["teacher_input_ids"][row], encoded["teacher_shared_spans"][row])
    return list(zip(one, other, strict=True))


def test_spans_are_pieces_of_the_text(both: TwoTokenizers) -> None:
    found = aligned(both, both([TEXT]))
    text = [("".join(other).replace("\u0120", ""), "".join(one).replace("##", "")) for one, other in found]
    assert text[0] == ("<s>", "[CLS]") and text[-1] == ("</s>", "[SEP]")
    words = dict(text[1:-1])
    assert words["the"] == "the" and words["film"] == "film" and words["!"] == "!"
    # Borders within a word are those of both.
    assert [words[name] for name in words if name in ("play", "ing", "playing")]


def test_a_character_of_many_bytes_is_one_span(both: TwoTokenizers) -> None:
    found = aligned(both, both(["good \U0001f600 film"]))
    assert (("[UNK]",), ("\u00f0", "\u0141", "\u013a", "\u0122")) in [
        (one, tuple(token for token in other if token != "\u0120")) for one, other in found
    ]


def test_each_side_has_its_own_encoding(both: TwoTokenizers) -> None:
    encoded = both([TEXT, "a"], ["in rome", "the plot"])
    for tokenizer, beginning in ((both.student, ""), (both.teacher, "teacher_")):
        for name, values in tokenizer([TEXT, "a"], ["in rome", "the plot"]).items():
            assert encoded[beginning + name] == values


def test_the_texts_of_a_pair_are_not_mixed(both: TwoTokenizers) -> None:
    found = aligned(both, both(["the film"], ["the film"]))
    assert [one for one, _ in found] == [("[CLS]",), ("the",), ("film",), ("[SEP]",), ("the",), ("film",), ("[SEP]",)]
    assert found[3][1] == ("</s>", "</s>")


def test_spaces_are_of_no_word(both: TwoTokenizers) -> None:
    found = aligned(both, both(["  the   film "]))
    assert [one for one, _ in found] == [("[CLS]",), ("the",), ("film",), ("[SEP]",)]


def test_what_one_tokenizer_cuts_off_is_not_shared(both: TwoTokenizers) -> None:
    words = ["reundull"] * 6
    encoded = both([" ".join(words)], truncation=True, max_length=8)
    shared = [span for span in encoded["shared_spans"][0] if span >= 0]
    assert 2 <= len(set(shared)) < 8
    assert set(encoded["teacher_shared_spans"][0]) - {-1} == set(shared)


def test_an_empty_text_has_special_tokens_alone(both: TwoTokenizers) -> None:
    assert both([""])["shared_spans"] == both([""])["teacher_shared_spans"] == [[0, 1]]


@pytest.mark.parametrize("mended", [False, True])
def test_words_are_aligned_by_their_first_tokens(mended: bool, both: TwoTokenizers, tokenizers: Any) -> None:
    # A tokenizer that was not made for words counts the space before a word among its characters.
    teacher = AutoTokenizer.from_pretrained(tokenizers["roberta"], add_prefix_space=mended)
    teacher.add_prefix_space = teacher.backend_tokenizer.pre_tokenizer.add_prefix_space = True
    both = TwoTokenizers(both.student, teacher)
    words = ["playing", "x", "rome", "\U0001f600"]
    encoded = both([words], is_split_into_words=True)
    first = [encoded.word_ids(0).index(word) for word in range(4)]
    assert [encoded["shared_words"][0][place] for place in first] == [0, 1, 2, 3]
    assert sum(number >= 0 for number in encoded["shared_words"][0]) == 4
    assert sum(number >= 0 for number in encoded["teacher_shared_words"][0]) == 4
    # And the words' characters are spans.
    assert len(set(encoded["shared_spans"][0])) >= 6 and -1 not in encoded["shared_spans"][0]


@pytest.mark.parametrize("side", ["right", "left"])
def test_each_side_is_padded_to_its_own_longest_row(side: str, both: TwoTokenizers) -> None:
    both.student.padding_side = both.teacher.padding_side = side
    encoded = both(["the film", TEXT])
    rows = [{name: values[row] for name, values in encoded.items()} for row in range(2)]
    rows = [{**row, "labels": place} for place, row in enumerate(rows)]
    batch = DataCollatorWithPadding(both, pad_to_multiple_of=8)(rows)
    assert batch["labels"].tolist() == [0, 1]
    assert batch["input_ids"].shape[1] < batch["teacher_input_ids"].shape[1]
    for beginning in ("", "teacher_"):
        real = batch[f"{beginning}attention_mask"].bool()
        for row in range(2):
            values = batch[f"{beginning}shared_spans"][row]
            assert values[real[row]].tolist() == rows[row][f"{beginning}shared_spans"]
            assert (values[~real[row]] == -1).all()
    assert all(isinstance(values, torch.Tensor) for values in batch.values())


def test_rows_without_a_teacher_are_padded_as_the_student_pads_them(both: TwoTokenizers) -> None:
    rows = [{"input_ids": [2, 5, 3]}, {"input_ids": [2, 3]}]
    batch, expected = both.pad(rows), both.student.pad(rows, return_tensors="pt")
    assert batch.keys() == expected.keys()
    assert all(torch.equal(batch[name], expected[name]) for name in batch)


def test_a_copy_in_another_process_is_the_same(both: TwoTokenizers) -> None:
    assert pickle.loads(pickle.dumps(both))([TEXT]) == both([TEXT])


def test_what_it_cannot_do_is_refused_by_name(both: TwoTokenizers, tokenizers: dict[str, Path]) -> None:
    with pytest.raises(InputError, match="text: must be a list of texts"):
        both("the film")
    with pytest.raises(InputError, match="stride: is not for two tokenizers"):
        both(["the film"], stride=2)


def test_a_tokenizer_without_offsets_is_refused(both: TwoTokenizers) -> None:
    class Slow:
        is_fast = False

    with pytest.raises(InputError, match="teacher: Slow does not tell where"):
        TwoTokenizers(both.student, Slow())
