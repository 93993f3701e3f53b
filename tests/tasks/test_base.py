# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Tests of what all tasks have in common."""

from __future__ import annotations

import numpy as np

from hf_distill.tasks.text_classification import TextClassification

TASK = TextClassification()


def test_agreement_is_the_share_of_equal_places() -> None:
    one = [np.array([1, 2, 3]), np.array([0])]
    assert TASK.agreement(one, [np.array([1, 2, 0]), np.array([0])]) == 0.75


def test_agreement_of_rows_with_one_label() -> None:
    assert TASK.agreement(list(np.array([0, 1])), list(np.array([0, 0]))) == 0.5
