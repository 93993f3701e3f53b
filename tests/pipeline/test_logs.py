# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Tests of what a run writes for those who watch it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("tensorboard", reason="tensorboard is not installed; it is in the extra `tracking`")


def scalars(folder: Path) -> dict[str, list[float]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder)).Reload()
    return {name: [entry.value for entry in events.Scalars(name)] for name in events.Tags()["scalars"]}


def test_tensorboard_has_the_components_of_every_stage(
    setup: Any, command: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Set by the command on one of the versions; undone after the test.
    monkeypatch.setenv("TENSORBOARD_LOGGING_DIR", "")
    changes = {"training__report_to": "tensorboard", "training__logging_steps": 1, "quantization": []}
    recipe = setup.write(tmp_path / "tiny.yaml", **changes)
    result = command("run", recipe, "--until", "baseline", "--output-dir", tmp_path / "run")
    assert result.status == 0, result.err
    student = scalars(tmp_path / "run" / "logs" / "student")
    for name in ("loss", "loss_task", "loss_logits_mse", "loss_hidden_mse"):
        assert len(student[f"train/{name}"]) == 4
    assert len(scalars(tmp_path / "run" / "logs" / "baseline")["train/loss_task"]) == 4
