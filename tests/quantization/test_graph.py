# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Tests of what is known of an exported graph."""

from __future__ import annotations

import numpy as np
import pytest

from hf_distill.quantization.graph import nodes_of_head, products_with_weights

onnx = pytest.importorskip("onnx")


def test_a_head_stays_in_floats_unless_it_is_of_a_vocabulary() -> None:
    sizes = {"body": (8, 8), "dense": (1024, 1024), "vocabulary": (1024, 1025)}
    weights = [onnx.numpy_helper.from_array(np.zeros(size, np.float32), name) for name, size in sizes.items()]
    names = {"/bert/layer.0/MatMul": "body", "/bert/layer.1/MatMul": "body", "/bert/layer.2/MatMul": "body"}
    names |= {"/cls/dense/MatMul": "dense", "/cls/decoder/MatMul": "vocabulary"}
    nodes = [onnx.helper.make_node("MatMul", ["x", weight], ["y"], name) for name, weight in names.items()]
    graph = onnx.helper.make_graph(nodes, "graph", [], [], weights)
    head = nodes_of_head(graph)
    assert head == ["/cls/dense/MatMul"]
    assert products_with_weights(graph, head) == [name for name in names if name not in head]
