# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""What is known of, and done to, an exported ONNX graph before it is quantized."""

from __future__ import annotations

import logging
import math
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

from transformers import AutoConfig

from hf_distill.quantization.body import outside_body

logger = logging.getLogger(__name__)

FILE_NAME = "model.onnx"
PRODUCTS = ("MatMul", "Gemm", "Attention")
SMALL_HEAD = 2**20
"""Numbers of a product's weights up to which it is a small part of a model; those of a vocabulary are more."""
SMALL_TABLE = 2**16
"""Numbers of a table below which its bytes do not matter, and its rounding errors would."""


def can_be_fused(architecture: str, level: str) -> bool:
    """Say whether Optimum knows what to fuse in models of an architecture, such as `bert`; see `fuse`."""
    from optimum.onnxruntime.utils import ORTConfigManager

    try:
        ORTConfigManager.check_optimization_supported_model(architecture, _optimization(level))
    except NotImplementedError:
        return False
    return True


def fuse(exported: Path, folder: Path, level: str) -> Path:
    """
    Make one operator of what transformers do in many.

    Args:
        exported (`Path`): Folder with the exported model, of an architecture that `can_be_fused`.
        folder (`Path`): Folder to write to.
        level (`str`): `"O1"` to `"O3"`, or `"O4"`, which makes 16-bit floats of all numbers too.

    Returns:
        `Path`: The file.
    """
    from optimum.onnxruntime import ORTOptimizer

    ORTOptimizer.from_pretrained(exported).optimize(_optimization(level), folder)
    return folder / "model_optimized.onnx"


def _optimization(level: str) -> Any:
    from optimum.onnxruntime.configuration import AutoOptimizationConfig

    # Attention would take the number of real tokens for the mask, which is wrong unless all padding is at the end.
    return getattr(AutoOptimizationConfig, level)(use_raw_attention_mask=True)


def optimize(exported: Path, folder: Path, level: str) -> Path:
    """
    Write the optimized graph of a model that is to be quantized.

    Args:
        exported (`Path`): Folder with the exported model.
        folder (`Path`): Folder to write to.
        level (`str`): `"O1"`, `"O2"` or `"O3"`.

    Returns:
        `Path`: `folder`, or `exported` if nothing is known of the architecture.
    """
    from onnxruntime.quantization.shape_inference import quant_pre_process

    if not can_be_fused(AutoConfig.from_pretrained(exported).model_type, level):
        logger.warning("onnxruntime: has no optimization for this architecture, which is quantized as it is")
        return exported
    # The quantizer does not know the types of what fused operators return unless the graph says so.
    quant_pre_process(
        str(fuse(exported, folder, level)),
        str(folder / FILE_NAME),
        skip_optimization=True,
        skip_onnx_shape=True,
        auto_merge=True,
    )
    return folder


def load_graph(folder: Path) -> Any:
    """Return the graph of an exported model."""
    import onnx

    return onnx.load(folder / FILE_NAME, load_external_data=False).graph


def nodes_of_head(graph: Any) -> list[str]:
    """Return the names of the head's matrix products, but for those that are no small part of the model."""
    # Tracing names a node after its module, such as /bert/encoder/layer.0/output/dense/MatMul, or /layers.0/mlp/MatMul
    # of a model without a head. Of a node with another name nothing is known, and it is quantized.
    products = {node.name: node for node in graph.node if node.op_type in ("MatMul", "Gemm")}
    large = {tensor.name for tensor in graph.initializer if math.prod(tensor.dims) > SMALL_HEAD}
    head = outside_body({name: name.split("/")[1].partition(".")[0] for name in products if name.startswith("/")})
    return [name for name in head if products[name].input[1] not in large]


def convolutions(graph: Any) -> list[str]:
    """Return the names of the convolutions: ONNX Runtime has few of them in int8, and none with signed weights."""
    return [node.name for node in graph.node if node.op_type == "Conv"]


def products_with_weights(graph: Any, without: Collection[str]) -> list[str]:
    """Return the names of the nodes that multiply with what was learnt, but for those named."""
    weights = {tensor.name for tensor in graph.initializer}
    return [
        node.name
        for node in graph.node
        if node.op_type in PRODUCTS and node.input[1] in weights and node.name not in without
    ]


def names_for_quantizer(names: Iterable[str]) -> list[str]:
    """Return the names by which the quantizer leaves nodes out: it makes a MatMul and an Add of every Gemm before."""
    return [form for name in names for form in (name, f"{name}_MatMul")]


def lookups_in_small_tables(graph: Any) -> list[str]:
    """Return the names of the nodes that look something up in a small table, or in what is no table at all."""
    tables = {tensor.name for tensor in graph.initializer if math.prod(tensor.dims) >= SMALL_TABLE}
    return [node.name for node in graph.node if node.op_type == "Gather" and node.input[0] not in tables]
