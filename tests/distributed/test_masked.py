# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Masked language modelling in several processes: the same training as in one."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from .launch import launch

pytestmark = pytest.mark.distributed

SCRIPT = str(Path(__file__).with_name("masked.py"))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """What one process and two have made of the same global batches."""
    folders = {processes: tmp_path_factory.mktemp(f"processes_{processes}") for processes in (1, 2)}
    launch(SCRIPT, 1, folders[1], 8, 1)
    launch(SCRIPT, 2, folders[2], 2, 2)
    return folders


@pytest.mark.parametrize("case", ["objectives", "no teacher"])
def test_two_processes_train_as_one(case: str, trained: dict[int, Path]) -> None:
    expected = load_file(trained[1] / f"{case}.0.safetensors")
    for rank in (0, 1):
        found = load_file(trained[2] / f"{case}.{rank}.safetensors")
        assert found.keys() == expected.keys()
        for name, weight in expected.items():
            torch.testing.assert_close(found[name], weight, rtol=1e-4, atol=1e-4, msg=name)
