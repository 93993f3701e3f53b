# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Tests of measuring the models of a run."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from datasets import Dataset

from hf_distill.pipeline.measure import _latency_batches, _parameters, _usual_rows, size_on_disk
from hf_distill.tasks.text_classification import TextClassification


def latency_batches(lengths: list[int]) -> dict[str, Any]:
    rows = Dataset.from_dict({"input_ids": [[1] * length for length in lengths]})
    context: Any = SimpleNamespace(data=SimpleNamespace(evaluation=rows), task=TextClassification())
    return _latency_batches(context, lambda chosen: [len(row["input_ids"]) for row in chosen], _usual_rows(context))


def test_latency_is_measured_on_rows_of_the_usual_length() -> None:
    lengths = np.random.default_rng(0).permutation(np.arange(1, 102)).tolist()
    batches = latency_batches(lengths)
    assert batches["batch_1"] == [51]
    assert sorted(batches["batch_32"]) == list(range(35, 67)) or sorted(batches["batch_32"]) == list(range(36, 68))


def test_few_rows_are_repeated_to_fill_a_batch() -> None:
    assert len(latency_batches([3, 4])["batch_32"]) == 32


def testsize_on_disk_is_that_of_the_weights(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"12345")
    (tmp_path / "tokenizer.json").write_bytes(b"123")
    assert size_on_disk(tmp_path) == 5


def test_parameters_of_an_exported_model_are_not_known() -> None:
    assert _parameters(torch.nn.Linear(3, 2)) == 8
    assert _parameters(object()) is None
