# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

from hf_distill.data.near_copies import NearCopyFilter

SENTENCE = "return the number of nodes in the graph as an integer"
OTHER_SENTENCE = "draw a line between two points of the figure in the given colour"


def test_near_copy_is_refused() -> None:
    near_copies = NearCopyFilter()
    near_copies.accept(SENTENCE)
    assert not near_copies.accept("Return the number of nodes in the graph, as a float!")


def test_part_of_a_longer_text_is_refused() -> None:
    near_copies = NearCopyFilter()
    near_copies.accept(f"{OTHER_SENTENCE} {SENTENCE} {OTHER_SENTENCE}")
    assert not near_copies.accept(SENTENCE)


def test_longer_text_around_an_accepted_one_is_refused() -> None:
    near_copies = NearCopyFilter()
    near_copies.accept(SENTENCE)
    assert not near_copies.accept(f"{OTHER_SENTENCE} {SENTENCE} {OTHER_SENTENCE}")


def test_different_texts_are_accepted() -> None:
    near_copies = NearCopyFilter()
    assert [near_copies.accept(SENTENCE), near_copies.accept(OTHER_SENTENCE)] == [True, True]


def test_refused_text_leaves_no_trace() -> None:
    near_copies = NearCopyFilter()
    near_copies.accept(SENTENCE)
    near_copies.accept(f"{SENTENCE} {OTHER_SENTENCE}")
    assert near_copies.accept(OTHER_SENTENCE)


def test_overlap_can_be_raised() -> None:
    near_copies = NearCopyFilter(overlap=1.0)
    near_copies.accept(SENTENCE)
    assert near_copies.accept("return the number of nodes in the graph as a float")
