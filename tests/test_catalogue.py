# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Tests of catalogues."""

from __future__ import annotations

from typing import Any

import pytest

from hf_distill.catalogue import Catalogue
from hf_distill.errors import InputError


class Bert:
    name = "bert"


class Roberta:
    name = "roberta"


def test_classes_are_kept_in_their_order() -> None:
    assert list(Catalogue("model", Roberta, Bert).values()) == [Roberta, Bert]


def test_class_can_be_registered_twice() -> None:
    models = Catalogue("model", Bert)
    assert models.register(Bert) is Bert


def test_name_that_is_taken_is_refused() -> None:
    with pytest.raises(InputError, match="^model bert: the name is taken by Bert$"):
        Catalogue("model", Bert).register(type("Other", (), {"name": "bert"}))


@pytest.mark.parametrize("name", ["robert", 3, None, ["bert"]])
def test_unknown_name_is_refused(name: Any) -> None:
    with pytest.raises(InputError, match=r"^student\.model: there is no model .*bert"):
        Catalogue("model", Bert, Roberta).find(name, "student.model")
