# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Tests of dynamic int8 with ONNX Runtime."""

from __future__ import annotations

import importlib.util
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from transformers import (
    AutoConfig,
    BertTokenizerFast,
)

from hf_distill.errors import InputError
from hf_distill.evaluation.predict import forward_function
from hf_distill.quantization import QuantizationOptions, onnxruntime
from hf_distill.quantization.graph import nodes_of_head, optimize
from hf_distill.quantization.onnxruntime import ONNXRuntimeBackend
from small_models import ARCHITECTURES, TASK, batch, make_model, make_rows, original_logits, quantized_logits
from tiny import works

needs_optimum = pytest.mark.skipif(not works("onnxruntime"), reason="needs optimum-onnx")


@pytest.fixture(scope="module")
def quantized(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("quantized") / "onnxruntime"
    folder.mkdir()
    ONNXRuntimeBackend().quantize(checkpoint, folder, TASK, QuantizationOptions())
    return folder


def test_missing_library_is_said_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError) as caught:
        ONNXRuntimeBackend().check()
    assert "\n" not in str(caught.value)
    assert "uvx --from 'hf-distill[onnx]" in str(caught.value)
    assert "--set quantization=[]" in str(caught.value)


def test_wrong_transformers_is_said_with_the_right_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr(transformers, "__version__", "5.23.0")
    with pytest.raises(InputError, match="needs transformers 4.57.*; this is 5.23.0"):
        ONNXRuntimeBackend().check()


@pytest.mark.parametrize(
    ("machine", "flags", "presets"),
    [
        ("aarch64", "", ["arm64"]),
        ("x86_64", "flags: avx2 avx512f avx512_vnni", ["avx2", "avx512", "avx512_vnni"]),
        ("x86_64", "flags: avx2 avx512f", ["avx2", "avx512"]),
        ("x86_64", "flags: avx2", ["avx2"]),
    ],
)
def test_presets_of_the_processor(
    monkeypatch: pytest.MonkeyPatch, machine: str, flags: str, presets: list[str]
) -> None:
    monkeypatch.setattr(onnxruntime.platform, "machine", lambda: machine)
    monkeypatch.setattr(Path, "is_file", lambda self: True)
    monkeypatch.setattr(Path, "read_text", lambda self, *arguments, **options: flags)
    assert onnxruntime._these_processors() == presets
    ONNXRuntimeBackend().check_options(QuantizationOptions(instructions=presets[0]))
    other = "avx2" if machine == "aarch64" else "arm64"
    with pytest.raises(InputError, match=f"^instructions: this processor has {presets[0]}.*; got '{other}'"):
        ONNXRuntimeBackend().check_options(QuantizationOptions(instructions=other))


def test_code_of_the_card_names_model_and_file() -> None:
    code = ONNXRuntimeBackend().loading_code("anna/tiny", TASK)
    assert 'ORTModelForSequenceClassification.from_pretrained("anna/tiny", file_name="model_quantized.onnx")' in code
    compile(code, "card", "exec")


@needs_optimum
def test_folder_holds_all_that_loading_needs(quantized: Path) -> None:
    names = {path.name for path in quantized.iterdir()}
    assert {"model_quantized.onnx", "config.json", "tokenizer.json", "tokenizer_config.json"} <= names
    assert "model.onnx" not in names


@needs_optimum
def test_nothing_is_left_beside_the_folder(quantized: Path) -> None:
    assert [path.name for path in quantized.parent.iterdir()] == ["onnxruntime"]


@needs_optimum
def test_weights_are_in_int8(quantized: Path) -> None:
    import onnx

    graph = onnx.load(quantized / "model_quantized.onnx").graph
    assert {onnx.TensorProto.INT8, onnx.TensorProto.UINT8} & {tensor.data_type for tensor in graph.initializer}


@needs_optimum
@pytest.mark.parametrize(
    ("names", "head"),
    [
        (["/bert/a/MatMul", "/bert/b/MatMul", "/classifier/Gemm"], ["/classifier/Gemm"]),
        (["MatMul_1", "MatMul_2", ""], []),
    ],
)
def test_head_is_told_by_the_names_of_its_nodes(names: list[str], head: list[str]) -> None:
    from onnx import helper

    nodes = [helper.make_node("MatMul", ["x", "y"], [f"z{place}"], name=name) for place, name in enumerate(names)]
    assert nodes_of_head(helper.make_graph(nodes, "graph", [], [])) == head


@needs_optimum
def test_head_stays_in_floats(checkpoint: Path, quantized: Path) -> None:
    import onnx

    graph = onnx.load(quantized / "model_quantized.onnx").graph
    in_int8 = {tensor.name for tensor in graph.initializer if tensor.data_type != onnx.TensorProto.FLOAT}
    assert "bert.pooler.dense.weight_quantized" in in_int8
    assert not any(name.startswith("classifier") for name in in_int8)


@needs_optimum
def test_quantized_model_says_nearly_the_same(checkpoint: Path, quantized: Path) -> None:
    original = original_logits(checkpoint)
    found: Any = quantized_logits("onnxruntime", quantized)
    difference = np.abs(np.asarray(found) - np.asarray(original)).mean()
    assert 0 < difference < 0.2 * np.asarray(original).std()


def operators(folder: Path) -> set[str]:
    import onnx

    return {node.op_type for node in onnx.load(folder / "model_quantized.onnx").graph.node}


@needs_optimum
def test_attention_is_one_operator_unless_the_graph_is_left_as_it_is(
    checkpoint: Path, quantized: Path, tmp_path: Path
) -> None:
    ONNXRuntimeBackend().quantize(checkpoint, tmp_path, TASK, QuantizationOptions(optimization="O2"))
    assert {"QAttention", "SkipLayerNormalization"} <= operators(tmp_path)
    assert not {"QAttention", "SkipLayerNormalization"} & operators(quantized)


@needs_optimum
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_optimized_graph_says_the_same_wherever_the_padding_is(architecture: str, tmp_path: Path) -> None:
    from optimum.onnxruntime import ORTModelForSequenceClassification

    model = make_model(architecture)
    model.save_pretrained(tmp_path / "checkpoint")
    exported = ORTModelForSequenceClassification.from_pretrained(tmp_path / "checkpoint", export=True)
    exported.save_pretrained(tmp_path / "exported")
    folder = optimize(tmp_path / "exported", tmp_path / "optimized", "O2")
    assert (folder == tmp_path / "exported") == (architecture == "mobilebert")
    ids = torch.randint(5, 90, (4, 12))
    mask = torch.ones_like(ids)
    mask[1, 8:], mask[2, :5], mask[3, 4:7] = 0, 0, 0
    found = ORTModelForSequenceClassification.from_pretrained(folder, file_name="model.onnx")(
        input_ids=ids, attention_mask=mask
    )
    with torch.no_grad():
        expected = model(input_ids=ids, attention_mask=mask).logits
    torch.testing.assert_close(found.logits, expected, rtol=1e-3, atol=1e-5)


def static(checkpoint: Path, folder: Path, number: int = 40, **options: Any) -> Path:
    folder.mkdir()
    chosen = QuantizationOptions(mode="static", **options)
    ONNXRuntimeBackend().quantize(checkpoint, folder, TASK, chosen, make_rows(number))
    return folder


def operators_with_int8_weights(folder: Path) -> Counter[str]:
    import onnx

    graph = onnx.load(folder / "model_quantized.onnx").graph
    kinds = (onnx.TensorProto.INT8, onnx.TensorProto.UINT8)
    weights = {tensor.name for tensor in graph.initializer if tensor.data_type in kinds}
    read = {node.output[0] for node in graph.node if node.op_type == "DequantizeLinear" and node.input[0] in weights}
    return Counter(node.op_type for node in graph.node if read & set(node.input))


@needs_optimum
@pytest.mark.parametrize("optimization", ["none", "O2"])
def test_ranges_known_beforehand_are_of_products_and_large_tables_alone(
    optimization: str, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The table of words has 13 x 32 numbers, that of positions 512 x 32, that of segments 2 x 32.
    monkeypatch.setattr("hf_distill.quantization.graph.SMALL_TABLE", 100)
    found = operators_with_int8_weights(static(checkpoint, tmp_path / "model", optimization=optimization))
    products = {"MatMul", "Gemm", *(["Attention"] if optimization == "O2" else [])}
    assert found.pop("Gather") == 2
    assert set(found) == products
    # Two layers, the pooler, and no head.
    assert found["Gemm"] == 1


@needs_optimum
@pytest.mark.parametrize("method", ["minmax", "entropy", "percentile"])
def test_a_model_with_ranges_known_beforehand_says_nearly_the_same(
    method: str, checkpoint: Path, tmp_path: Path
) -> None:
    folder = static(checkpoint, tmp_path / "model", calibration_method=method)
    original = original_logits(checkpoint)
    found: Any = quantized_logits("onnxruntime", folder)
    assert 0 < (found - original).abs().mean() < 0.2 * original.std()


@needs_optimum
def test_ranges_are_those_of_all_rows(checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from optimum.onnxruntime import ORTQuantizer

    found = {}
    compute = ORTQuantizer.compute_ranges

    def keep(quantizer: ORTQuantizer) -> Any:
        ranges = compute(quantizer)
        found[number] = {name: entry.range_value for name, entry in ranges.items()}
        return ranges

    monkeypatch.setattr(ORTQuantizer, "compute_ranges", keep)
    for number in (2, 40):
        static(checkpoint, tmp_path / str(number), number=number)
    assert found[2].keys() == found[40].keys()
    assert all(few[0] >= many[0] and few[1] <= many[1] for few, many in zip(found[2].values(), found[40].values()))
    assert any(few != many for few, many in zip(found[2].values(), found[40].values()))


@needs_optimum
def test_ranges_need_rows(checkpoint: Path, tmp_path: Path) -> None:
    for given, message in (
        (None, "measures the ranges of activations on training rows, and there are none; choose another mode"),
        (make_rows(3).select([]), "there are none"),
    ):
        folder = tmp_path / "model"
        folder.mkdir(exist_ok=True)
        with pytest.raises(InputError, match=message) as caught:
            ONNXRuntimeBackend().quantize(checkpoint, folder, TASK, QuantizationOptions(mode="static"), given)
        assert "\n" not in str(caught.value)
        assert not any(folder.iterdir())


@needs_optimum
@pytest.mark.parametrize("mode", ["dynamic", "static"])
def test_operators_that_are_kept_stay_in_floats(mode: str, checkpoint: Path, tmp_path: Path) -> None:
    import onnx

    weights = {}
    for name in ("source", "all", "part", "none"):
        (tmp_path / name).mkdir()
    model = ONNXRuntimeBackend().prepare(
        checkpoint, tmp_path / "source", TASK, QuantizationOptions(mode=mode, optimization="O2"), make_rows(8)
    )
    # Attention, what follows it and two more in each layer, and the pooler.
    assert len(model.operators) == 2 * 4 + 1
    for name, keep in (("all", []), ("part", model.operators[:1]), ("none", model.operators)):
        model.write(tmp_path / name, keep)
        graph = onnx.load(tmp_path / name / "model_quantized.onnx").graph
        int8 = (onnx.TensorProto.INT8, onnx.TensorProto.UINT8)
        weights[name] = sum(tensor.data_type in int8 and len(tensor.dims) == 2 for tensor in graph.initializer)
    tables = 0 if mode == "static" else 3
    assert weights == {"all": 9 + tables, "part": 8 + tables, "none": tables}


@needs_optimum
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_mode_half_says_the_same_or_is_refused(architecture: str, checkpoint: Path, tmp_path: Path) -> None:
    model, backend, options = make_model(architecture), ONNXRuntimeBackend(), QuantizationOptions(mode="half")
    if architecture == "mobilebert":
        with pytest.raises(InputError, match=f"nothing is known of those of the architecture {architecture}"):
            backend.check_model(model.config, options)
        return
    backend.check_model(model.config, options)
    model.save_pretrained(tmp_path / "checkpoint")
    BertTokenizerFast.from_pretrained(checkpoint).save_pretrained(tmp_path / "checkpoint")
    (tmp_path / "model").mkdir()
    backend.quantize(tmp_path / "checkpoint", tmp_path / "model", TASK, options)
    original = forward_function(model, TASK)(batch())
    found: Any = quantized_logits("onnxruntime", tmp_path / "model")
    assert (found - original).abs().max() < 0.05 * original.std()


@needs_optimum
def test_mode_half_stores_16_bit_floats(checkpoint: Path, tmp_path: Path) -> None:
    import onnx

    ONNXRuntimeBackend().quantize(checkpoint, tmp_path, TASK, QuantizationOptions(mode="half"))
    graph = onnx.load(tmp_path / "model_quantized.onnx").graph
    kinds = {tensor.data_type for tensor in graph.initializer if len(tensor.dims) == 2}
    assert kinds == {onnx.TensorProto.FLOAT16}
    original = original_logits(checkpoint)
    found: Any = quantized_logits("onnxruntime", tmp_path)
    assert 0 < (found - original).abs().max() < 0.02 * original.std()


@needs_optimum
@pytest.mark.parametrize(
    ("architecture", "mode", "reason"),
    [
        (
            "mobilebert",
            "half",
            "mode half fuses operators, and nothing is known of those of the architecture mobilebert",
        ),
        (
            "deberta-v2",
            "static",
            "mode static takes no graph with branches, such as that of the architecture deberta-v2",
        ),
        ("luke", None, "Optimum exports no models of the architecture luke"),
    ],
)
def test_architectures_that_are_refused(architecture: str, mode: str | None, reason: str) -> None:
    with pytest.raises(InputError, match=reason) as caught:
        ONNXRuntimeBackend().check_model(AutoConfig.for_model(architecture), QuantizationOptions(mode=mode))
    assert "\n" not in str(caught.value)


@needs_optimum
@pytest.mark.parametrize(
    ("architecture", "mode"),
    [
        (name, mode)
        for name in ARCHITECTURES
        for mode in ("dynamic", "static")
        if (name, mode) != ("deberta-v2", "static")
    ],
)
def test_every_architecture_is_quantized(architecture: str, mode: str, checkpoint: Path, tmp_path: Path) -> None:
    model = make_model(architecture)
    model.save_pretrained(tmp_path / "checkpoint")
    BertTokenizerFast.from_pretrained(checkpoint).save_pretrained(tmp_path / "checkpoint")
    folder = tmp_path / "model"
    folder.mkdir()
    options = QuantizationOptions(mode=mode, calibration_rows=8)
    ONNXRuntimeBackend().check_model(model.config, options)
    ONNXRuntimeBackend().quantize(tmp_path / "checkpoint", folder, TASK, options, make_rows(8))
    original = forward_function(model, TASK)(batch())
    found: Any = quantized_logits("onnxruntime", folder)
    assert 0 < (found - original).abs().mean() < 0.5 * original.std()
