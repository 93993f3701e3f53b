# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Tests of what counts as a model's body."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import nn
from transformers import AutoConfig, AutoModel

from hf_distill.quantization.body import products_of_body
from hf_distill.quantization.graph import nodes_of_head
from small_models import ARCHITECTURES, SIZES, make_model


@pytest.mark.parametrize("architecture", ["bert", "distilbert", "modernbert"])
def test_a_model_without_a_head_is_all_body(architecture: str) -> None:
    torch.manual_seed(0)
    model = AutoModel.from_config(AutoConfig.for_model(architecture, **{**SIZES, **ARCHITECTURES[architecture]}))
    every = {name for name, module in model.named_modules() if isinstance(module, nn.Linear)}
    assert set(products_of_body(model)) == every
    assert every


def test_a_head_is_no_body() -> None:
    products = products_of_body(make_model("bert"))
    assert products
    assert not any(name.startswith("classifier") for name in products)


def graph_of(names: list[str], sizes: dict[str, int] | None = None) -> SimpleNamespace:
    """Make a graph of products, each with weights of its own."""
    nodes = [SimpleNamespace(name=name, op_type="MatMul", input=["states", f"{name}.weight"]) for name in names]
    weights = [SimpleNamespace(name=f"{name}.weight", dims=[32, (sizes or {}).get(name, 32)]) for name in names]
    return SimpleNamespace(node=nodes, initializer=weights)


@pytest.mark.parametrize("layers", ["layers.{}", "encoder/layer.{}"])
def test_no_layer_of_a_graph_without_a_head_is_a_head(layers: str) -> None:
    names = [f"/{layers.format(layer)}/{part}/MatMul" for layer in range(3) for part in ("attn", "mlp")]
    assert nodes_of_head(graph_of(names)) == []


def test_what_stands_beside_the_layers_of_a_graph_is_a_head() -> None:
    names = [f"/model/layers.{layer}/mlp/MatMul" for layer in range(3)]
    assert nodes_of_head(graph_of([*names, "/classifier/MatMul"])) == ["/classifier/MatMul"]


def test_a_head_that_is_much_of_the_model_is_quantized() -> None:
    names = [f"/model/layers.{layer}/mlp/MatMul" for layer in range(3)]
    assert nodes_of_head(graph_of([*names, "/decoder/MatMul"], {"/decoder/MatMul": 2**16})) == []
