# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""A model that computes as if it were quantized, so that training gets it used to the rounding errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.nn.utils import parametrize
from transformers import PreTrainedModel

from hf_distill.quantization.body import products_of_body

LARGEST = 127
"""The largest number of int8, on both sides of zero."""
SMALLEST_SCALE = torch.finfo(torch.float32).tiny


class RoundedWeight(nn.Module):
    """Weights as int8 has them, with a scale for each output channel; gradients pass as if nothing were rounded."""

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        """Return the rounded weights, of the shape of `weight` `(channels, inputs)`."""
        scale = (weight.detach().abs().amax(1) / LARGEST).clamp(min=SMALLEST_SCALE)
        zero_point = torch.zeros_like(scale, dtype=torch.int32)
        return torch.fake_quantize_per_channel_affine(weight, scale, zero_point, 0, -LARGEST, LARGEST)


def round_inputs(module: nn.Module, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    """Round what a module is given as int8 has it, with the range as it comes; a hook for before its forward."""
    inputs, *others = arguments
    low, high = inputs.detach().amin().clamp(max=0), inputs.detach().amax().clamp(min=0)
    steps = 2 * LARGEST + 1
    scale = ((high - low) / steps).float().clamp(min=SMALLEST_SCALE)
    zero_point = (-low / scale).round().clamp(0, steps).to(torch.int32)
    return torch.fake_quantize_per_tensor_affine(inputs, scale, zero_point, 0, steps), *others


@contextmanager
def fake_quantized(model: PreTrainedModel, activations: bool = True) -> Iterator[None]:
    """
    Let the matrix products of a model's body compute as if in int8; what is learnt meanwhile stays in floats.

    Args:
        model ([`~transformers.PreTrainedModel`]): The model; its head is left as it is.
        activations (`bool`, *optional*, defaults to `True`): Whether what weights are multiplied with is rounded too.

    Source: Jacob et al. 2018, Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
    Inference; torch's own `fake_quantize` functions.
    """
    products, hooks = list(products_of_body(model).values()), []
    for product in products:
        parametrize.register_parametrization(product, "weight", RoundedWeight())
        if activations:
            hooks.append(product.register_forward_pre_hook(round_inputs))
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
        for product in products:
            parametrize.remove_parametrizations(product, "weight", leave_parametrized=False)
