# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Tests of quantizing a checkpoint that comes from elsewhere."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer, BertConfig, BertForNextSentencePrediction

from hf_distill.quantization import find_backend

needs_quanto = pytest.mark.skipif(importlib.util.find_spec("optimum.quanto") is None, reason="needs optimum-quanto")


@pytest.fixture
def checkpoint(setup: Any) -> Path:
    return Path(setup.content()["teacher"]["model"])


@needs_quanto
def test_a_checkpoint_is_quantized_beside_where_one_works(
    checkpoint: Path, command: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = command("quantize", checkpoint, "weights=fp8", "--backend", "quanto")
    assert result.status == 0, result.err
    name = f"{checkpoint.name}-fp8-quanto"
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert result.out.startswith(f"{name}: fp8 with quanto, ")
    assert f'name = "{name}"' in result.out
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= {
        path.name for path in (tmp_path / name).iterdir()
    }


@needs_quanto
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["mode=static"], "mode static measures the ranges of activations on training rows, and there are none"),
        (["mode=dynamic"], "quantization.mode: quanto has weights, static; got 'dynamic'"),
        (["max_drop=0.1"], "max_drop: needs data to measure it on"),
        (["mood=static"], "mood: unknown key; did you mean 'mode'?"),
        (["--output-dir", "."], "--output-dir .: is there already; choose another, or remove it"),
        (["--output-dir", "/dev/null/model"], "--output-dir /dev/null/model: cannot be written: Not a directory"),
    ],
)
def test_what_cannot_work_is_said_in_a_line(
    arguments: list[str],
    message: str,
    checkpoint: Path,
    command: Callable,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    result = command("quantize", checkpoint, "--backend", "quanto", *arguments)
    assert result.status == 2
    assert message in result.err
    assert len(result.err.splitlines()) == 1
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "message"),
    [("there/is/none", "MODEL: 'there/is/none' cannot be loaded"), ("./none", "MODEL: no such folder: ./none")],
)
@needs_quanto
def test_no_such_checkpoint(name: str, message: str, command: Callable) -> None:
    result = command("quantize", name, "--backend", "quanto")
    assert result.status == 2
    assert message in result.err
    assert len(result.err.splitlines()) == 1


@needs_quanto
def test_a_checkpoint_without_a_known_head(checkpoint: Path, command: Callable, tmp_path: Path) -> None:
    config = BertConfig(vocab_size=9, hidden_size=4, num_attention_heads=1, num_hidden_layers=1)
    BertForNextSentencePrediction(config).save_pretrained(tmp_path / "other")
    AutoTokenizer.from_pretrained(checkpoint).save_pretrained(tmp_path / "other")
    result = command("quantize", tmp_path / "other", "--backend", "quanto")
    assert result.status == 2
    assert (
        "was saved as BertForNextSentencePrediction, which has no head of a known task (text-classification"
        in result.err
    )


@needs_quanto
def test_a_checkpoint_without_weights(checkpoint: Path, command: Callable, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(checkpoint, tmp_path / "empty"))
    (folder / "model.safetensors").unlink()
    result = command("quantize", folder, "--backend", "quanto", "--output-dir", tmp_path / "new")
    assert result.status == 2
    assert f"MODEL: '{folder}' cannot be loaded: Error no file named" in result.err
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]


def test_where_the_backend_cannot_work_the_command_that_can_is_told(
    checkpoint: Path, command: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transformers.__version__", "5.23.0")
    result = command("quantize", checkpoint)
    assert result.status == 2
    assert result.err.rstrip().endswith(
        f"hf-distill quantize {checkpoint} --backend {find_backend('onnxruntime').name}"
    )
