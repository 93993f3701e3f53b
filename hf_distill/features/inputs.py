# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Which entries of a batch a model's forward takes."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from torch import nn


def input_names(model: nn.Module) -> list[str] | None:
    """Return the names of the arguments of `model`'s forward, or `None` if it takes anything (`**kwargs` alone)."""
    parameters = inspect.signature(model.forward).parameters.values()
    named = [entry.name for entry in parameters if entry.kind in (entry.POSITIONAL_OR_KEYWORD, entry.KEYWORD_ONLY)]
    return named or None


def select_inputs(batch: Mapping[str, Any], names: list[str] | None) -> dict[str, Any]:
    """Return the entries of `batch` that a forward with these argument names takes."""
    return {key: value for key, value in batch.items() if names is None or key in names}
