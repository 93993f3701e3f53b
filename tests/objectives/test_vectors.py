# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import pytest
import torch

from hf_distill.objectives.vectors import normalised


@pytest.mark.parametrize("dim", [0, 1])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e6])
def test_vectors_get_length_1(dim: int, scale: float) -> None:
    vectors = scale * torch.tensor([[3.0, 1.0], [4.0, 2.0]])
    torch.testing.assert_close(normalised(vectors, dim).norm(dim=dim), torch.ones(2))


@pytest.mark.parametrize("length", [0.0, 1e-30, 1e-8])
def test_vectors_without_a_direction_stay_as_they_are_with_a_finite_gradient(length: float) -> None:
    vector = torch.tensor([length, 0.0], requires_grad=True)
    result = normalised(vector)
    result.sum().backward()
    assert result.equal(vector)
    assert vector.grad.tolist() == [1.0, 1.0]
