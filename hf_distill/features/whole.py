# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Parameters that lie in pieces on several processes, and are put together where they are needed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict, set_model_state_dict


def whole(tensor: torch.Tensor) -> torch.Tensor:
    """Return all of a parameter of which this process may have a piece; all processes must call this."""
    with _together([tensor]) as of_deepspeed:
        if of_deepspeed:
            return tensor.detach().clone()
    return (tensor.full_tensor() if hasattr(tensor, "full_tensor") else tensor).detach()


def whole_state(module: nn.Module) -> dict[str, torch.Tensor]:
    """
    Return the state of a module, every tensor whole; all processes must call this.

    Args:
        module (`torch.nn.Module`): The module, or a part of one, sharded by FSDP (version 2) or ZeRO-3, or not.
    """
    with _together(list(module.parameters())) as of_deepspeed:
        if of_deepspeed:
            return {name: value.detach().clone() for name, value in module.state_dict().items()}
    return get_model_state_dict(module, options=StateDictOptions(full_state_dict=True))


@contextmanager
def _together(parameters: Sequence[torch.Tensor]) -> Iterator[bool]:
    """Put parameters together that ZeRO-3 keeps in pieces; what is yielded says whether there are any."""
    if not any(hasattr(parameter, "ds_id") for parameter in parameters):
        yield False
        return
    import deepspeed

    with deepspeed.zero.GatheredParameters(parameters):
        yield True


def load_whole_state(module: nn.Module, state: Mapping[str, torch.Tensor]) -> None:
    """
    Load what `whole_state` returned; all processes must call this with the same.

    Args:
        module (`torch.nn.Module`): The module, or a part of one, sharded by FSDP (version 2) or not.
        state (`Mapping[str, torch.Tensor]`): Whole tensors, of the names and shapes of the module's own.
    """
    set_model_state_dict(module, dict(state), options=StateDictOptions(full_state_dict=True))


def from_the_end(loss: torch.Tensor, outputs: Mapping[str, Any]) -> torch.Tensor:
    """
    Return a loss whose gradient comes back from the model's end, where it adds nothing.

    FSDP puts a layer together again when the gradient of what the layer returned arrives. Queries, keys and values are
    inside of a layer: a loss of them alone would find the layer in pieces.

    Args:
        loss (`torch.Tensor`): The loss.
        outputs (`Mapping[str, Any]`): What the model returned.
    """
    ends = [value for value in outputs.values() if isinstance(value, torch.Tensor) and value.requires_grad]
    return loss + 0.0 * ends[0].float().sum() if ends else loss
