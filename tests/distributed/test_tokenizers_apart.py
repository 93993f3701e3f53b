# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""A teacher with another tokenizer in several processes: the same training as in one."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from .launch import launch

pytestmark = pytest.mark.distributed

SCRIPT = str(Path(__file__).with_name("tokenizers_apart.py"))


def test_two_processes_train_as_one(tmp_path: Path) -> None:
    folders = {processes: tmp_path / str(processes) for processes in (1, 2)}
    for processes, batch, accumulation in ((1, 8, 1), (2, 2, 2)):
        folders[processes].mkdir()
        launch(SCRIPT, processes, folders[processes], batch, accumulation)
    expected = load_file(folders[1] / "0.safetensors")
    assert any("projection" in name for name in expected)
    for rank in (0, 1):
        found = load_file(folders[2] / f"{rank}.safetensors")
        assert found.keys() == expected.keys()
        for name, weight in expected.items():
            torch.testing.assert_close(found[name], weight, rtol=1e-4, atol=1e-4, msg=name)
