# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Tests of the command that quantizes in an environment of its own."""

from __future__ import annotations

import json
import shlex
from importlib import metadata
from types import SimpleNamespace
from typing import Any

import pytest

from hf_distill.quantization.elsewhere import refusal


@pytest.mark.parametrize(
    ("origin", "package"),
    [
        (None, "hf-distill[onnx]"),
        ({"url": "file:///home/anna/hf distill"}, "hf-distill[onnx] @ file:///home/anna/hf distill"),
        (
            {"url": "https://example.org/x.git", "vcs_info": {"vcs": "git", "commit_id": "0f"}},
            "hf-distill[onnx] @ git+https://example.org/x.git@0f",
        ),
    ],
)
def test_it_installs_what_is_installed_here(
    origin: dict[str, Any] | None, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = None if origin is None else json.dumps(origin)
    monkeypatch.setattr(metadata, "distribution", lambda name: SimpleNamespace(read_text=lambda file: content))
    line = refusal("onnxruntime", "needs more", "onnx", "my run")
    assert line.startswith("quantization: the backend onnxruntime needs more; a run leaves it out with")
    found = shlex.split(line.partition("of its own: ")[2])
    assert found == ["uvx", "--from", package, "hf-distill", "quantize", "my run", "--backend", "onnxruntime"]
