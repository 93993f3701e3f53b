# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Quantization after training: a backend per file, all through Optimum."""

from __future__ import annotations

from hf_distill.quantization.base import QuantizableModel, QuantizationBackend, QuantizationOptions
from hf_distill.quantization.catalogue import find_backend, list_backends

__all__ = ["QuantizableModel", "QuantizationBackend", "QuantizationOptions", "find_backend", "list_backends"]
