# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import pytest
from transformers import BertConfig

from hf_distill.errors import InputError
from hf_distill.knowledge.labels import label_names, match_labels


def test_names_come_in_the_order_of_their_ids() -> None:
    assert label_names(BertConfig(id2label={2: "c", 0: "a", 1: "b"})) == ["a", "b", "c"]


def test_labels_match_by_name() -> None:
    assert match_labels(["a", "b", "c"], ["c", "a", "b"], "x", "y") == [1, 2, 0]


def test_case_and_spaces_do_not_matter() -> None:
    assert match_labels(["negative", "positive"], [" POSITIVE", "NEGATIVE"], "x", "y") == [1, 0]


def test_names_that_differ_in_case_alone_match_exactly() -> None:
    assert match_labels(["a", "A"], ["A", "a"], "x", "y") == [1, 0]


@pytest.mark.parametrize(
    ("wanted", "given"), [(["LABEL_0", "LABEL_1"], ["no", "yes"]), (["no", "yes"], ["LABEL_0", "LABEL_1"])]
)
def test_generic_names_match_by_position(wanted: list[str], given: list[str]) -> None:
    assert match_labels(wanted, given, "x", "y") == [0, 1]


@pytest.mark.parametrize(
    "given", [["no", "maybe"], ["no"], ["no", "yes", "maybe"], ["no", "no"], ["LABEL_0", "LABEL_1", "LABEL_2"]]
)
def test_names_that_do_not_match_are_listed(given: list[str]) -> None:
    with pytest.raises(InputError) as error:
        match_labels(["no", "yes"], given, "the student", "the teacher")
    assert "of the student (no, yes)" in str(error.value)
    assert f"of the teacher ({', '.join(given)})" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_long_list_is_cut() -> None:
    with pytest.raises(InputError, match=r"19, \.\.\. 10 more\)"):
        match_labels([str(label) for label in range(30)], ["a"], "x", "y")
