# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Hidden states of the layers asked for, and of no other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
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
            module.register_forward_pre_hook(_keep_input(found, layer, call), with_kwargs=True)
            for layer, (module, call) in self._inputs.items()
        ]
        if self._last is not None:
            module, call = self._source
            handles.append(module.register_forward_hook(_keep_output(found, self._last, call)))
        try:
            yield found
        finally:
            for handle in handles:
                handle.remove()


def _keep_input(found: dict[int, torch.Tensor], layer: int, call: int) -> Callable:
    """Return a hook that keeps what a layer is given in its `call`-th call: what the layer before it has made."""
    calls = 0

    def keep(module: nn.Module, args: tuple, kwargs: dict[str, Any]) -> None:
        nonlocal calls
        if calls == call:
            found[layer] = args[0] if args else kwargs["hidden_states"]
        calls += 1

    return keep


def _keep_output(found: dict[int, torch.Tensor], layer: int, call: int) -> Callable:
    """Return a hook that keeps what a module returns in its `call`-th call."""
    calls = 0

    def keep(module: nn.Module, args: tuple, output: Any) -> None:
        nonlocal calls
        if calls == call:
            found[layer] = output if isinstance(output, torch.Tensor) else output[0]
        calls += 1

    return keep
