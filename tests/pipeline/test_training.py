# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Tests of training a model of a run: its options and its checkpoints."""

from __future__ import annotations

from pathlib import Path

import pytest

from hf_distill.errors import InputError
from hf_distill.pipeline.training import make_arguments


def test_options_of_the_recipe_go_before_the_defaults(tmp_path: Path) -> None:
    args = make_arguments("training", {"weight_decay": 0.5, "use_cpu": True}, tmp_path / "out", objectives=[])
    assert args.weight_decay == 0.5
    assert args.report_to == []
    assert not (tmp_path / "out").exists()


def test_warmup_ratio_is_taken_on_every_version(tmp_path: Path) -> None:
    args = make_arguments("training", {"warmup_ratio": 0.5, "use_cpu": True}, tmp_path, objectives=[])
    assert args.get_warmup_steps(100) == 50


def test_wrong_value_names_the_section(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="^teacher.fine_tune: "):
        make_arguments("teacher.fine_tune", {"lr_scheduler_type": "zigzag"}, tmp_path, objectives=[])
