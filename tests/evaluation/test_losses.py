# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Tests of the losses that are kept and drawn."""

from __future__ import annotations

import io
import json
import warnings
from pathlib import Path

import pytest
from PIL import Image

from hf_distill.evaluation.losses import _lines, losses_of, note_losses, plot_losses, read_losses
from hf_distill.evaluation.plots import plot_comparison

FIRST = [{"step": 5, "loss": 0.9, "loss_pkd": 0.4}, {"step": 10, "loss": 0.8, "loss_pkd": 0.3}]
LAST = [{"step": 5, "loss": 0.5, "loss_task": 70.0}, {"step": 10, "loss": 0.4, "loss_task": 0.001}]


def test_lines_without_a_loss_are_left_out() -> None:
    history = [
        {"step": 1, "loss": 0.5, "loss_task": 0.7, "learning_rate": 0.1, "epoch": 1.0},
        {"step": 1, "eval_loss": 0.3},
        {"step": 1, "train_loss": 0.5, "train_runtime": 2.0},
    ]
    assert losses_of(history) == [{"step": 1, "loss": 0.5, "loss_task": 0.7}]


def test_stages_are_kept_beside_each_other(tmp_path: Path) -> None:
    note_losses(tmp_path / "report", "intermediate", FIRST)
    note_losses(tmp_path / "report", "student", LAST)
    note_losses(tmp_path / "report", "student", FIRST)
    assert read_losses(tmp_path / "report") == {"intermediate": FIRST, "student": FIRST}
    assert json.loads((tmp_path / "report" / "losses.json").read_text())["student"] == FIRST


@pytest.mark.parametrize("content", [None, "no json", "[]"])
def test_losses_that_cannot_be_read_are_none(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "losses.json").write_text(content)
    assert read_losses(tmp_path) == {}


def test_steps_go_on_in_the_next_stage() -> None:
    lines, ends = _lines([FIRST, LAST])
    assert lines["loss"] == [(5, 0.9), (10, 0.8), (15, 0.5), (20, 0.4)]
    assert (lines["loss_pkd"], lines["loss_task"]) == ([(5, 0.4), (10, 0.3)], [(15, 70.0), (20, 0.001)])
    assert ends == [10, 20]


def test_the_picture_has_the_size_that_it_should(tmp_path: Path) -> None:
    path = plot_losses([FIRST, LAST], tmp_path / "losses.png")
    assert Image.open(io.BytesIO(path.read_bytes())).size == (1200, 750)


@pytest.mark.parametrize("stages", [[], [[]], [[{"step": 1, "loss": float("nan")}]]])
def test_nothing_is_drawn_of_nothing(tmp_path: Path, stages: list) -> None:
    assert plot_losses(stages, tmp_path / "losses.png") is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["$\\frac{", "x" * 500, "_hidden", "a\nb", "txt\u202egpj"])
def test_names_that_look_like_formulas_are_drawn(tmp_path: Path, name: str) -> None:
    model = {"metrics": {name: 0.5}, "latency_ms": {"batch_1": {"p50": 1.0}}}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert plot_losses([[{"step": 1, "loss": 1.0, f"loss_{name}": 0.5}]], tmp_path / "losses.png")
        reports = {run: {"primary_metric": name, "student": model} for run in (name, "other")}
        assert plot_comparison(reports, tmp_path / "comparison.png", title=name)
