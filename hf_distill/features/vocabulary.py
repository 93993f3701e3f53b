# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""The layer that makes the logits of a vocabulary, which are too many to be made of every token."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from transformers import PreTrainedModel
from transformers.models.auto.modeling_auto import MODEL_FOR_MASKED_LM_MAPPING_NAMES

ARCHITECTURES = frozenset(
    {"albert", "bert", "camembert", "deberta", "deberta-v2", "distilbert", "electra", "modernbert", "mpnet", "roberta",
     "xlm-roberta"}
)  # fmt: skip
"""Those whose masked-LM heads end with the layer: what it returns are the logits, and nothing is done to them."""


class OutputLayer:
    """
    The last layer of a masked-LM head.

    Args:
        layer (`torch.nn.Linear`): The layer, `(vocabulary, width)`.
    """

    def __init__(self, layer: nn.Linear):
        self._layer = layer

    @classmethod
    def of(cls, model: nn.Module) -> OutputLayer | None:
        """Return that of a model, or `None` if it has no such head or the head does more than this layer."""
        if not isinstance(model, PreTrainedModel) or not _is_known(model):
            return None
        layer = model.get_output_embeddings()
        # The layer may have been replaced, as adapters and quantization do.
        whole = type(layer) is nn.Linear and layer.out_features == model.config.vocab_size
        return cls(layer) if whole else None

    @property
    def size(self) -> int:
        """How many logits a token has."""
        return self._layer.out_features

    def logits(self, vectors: torch.Tensor) -> torch.Tensor:
        """Return the logits `(..., vocabulary)` of vectors `(..., width)`."""
        return F.linear(vectors, self._layer.weight, self._layer.bias)

    @contextmanager
    def replaced(self, make: Callable[[torch.Tensor], torch.Tensor]) -> Iterator[None]:
        """
        Let what `make` makes of the vectors `(batch, tokens, width)` leave the model in place of its logits.

        It is called within the model's forward, where wrappers such as DDP expect all that is learned to be used.
        """
        given: list[torch.Tensor] = []

        def keep(layer: nn.Module, args: tuple) -> tuple:
            given.append(args[0])
            return (args[0][:, :0],)

        def put(layer: nn.Module, args: tuple, nothing: torch.Tensor) -> torch.Tensor:
            return make(given.pop())

        handles: list[Any] = [self._layer.register_forward_pre_hook(keep), self._layer.register_forward_hook(put)]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()


def _is_known(model: PreTrainedModel) -> bool:
    config = model.config
    if config.model_type not in ARCHITECTURES or not type(model).__module__.startswith("transformers.models."):
        return False
    if type(model).__name__ != MODEL_FOR_MASKED_LM_MAPPING_NAMES[config.model_type]:
        return False
    # ModernBERT may compile its head, or leave the padding out of what its head is given.
    compiled = getattr(config, "reference_compile", False) is not False
    return not compiled and not (config.model_type == "modernbert" and "flash" in str(config._attn_implementation))
