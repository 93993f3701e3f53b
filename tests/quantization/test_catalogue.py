# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Tests of the catalogue of quantization backends."""

from __future__ import annotations

import pytest

from hf_distill.errors import InputError
from hf_distill.quantization import find_backend, list_backends


def test_every_backend_is_found_by_its_name() -> None:
    assert [type(find_backend(backend.name)) for backend in list_backends()] == list_backends()


def test_unknown_backend_names_the_nearest() -> None:
    with pytest.raises(InputError, match="no backend 'onnx-runtime'; did you mean 'onnxruntime'"):
        find_backend("onnx-runtime")
