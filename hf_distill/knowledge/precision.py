# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""What a teacher computes in."""

from __future__ import annotations

import copy

import torch
from transformers import PreTrainedModel

from hf_distill.compatibility import bf16_is_fast

PRECISIONS = {"auto": None, "fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
"""What arguments call them; `"auto"` is settled on the machine."""


def settle_precision(precision: str, exact: bool = False) -> str:
    """
    Return the precision that `"auto"` means here: bf16 where it is fast, else fp32.

    Args:
        precision (`str`): A key of `PRECISIONS`.
        exact (`bool`, *optional*, defaults to `False`): Whether bf16 would lose what is wanted of the teacher.
    """
    if precision != "auto":
        return precision
    return "bf16" if bf16_is_fast() and not exact else "fp32"


def in_precision(model: PreTrainedModel, precision: str) -> PreTrainedModel:
    """
    Return a model that computes in a precision.

    Args:
        model ([`~transformers.PreTrainedModel`]): The model, which stays as it is.
        precision (`str`): A key of `PRECISIONS`, but not `"auto"`.

    Returns:
        [`~transformers.PreTrainedModel`]: A copy; the model itself, if its weights are in this precision already.
    """
    dtype = PRECISIONS[precision]
    # What checkpoints do not hold, such as the frequencies of rotary positions, stays as precise as it is computed.
    others = {
        id(tensor): _cast(tensor, dtype)
        for tensor in model.state_dict(keep_vars=True).values()
        if isinstance(tensor, torch.Tensor) and tensor.is_floating_point() and tensor.dtype != dtype
    }
    # What is in the memo is not copied as it is first, which would double a large teacher.
    return copy.deepcopy(model, others) if others else model


def _cast(tensor: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    cast = tensor.detach().to(dtype)
    return torch.nn.Parameter(cast, requires_grad=False) if isinstance(tensor, torch.nn.Parameter) else cast
