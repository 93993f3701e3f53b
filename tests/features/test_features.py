# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

from hf_distill.features.features import Needs


def test_union_covers_every_need_and_no_more() -> None:
    union = Needs.union(
        [Needs(logits=True), Needs(hidden_states=frozenset({1, 2})), Needs(hidden_states=frozenset({2}))]
    )
    assert union == Needs(logits=True, hidden_states=frozenset({1, 2}))


def test_union_of_nothing_is_nothing() -> None:
    assert Needs.union([]) == Needs(logits=False, hidden_states=frozenset())
