# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Recording, and training from a recording, in several processes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from . import recorded
from .launch import launch

pytestmark = pytest.mark.distributed


@pytest.fixture(scope="module")
def of_processes(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """What one process has made, and what two have."""
    folders = {}
    for processes in (1, 2):
        folders[processes] = tmp_path_factory.mktemp(f"of_{processes}")
        launch(recorded.__file__, processes, folders[processes], processes)
    return folders


@pytest.mark.parametrize("name", ["recording", "reduced"])
def test_two_processes_record_what_one_does(name: str, of_processes: dict[int, Path]) -> None:
    one, two = (
        {
            str(path.relative_to(folder / name)): path.read_bytes()
            for path in (folder / name).rglob("*")
            if path.is_file()
        }
        for folder in of_processes.values()
    )
    assert sum(name.endswith(".arrow") for name in one) == 7
    assert two == one


def test_two_processes_learn_what_one_does(of_processes: dict[int, Path]) -> None:
    one, two = (json.loads((folder / "losses.json").read_text()) for folder in of_processes.values())
    assert len(one) == len(two) == 7
    for expected, found in zip(one, two):
        assert found == pytest.approx(expected, rel=1e-5, abs=1e-5)
    assert len({str(losses) for losses in one}) == 7
    one, two = (load_file(folder / "weights.safetensors") for folder in of_processes.values())
    for name, expected in one.items():
        torch.testing.assert_close(two[name], expected, rtol=1e-4, atol=1e-5, msg=name)


def test_two_processes_go_on_with_what_one_began(of_processes: dict[int, Path]) -> None:
    # What two processes have made is complete for one.
    folder = of_processes[2] / "recording"
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    recorded.record(folder, "fp32")
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
