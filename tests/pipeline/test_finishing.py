# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Training on as if quantized, where quantization alone loses too much."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from hf_distill.evaluation.report import findings, read_report
from hf_distill.pipeline import finishing
from hf_distill.pipeline.recipe import parse_recipe
from hf_distill.pipeline.run import open_run, repeat_stages, run_recipe

pytestmark = pytest.mark.skipif(importlib.util.find_spec("optimum.quanto") is None, reason="needs optimum-quanto")


def recipe(setup: Any, **changes: Any) -> Any:
    quantization = [{"backend": "quanto", "max_drop": 0.01}]
    more = {"finishing": True, "baseline": False, "training__max_steps": 20, "quantization": quantization}
    return parse_recipe(setup.content(**{**more, **changes}))


def losing(before: float, after: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        finishing, "drop_of_all", lambda context, section, source: after if source.name == "finishing" else before
    )


def weights_of(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


def test_the_student_is_trained_on_where_too_much_is_lost(
    setup: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    losing(0.05, 0.005, monkeypatch)
    run = run_recipe(recipe(setup), tmp_path / "run")
    outcome = json.loads((run / "finishing" / "outcome.json").read_text())
    assert (outcome["steps"], outcome["before"], outcome["after"]) == (2, {"quanto": 0.05}, {"quanto": 0.005})
    student, trained = weights_of(run / "student"), weights_of(run / "finishing")
    assert student.keys() == trained.keys()
    assert any(not torch.equal(student[name], trained[name]) for name in student)
    # The head is not quantized: there one sees what the quantized model was made of.
    head = weights_of(run / "quantized" / "quanto")["classifier.weight"]
    assert torch.equal(head, trained["classifier.weight"])
    assert any(
        "It was distilled 2 steps longer as if in int8, which brought what is lost on the " in sentence
        for sentence in findings(read_report(run))
    )


@pytest.mark.parametrize(("before", "after", "steps"), [(0.005, 0.0, 0), (0.05, 0.06, 2)])
def test_what_does_not_help_is_not_used(
    before: float, after: float, steps: int, setup: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    losing(before, after, monkeypatch)
    run = run_recipe(recipe(setup), tmp_path / "run", until="quantization")
    assert json.loads((run / "finishing" / "outcome.json").read_text())["steps"] == steps
    head = weights_of(run / "quantized" / "quanto")["classifier.weight"]
    assert torch.equal(head, weights_of(run / "student")["classifier.weight"])


def test_what_was_made_for_other_options_is_not_used(
    setup: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    losing(0.05, 0.005, monkeypatch)
    run = run_recipe(recipe(setup), tmp_path / "run", until="quantization")
    repeat_stages(open_run(run, {"backend": "quanto", "weights": "int4"}), ["quantization"])
    head = weights_of(run / "quantized" / "quanto")["classifier.weight"]
    assert torch.equal(head, weights_of(run / "student")["classifier.weight"])


def test_it_is_done_once(setup: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    losing(0.05, 0.005, monkeypatch)
    lines: list[str] = []
    run_recipe(recipe(setup), tmp_path / "run", "quantization")
    run_recipe(recipe(setup), tmp_path / "run", "quantization", lines.append)
    assert "finishing: done already" in lines


@pytest.mark.parametrize(
    "changes",
    [
        {"finishing": None},
        {"quantization": []},
        {"quantization": [{"backend": "quanto", "max_drop": None}]},
        {"quantization": [{"backend": "quanto", "weights": "int4"}]},
    ],
)
def test_it_is_left_out_where_there_is_nothing_to_finish(changes: dict[str, Any], setup: Any, tmp_path: Path) -> None:
    lines: list[str] = []
    run_recipe(recipe(setup, **changes), tmp_path / "run", "finishing", lines.append)
    assert not any(line.startswith("finishing") for line in lines)


def test_what_is_lost_is_measured(setup: Any, tmp_path: Path) -> None:
    run = run_recipe(recipe(setup), tmp_path / "run", "finishing")
    outcome = json.loads((run / "finishing" / "outcome.json").read_text())
    assert -1 <= outcome["before"]["quanto"] <= 1
