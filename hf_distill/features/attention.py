# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Queries, keys and values, taken from a layer's own projections, whichever kernel computes its attention."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import nn
from transformers import PretrainedConfig, PreTrainedModel

from hf_distill.errors import InputError
from hf_distill.features.layers import layer_calls

SEPARATE = (
    ("query", "key", "value"),
    ("q_lin", "k_lin", "v_lin"),
    ("query_proj", "key_proj", "value_proj"),
    ("q_proj", "k_proj", "v_proj"),
    ("q", "k", "v"),
)
"""What architectures call the three projections of their attention."""
PARTS = ("query", "key", "value")
"""What is taken of a layer's attention."""
FUSED = "Wqkv"
"""What ModernBERT calls its one projection, whose output is queries, keys and values side by side."""

PRODUCTS_ALONE = frozenset({
    "albert", "audio-spectrogram-transformer", "bert", "camembert", "deit", "distilbert", "electra", "ernie",
    "mobilebert", "roberta", "vit", "xlm-roberta",
})  # fmt: skip
"""Architectures whose attention is a softmax of products of queries and keys, with no term for positions."""


@dataclass
class AttentionStates:
    """
    Queries, keys and values of a layer.

    Args:
        query (`torch.Tensor`): `(batch, tokens, width)`, the attention heads side by side.
        key (`torch.Tensor`): Likewise.
        value (`torch.Tensor`): Likewise.
        heads (`int`): Number of attention heads.
    """

    query: torch.Tensor
    key: torch.Tensor
    value: torch.Tensor
    heads: int


def attention_width(config: PretrainedConfig) -> int:
    """Return the width of the queries, keys and values: MobileBERT's are narrower than its hidden states."""
    return getattr(config, "true_hidden_size", None) or config.hidden_size


def is_products_alone(config: PretrainedConfig) -> bool:
    """Say whether the attention is made of queries and keys and nothing else, such as relative positions."""
    positions = getattr(config, "position_embedding_type", None) or "absolute"
    return config.model_type in PRODUCTS_ALONE and positions == "absolute"


class AttentionCapture:
    """
    Takes queries, keys and values out of a model's forward.

    They are what the layer's projections return, before rotary positions are applied. The model computes its attention
    as it always does, by whichever kernel: attention maps are never asked for.

    Args:
        model ([`~transformers.PreTrainedModel`]): The model.
        layers (`Iterable[int]`): Layers to take them from, counted from 1.

    Raises:
        InputError: If the projections of a layer are not found.
    """

    def __init__(self, model: PreTrainedModel, layers: Iterable[int]):
        calls = layer_calls(model) if (layers := sorted(set(layers))) else []
        self.heads = model.config.num_attention_heads if layers else 0
        self._places = {layer: (_projections(calls[layer - 1][0], model), calls[layer - 1][1]) for layer in layers}

    @property
    def modules(self) -> set[nn.Module]:
        """The projections whose outputs are taken."""
        return {module for modules, _ in self._places.values() for module in modules}

    @contextmanager
    def recording(self) -> Iterator[dict[int, AttentionStates]]:
        """Record one forward pass; what is yielded is filled, by layer, as the pass goes on."""
        found = _Recorded()
        handles = []
        for layer, (modules, call) in self._places.items():
            recorder = _Recorder(found, layer, call, len(modules), self.heads)
            handles += [module.register_forward_hook(recorder.hook(place)) for place, module in enumerate(modules)]
        try:
            yield found
        finally:
            for handle in handles:
                handle.remove()


class _Recorded(dict[int, AttentionStates]):
    """What was recorded; a layer that is not there is an error, and never nothing to learn."""

    def __missing__(self, layer: int) -> AttentionStates:
        raise InputError(
            f"model: the queries, keys and values of layer {layer} did not come from its projections in this forward "
            "pass; objectives on attention do not work with it"
        )


class _Recorder:
    """Collects the outputs of one layer's projections, in the call that is that layer."""

    def __init__(self, found: dict[int, AttentionStates], layer: int, call: int, number: int, heads: int):
        self._found, self._layer, self._call, self._heads = found, layer, call, heads
        self._calls, self._outputs = [0] * number, [None] * number

    def hook(self, place: int) -> object:
        """Return the forward hook of the projection at `place`."""

        def keep(module: nn.Module, args: tuple, output: torch.Tensor) -> None:
            # DeBERTa sends its relative positions through the same projections afterwards.
            if self._calls[place] == self._call:
                self._outputs[place] = output
                if all(entry is not None for entry in self._outputs):
                    parts = self._outputs if len(self._outputs) == 3 else output.chunk(3, dim=-1)
                    self._found[self._layer] = AttentionStates(*parts, heads=self._heads)
            self._calls[place] += 1

        return keep


def _projections(layer: nn.Module, model: PreTrainedModel) -> list[nn.Module]:
    """Return the modules whose output is queries, keys and values: three, or one that computes all."""
    # Of a layer that has several (ALBERT's inner layers), the last.
    by_name = {name.rpartition(".")[2]: module for name, module in layer.named_modules()}
    if FUSED in by_name:
        return [by_name[FUSED]]
    for names in SEPARATE:
        if all(name in by_name for name in names):
            return [by_name[name] for name in names]
    raise InputError(
        f"model: the projections to queries, keys and values are not found in the layers of {type(model).__name__}; "
        "objectives on attention do not work with it"
    )
