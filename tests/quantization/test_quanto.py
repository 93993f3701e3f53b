# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Tests of 8 and 4 bits with quanto."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import BertTokenizerFast

from hf_distill.errors import InputError
from hf_distill.evaluation.predict import forward_function
from hf_distill.quantization import QuantizationOptions
from hf_distill.quantization.quanto import QuantoBackend
from small_models import ARCHITECTURES, TASK, batch, make_model, make_rows, original_logits, quantized_logits

needs_quanto = pytest.mark.skipif(importlib.util.find_spec("optimum.quanto") is None, reason="needs optimum-quanto")


def quantize(checkpoint: Path, folder: Path, **options: Any) -> Path:
    folder.mkdir()
    rows = make_rows(40) if options.get("mode") == "static" else None
    QuantoBackend().quantize(checkpoint, folder, TASK, QuantizationOptions(**options), rows)
    return folder


def test_missing_library_is_said_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"install hf-distill\[quanto\]"):
        QuantoBackend().check()


@needs_quanto
@pytest.mark.parametrize(
    ("options", "most"),
    [
        ({}, 0.1),
        ({"weights": "int4"}, 0.5),
        ({"weights": "fp8"}, 0.2),
        ({"mode": "static"}, 0.2),
        ({"mode": "static", "weights": "fp8"}, 0.3),
    ],
)
def test_it_says_nearly_the_same(options: dict[str, Any], most: float, checkpoint: Path, tmp_path: Path) -> None:
    found, original = (
        quantized_logits("quanto", quantize(checkpoint, tmp_path / "model", **options)),
        original_logits(checkpoint),
    )
    assert 0 < (found - original).abs().mean() < most * original.std()


@needs_quanto
def test_weights_of_the_body_are_in_int8_and_the_head_is_not(checkpoint: Path, tmp_path: Path) -> None:
    weights = load_file(quantize(checkpoint, tmp_path / "model") / "model.safetensors")
    in_int8 = {name for name, weight in weights.items() if weight.dtype == torch.int8}
    # Six products in each of two layers, and the pooler.
    assert len(in_int8) == 2 * 6 + 1
    assert all(name.startswith("bert.") and name.endswith("weight._data") for name in in_int8)
    assert weights["classifier.weight"].dtype == torch.float32


@needs_quanto
def test_operators_that_are_kept_stay_as_they_are(checkpoint: Path, tmp_path: Path) -> None:
    model = QuantoBackend().prepare(checkpoint, tmp_path, TASK, QuantizationOptions())
    original = original_logits(checkpoint)
    errors = []
    for kept in (0, 5, len(model.operators)):
        folder = tmp_path / str(kept)
        folder.mkdir()
        model.write(folder, model.operators[:kept])
        assert len(json.loads((folder / "quanto_qmap.json").read_text())) == len(model.operators) - kept
        errors.append((quantized_logits("quanto", folder) - original).abs().mean().item())
    assert errors[0] > 0 and errors[1] > 0 and errors[2] == 0


@needs_quanto
def test_the_model_that_is_quantized_is_left_as_it_is(checkpoint: Path, tmp_path: Path) -> None:
    model = QuantoBackend().prepare(checkpoint, tmp_path, TASK, QuantizationOptions())
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        model.write(tmp_path / name)
    assert torch.equal(quantized_logits("quanto", tmp_path / "first"), quantized_logits("quanto", tmp_path / "second"))


@needs_quanto
@pytest.mark.parametrize("mode", ["weights", "static"])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_architecture_is_quantized(mode: str, architecture: str, checkpoint: Path, tmp_path: Path) -> None:
    model = make_model(architecture)
    model.save_pretrained(tmp_path / "checkpoint")
    BertTokenizerFast.from_pretrained(checkpoint).save_pretrained(tmp_path / "checkpoint")
    found = quantized_logits("quanto", quantize(tmp_path / "checkpoint", tmp_path / "model", mode=mode))
    original = forward_function(model, TASK)(batch())
    assert 0 < (found - original).abs().mean() < 0.5 * original.std()


@needs_quanto
def test_ranges_need_rows(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there are none; choose another mode"):
        QuantoBackend().quantize(
            checkpoint, tmp_path, TASK, QuantizationOptions(mode="static"), make_rows(3).select([])
        )
    assert not any(tmp_path.iterdir())


@needs_quanto
def test_code_of_the_card_loads_and_runs_it(checkpoint: Path, tmp_path: Path) -> None:
    folder = quantize(checkpoint, tmp_path / "model", weights="int4")
    found: dict[str, Any] = {}
    exec(QuantoBackend().loading_code(str(folder), TASK), found)
    inputs = found["tokenizer"]("a b c", return_tensors="pt")
    with torch.no_grad():
        scores = found["model"](**inputs).logits.softmax(-1)[0]
    assert found["predict"]("a b c")[0]["score"] == pytest.approx(scores.max().item())


@needs_quanto
def test_weights_that_go_by_other_names_are_not_left_as_the_memory_was(checkpoint: Path, tmp_path: Path) -> None:
    folder = quantize(checkpoint, tmp_path / "model")
    file = folder / "model.safetensors"
    save_file({name.replace("encoder", "stack"): weight for name, weight in load_file(file).items()}, file)
    with pytest.raises(InputError, match=r"model\.safetensors: BertForSequenceClassification of .* has no bert\."):
        QuantoBackend().load(folder, TASK)
