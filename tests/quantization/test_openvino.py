# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Tests of int8 and int4 with OpenVINO."""

from __future__ import annotations

import importlib.util
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoConfig, BertTokenizerFast

from hf_distill.errors import InputError
from hf_distill.evaluation.predict import forward_function
from hf_distill.quantization import QuantizationOptions
from hf_distill.quantization.openvino import OpenVINOBackend
from small_models import ARCHITECTURES, TASK, batch, make_model, make_rows, original_logits, quantized_logits
from tiny import works

needs_openvino = pytest.mark.skipif(not works("openvino"), reason="needs optimum-intel, in an environment of its own")


def quantize(checkpoint: Path, folder: Path, **options: Any) -> Path:
    folder.mkdir()
    OpenVINOBackend().quantize(checkpoint, folder, TASK, QuantizationOptions(**options), make_rows(40))
    return folder


def test_missing_library_is_said_with_a_command_that_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="needs optimum-intel, which is not installed.*uvx --from") as caught:
        OpenVINOBackend().check("runs/mine")
    assert str(caught.value).endswith("hf-distill quantize runs/mine --backend openvino")


def test_4_bits_are_for_weights_alone() -> None:
    OpenVINOBackend().check_options(QuantizationOptions(weights="int4"))
    with pytest.raises(InputError, match="^weights: openvino has int8 in mode static; int4 is for mode weights"):
        OpenVINOBackend().check_options(QuantizationOptions(mode="static", weights="int4"))


@needs_openvino
@pytest.mark.parametrize(("options", "most"), [({"mode": "static"}, 0.3), ({}, 0.1), ({"weights": "int4"}, 0.5)])
def test_it_says_nearly_the_same(options: dict[str, Any], most: float, checkpoint: Path, tmp_path: Path) -> None:
    found, original = (
        quantized_logits("openvino", quantize(checkpoint, tmp_path / "model", **options)),
        original_logits(checkpoint),
    )
    assert 0 < (found - original).abs().mean() < most * original.std()


@needs_openvino
@pytest.mark.parametrize("mode", ["static", "weights"])
def test_operators_that_are_kept_stay_in_floats(mode: str, checkpoint: Path, tmp_path: Path) -> None:
    from openvino import Core

    (tmp_path / "source").mkdir()
    model = OpenVINOBackend().prepare(
        checkpoint, tmp_path / "source", TASK, QuantizationOptions(mode=mode), make_rows(8)
    )
    # Six products in each of two layers, and the pooler.
    assert len(model.operators) == 2 * 6 + 1
    found = {}
    for kept in (0, 5):
        folder = tmp_path / str(kept)
        folder.mkdir()
        model.write(folder, model.operators[:kept])
        graph = Core().read_model(folder / "openvino_model.xml")
        matrices = [node for node in graph.get_ops() if node.get_type_name() == "Constant" and 1 not in node.shape]
        kinds = Counter(str(node.get_element_type().get_type_name()) for node in matrices if 32 in node.shape)
        found[kept] = sum(number for kind, number in kinds.items() if kind in ("i8", "u8"))
    assert found[0] - found[5] == 5


@needs_openvino
@pytest.mark.parametrize("mode", ["static", "weights"])
@pytest.mark.parametrize("architecture", [name for name in ARCHITECTURES if name != "modernbert"])
def test_every_architecture_is_quantized(mode: str, architecture: str, checkpoint: Path, tmp_path: Path) -> None:
    model = make_model(architecture)
    OpenVINOBackend().check_model(model.config, QuantizationOptions(mode=mode))
    model.save_pretrained(tmp_path / "checkpoint")
    BertTokenizerFast.from_pretrained(checkpoint).save_pretrained(tmp_path / "checkpoint")
    found = quantized_logits("openvino", quantize(tmp_path / "checkpoint", tmp_path / "model", mode=mode))
    original = forward_function(model, TASK)(batch())
    assert 0 < (found - original).abs().mean() < 0.5 * original.std()


@needs_openvino
def test_an_architecture_that_is_not_exported_is_refused_by_name() -> None:
    with pytest.raises(InputError, match="Optimum exports no models of the architecture modernbert"):
        OpenVINOBackend().check_model(AutoConfig.for_model("modernbert"), QuantizationOptions())


@needs_openvino
def test_code_of_the_card_loads_and_runs_it(checkpoint: Path, tmp_path: Path) -> None:
    found: dict[str, Any] = {}
    exec(OpenVINOBackend().loading_code(str(quantize(checkpoint, tmp_path / "model")), TASK), found)
    assert 0 < found["predict"]("a b c")[0]["score"] <= 1
