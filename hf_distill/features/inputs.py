# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Which entries of a batch a model's forward takes."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from hf_distill.features.units import SPAN_LABELS


def has_adapter(model: nn.Module) -> bool:
    """Say whether it is a model of PEFT, which trains an adapter in a model that stays as it is."""
    return hasattr(model, "get_base_model")


def input_names(model: nn.Module) -> list[str] | None:
    """Return the names of the arguments of `model`'s forward, or `None` if it takes anything (`**kwargs` alone)."""
    # An adapter's forward names some arguments of the model that it is in, and hands on all of them.
    model = model.get_base_model() if has_adapter(model) else model
    parameters = inspect.signature(model.forward).parameters.values()
    named = [entry.name for entry in parameters if entry.kind in (entry.POSITIONAL_OR_KEYWORD, entry.KEYWORD_ONLY)]
    return named or None


def without_labels(names: Sequence[str] | None) -> list[str]:
    """Return the names of a forward's arguments but for the labels; none if it takes anything."""
    return [name for name in names or [] if "label" not in name and name not in SPAN_LABELS]


def select_inputs(batch: Mapping[str, Any], names: list[str] | None) -> dict[str, Any]:
    """Return the entries of `batch` that a forward with these argument names takes."""
    return {key: value for key, value in batch.items() if names is None or key in names}


def cast_inputs(inputs: Mapping[str, Any], dtype: torch.dtype) -> dict[str, Any]:
    """Bring inputs that are no ids, such as images, to the precision of the weights that they are multiplied with."""
    return {
        name: value.to(dtype) if isinstance(value, torch.Tensor) and value.is_floating_point() else value
        for name, value in inputs.items()
    }
