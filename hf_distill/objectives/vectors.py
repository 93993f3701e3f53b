# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Arithmetic of vectors that objectives share, with finite gradients everywhere."""

from __future__ import annotations

import torch

SHORTEST = 1e-6


def normalised(vectors: torch.Tensor, dim: int = -1) -> torch.Tensor:
    """
    Scale vectors to length 1.

    Args:
        vectors (`torch.Tensor`): In 32 bits at least.
        dim (`int`, *optional*, defaults to -1): The dimension along which the entries of a vector lie.

    Returns:
        `torch.Tensor`: Vectors of length 1. Those shorter than 1e-6 have no direction and are left as they are, so
        that the gradient is finite at 0.
    """
    squares = vectors.square().sum(dim, keepdim=True)
    # The square root is kept away from 0, where its derivative is infinite: torch.where alone would give 0 * inf.
    return vectors * torch.where(squares > SHORTEST**2, squares, 1.0).rsqrt()
