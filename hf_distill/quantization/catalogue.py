# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""The catalogue of quantization backends."""

from __future__ import annotations

from hf_distill.errors import InputError, nearest_name
from hf_distill.quantization.base import QuantizationBackend
from hf_distill.quantization.onnxruntime import ONNXRuntimeBackend

_CATALOGUE: dict[str, type[QuantizationBackend]] = {backend.name: backend for backend in (ONNXRuntimeBackend,)}


def list_backends() -> list[type[QuantizationBackend]]:
    """Return every backend there is."""
    return list(_CATALOGUE.values())


def find_backend(name: str) -> QuantizationBackend:
    """
    Return the backend of that name.

    Raises:
        InputError: If there is none.
    """
    if name not in _CATALOGUE:
        raise InputError(f"quantization.backend: there is no backend {name!r}{nearest_name(name, _CATALOGUE)}")
    return _CATALOGUE[name]()
