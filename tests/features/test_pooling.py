# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import torch

from hf_distill.features.pooling import first_token, mean_of_tokens

STATES = torch.tensor([[[1.0], [3.0], [float("nan")]], [[float("inf")], [5.0], [7.0]], [[2.0], [2.0], [2.0]]])
MASK = torch.tensor([[True, True, False], [False, True, True], [False, False, False]])


def test_first_real_token_is_taken_and_zeros_where_there_is_none() -> None:
    assert first_token(STATES, MASK).tolist() == [[1.0], [5.0], [0.0]]


def test_mean_is_over_real_tokens_and_zeros_where_there_is_none() -> None:
    assert mean_of_tokens(STATES, MASK).tolist() == [[2.0], [6.0], [0.0]]
