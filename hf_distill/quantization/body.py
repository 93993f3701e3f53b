# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""What is quantized of a model: the matrix products of its body, not its head."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import torch
from torch import nn
from transformers import AutoModel, PretrainedConfig, PreTrainedModel


def products_of_body(model: PreTrainedModel) -> dict[str, nn.Linear]:
    """Return the layers of a model's body that multiply with what was learnt, by name."""
    # A model without a head is all body.
    body = f"{model.base_model_prefix}." if model.base_model is not model else ""
    return {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) and name.startswith(body)
    }


NO_PRODUCTS = "there are no matrix products in the body of {}, and convolutions stay in floats; leave quantization out"
"""What is said of an architecture that has nothing to quantize."""


def multiplies(config: PretrainedConfig) -> bool:
    """Say whether there are matrix products in the body of models of a configuration, as there are none in ResNet."""
    with torch.device("meta"):
        body = AutoModel.from_config(config)
    return any(isinstance(module, nn.Linear) for module in body.modules())


def outside_body(parts: Mapping[str, str]) -> list[str]:
    """
    Return the names of the head's operators: those that are not in the part of the model that has most of them.

    Args:
        parts (`Mapping[str, str]`): The part of the model, such as `bert` or `classifier`, of each operator.
    """
    body = max(Counter(parts.values()).items(), key=lambda item: item[1], default=(None, 0))[0]
    return [name for name, part in parts.items() if part != body]
