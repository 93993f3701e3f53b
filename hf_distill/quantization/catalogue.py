# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""The catalogue of quantization backends."""

from __future__ import annotations

from hf_distill.catalogue import Catalogue
from hf_distill.quantization.base import QuantizationBackend
from hf_distill.quantization.onnxruntime import ONNXRuntimeBackend
from hf_distill.quantization.openvino import OpenVINOBackend
from hf_distill.quantization.quanto import QuantoBackend

_CATALOGUE: Catalogue[type[QuantizationBackend]] = Catalogue(
    "backend", ONNXRuntimeBackend, OpenVINOBackend, QuantoBackend
)


def list_backends() -> list[type[QuantizationBackend]]:
    """Return every backend there is."""
    return list(_CATALOGUE.values())


def find_backend(name: str) -> QuantizationBackend:
    """
    Return the backend of that name.

    Raises:
        InputError: If there is none.
    """
    return _CATALOGUE.find(name, "quantization.backend")()
