# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import torch

from hf_distill.features.pooling import first_token, mean_of_tokens

STATES = torch.tensor([[[1.0, 2.0], [3.0, 6.0]], [[4.0, 4.0], [8.0, 1.0]], [[9.0, 9.0], [9.0, 9.0]]])
MASK = torch.tensor([[True, True], [False, True], [False, False]])


def test_the_first_token_is_the_first_that_is_real() -> None:
    assert first_token(STATES, MASK).tolist() == [[1.0, 2.0], [8.0, 1.0], [0.0, 0.0]]


def test_the_mean_is_that_of_the_real_tokens() -> None:
    assert mean_of_tokens(STATES, MASK).tolist() == [[2.0, 4.0], [8.0, 1.0], [0.0, 0.0]]


def test_padding_may_hold_anything() -> None:
    states = torch.where(MASK[..., None], STATES, float("nan")).requires_grad_()
    (first_token(states, MASK) + mean_of_tokens(states, MASK)).sum().backward()
    assert states.grad.isfinite().all()
