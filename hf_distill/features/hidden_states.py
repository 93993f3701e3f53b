# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Hidden states of the layers asked for, and of no other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel

from hf_distill.compatibility import last_state_is_the_models
from hf_distill.features.layers import layer_calls


class HiddenStatesCapture:
    """
    Takes hidden states out of a model's forward, so that those of the other layers can be freed at once.

    They are what `output_hidden_states` gives, which keeps all layers to the end of the pass.

    Args:
        model ([`~transformers.PreTrainedModel`]): The model.
        layers (`Iterable[int]`): Layers to take them from; 0 is the embeddings' output.

    Raises:
        InputError: If the layers of the model are not found.
    """

    def __init__(self, model: PreTrainedModel, layers: Iterable[int]):
        calls = layer_calls(model) if (layers := sorted(set(layers))) else []
        self._inputs = {layer: calls[layer] for layer in layers if layer < len(calls)}
        self._last = len(calls) if layers and layers[-1] == len(calls) else None
        self._source = (model.base_model, 0) if last_state_is_the_models(model) else (calls or [(model, 0)])[-1]

    @contextmanager
    def recording(self) -> Iterator[dict[int, torch.Tensor]]:
        """Record one forward pass; what is yielded is filled, by layer, as the pass goes on."""
        found: dict[int, torch.Tensor] = {}
        handles = [
            module.register_forward_pre_hook(_keep(found, layer, call, _input), with_kwargs=True)
            for layer, (module, call) in self._inputs.items()
        ]
        if self._last is not None:
            module, call = self._source
            handles.append(module.register_forward_hook(_keep(found, self._last, call, _output)))
        try:
            yield found
        finally:
            for handle in handles:
                handle.remove()


def _keep(found: dict[int, torch.Tensor], layer: int, call: int, state_of: Callable) -> Callable:
    """Return a hook that keeps, in a module's `call`-th call, what `state_of` makes of the hook's arguments."""
    calls = count()

    def keep(module: nn.Module, *received: Any) -> None:
        if next(calls) == call:
            found[layer] = state_of(*received)

    return keep


def _input(args: tuple, kwargs: dict[str, Any]) -> torch.Tensor:
    """Return what a layer is given: what the layer before it has made."""
    return args[0] if args else kwargs["hidden_states"]


def _output(args: tuple, output: Any) -> torch.Tensor:
    """Return the hidden states that a module returns, alone or first of several."""
    return output if isinstance(output, torch.Tensor) else output[0]
