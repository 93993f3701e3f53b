# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Where the transformer layers of a model are."""

from __future__ import annotations

import logging
import re

from torch import nn
from transformers import PretrainedConfig, PreTrainedModel

from hf_distill.errors import InputError

logger = logging.getLogger(__name__)


def depth_of(config: PretrainedConfig, place: str) -> int:
    """
    Return how many transformer layers a model has.

    Args:
        config ([`~transformers.PretrainedConfig`]): Its configuration.
        place (`str`): What asks, for the message.

    Raises:
        InputError: If it is no stack of layers of one width, as ResNet is not.
    """
    depth = getattr(config, "num_hidden_layers", None)
    if not isinstance(depth, int) or not isinstance(getattr(config, "hidden_size", None), int):
        raise InputError(
            f"{place}: {config.model_type} is no stack of transformer layers of one width; objectives on logits work "
            "with it, and students of it with all of its layers"
        )
    return depth


def keep_all_layers(config: PretrainedConfig) -> None:
    """
    Turn off LayerDrop, by which models of sound leave out layers at random in training.

    Args:
        config ([`~transformers.PretrainedConfig`]): Configuration of a student whose layers learn from the teacher's;
            a line in the log says what is changed.
    """
    if getattr(config, "layerdrop", 0):
        logger.warning(
            "layerdrop is 0 and not %s: it leaves out layers at random, and here layers learn from the teacher's",
            config.layerdrop,
        )
        config.layerdrop = 0.0


def layer_prefix(model: PreTrainedModel) -> str | None:
    """Return the name of the list that holds the transformer layers; `None` if they are not one list (ALBERT)."""
    depth = model.config.num_hidden_layers
    found = [
        name
        for name, module in model.named_modules()
        if isinstance(module, nn.ModuleList) and len(module) == depth and not re.search(r"\.\d+\.", f".{name}.")
    ]
    # Of several the last: convolutions that make a sound's frames, which may be as many, come before.
    return found[-1] if found else None


def layer_calls(model: PreTrainedModel) -> list[tuple[nn.Module, int]]:
    """
    Return the module of every transformer layer, and which of its calls in a forward pass is that layer.

    Args:
        model ([`~transformers.PreTrainedModel`]): The model.

    Returns:
        `list[tuple[nn.Module, int]]`: For layer 1, 2 ...; the call, from 0, is above 0 only where layers share their
        weights (ALBERT).

    Raises:
        InputError: If the layers are not found.
    """
    prefix = layer_prefix(model)
    if prefix is not None:
        return [(layer, 0) for layer in model.get_submodule(prefix)]
    groups = getattr(model.config, "num_hidden_groups", None)
    lists = [module for module in model.modules() if isinstance(module, nn.ModuleList) and len(module) == groups]
    if not lists:
        raise InputError(
            f"model: {type(model).__name__} does not keep its {model.config.num_hidden_layers} layers in one list, so "
            "they are not found; objectives on logits work with it"
        )
    depth = model.config.num_hidden_layers
    order = [int(layer / (depth / groups)) for layer in range(depth)]
    return [(lists[0][group], order[:layer].count(group)) for layer, group in enumerate(order)]
