# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""The same global batch in one piece, in several processes and in several steps: the same training."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from .launch import launch

pytestmark = pytest.mark.distributed

SCRIPT = Path(__file__).with_name("trained.py")
CUTS = {"whole": (1, 8, 1), "processes": (2, 4, 1), "accumulation": (1, 2, 4), "both": (2, 2, 2)}
"""Processes, batch of each, and accumulation, for a global batch of 8."""
CASES = ["live", "recorded", "from teacher", "relations", "uncertainty", "no head", "an objective that ends"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """What each way to cut the batch has made."""
    folders = {}
    for cut, (processes, batch, accumulation) in CUTS.items():
        folders[cut] = tmp_path_factory.mktemp(cut)
        launch(str(SCRIPT), processes, folders[cut], batch, accumulation)
        assert (folders[cut] / f"processes_{processes}").exists()
    return folders


def losses(folder: Path, case: str) -> list[dict[str, float]]:
    return json.loads((folder / f"{case}.json").read_text())


def assert_same(one: Path, other: Path, case: str, tolerance: float = 1e-4) -> None:
    expected, found = losses(one, case), losses(other, case)
    assert len(expected) == 6
    for line, entry in zip(expected, found):
        # The trainer rounds its own total to four places.
        assert entry == pytest.approx(line, rel=tolerance, abs=tolerance)
    assert len({str(line) for line in expected}) == 6
    for name, weight in load_file(one / f"{case}.0.safetensors").items():
        other_weight = load_file(other / f"{case}.0.safetensors")[name]
        torch.testing.assert_close(other_weight, weight, rtol=tolerance, atol=tolerance, msg=name)


@pytest.mark.parametrize("cut", [cut for cut in CUTS if cut != "whole"])
@pytest.mark.parametrize("case", CASES)
def test_how_a_batch_is_cut_changes_nothing(case: str, cut: str, trained: dict[str, Path]) -> None:
    assert_same(trained["whole"], trained[cut], case)


@pytest.mark.parametrize("cut", list(CUTS))
def test_a_recording_teaches_what_the_teacher_does(cut: str, trained: dict[str, Path]) -> None:
    live, recorded = (losses(trained[cut], case) for case in ("live", "recorded"))
    for line, entry in zip(live, recorded):
        assert entry == pytest.approx(line, rel=1e-4, abs=1e-4)


@pytest.mark.parametrize("case", [*CASES, "gradient norm"])
def test_processes_hold_the_same_student(case: str, trained: dict[str, Path]) -> None:
    one, other = (load_file(trained["processes"] / f"{case}.{rank}.safetensors") for rank in (0, 1))
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_norms_of_gradients_are_those_of_all_processes(trained: dict[str, Path]) -> None:
    # Those of parts of a batch are not those of the whole, so only the losses of the first step are the same.
    expected, found = (losses(trained[cut], "gradient norm")[0] for cut in ("whole", "processes"))
    names = [name for name in expected if name != "loss"]
    assert [found[name] for name in names] == pytest.approx([expected[name] for name in names], rel=1e-4)
    weights = load_file(trained["processes"] / "gradient norm.0.safetensors")
    assert (weights["distillation_projections.weighting.norms"] > 0).all()
