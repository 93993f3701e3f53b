# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""A teacher whose layers are compiled."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import nn

from hf_distill.errors import InputError
from hf_distill.features.attention import AttentionCapture
from hf_distill.features.layers import layer_calls


class CompiledLayers:
    """
    The transformer layers of a model, each compiled on its own; outside of `in_use` the model is as it was.

    Layers of the same kind share what is compiled for the first of them, and hidden states are taken from between
    layers, where nothing is compiled. What is taken from within a layer would be lost: PyTorch does not look whether
    a compiled module has other hooks than before.

    Args:
        model (`torch.nn.Module`): The model; as a whole if its layers are not found.
        backend (`str` or `Callable`): What compiles them, as `torch.compile` takes it.
    """

    def __init__(self, model: nn.Module, backend: str | Callable):
        try:
            layers: list[nn.Module] = [layer for layer, _ in layer_calls(model)]
        except InputError:
            layers = [model]
        self._forwards: dict[nn.Module, Callable] = {
            layer: torch.compile(layer.forward, backend=backend) for layer in dict.fromkeys(layers)
        }

    @contextmanager
    def in_use(self, attention: AttentionCapture) -> Iterator[None]:
        """
        Let the model compute with the compiled layers.

        Args:
            attention ([`AttentionCapture`]): What is taken from within layers; these layers stay as they are.
        """
        taken = attention.modules
        before = [
            (layer, layer.__dict__.get("forward")) for layer in self._forwards if taken.isdisjoint(layer.modules())
        ]
        for layer, _ in before:
            layer.forward = self._forwards[layer]
        try:
            yield
        finally:
            for layer, own in before:
                del layer.forward
                if own is not None:
                    layer.forward = own
