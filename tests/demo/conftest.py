# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""A tiny teacher and student of each task, side by side."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from given import DRAW, GIVEN, MEDIA
from hf_distill import build_student
from hf_distill.demo import DemoSource
from hf_distill.tasks import find_task
from tiny import KINDS
from tiny_setup import command, media, own_cache, restored_verbosity, setup

__all__ = ["command", "make_source", "media", "own_cache", "restored_verbosity", "setup"]


@pytest.fixture(scope="session")
def make_source(setup: Any, media: Any, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], DemoSource]:
    """Return the source of a task's demo: its tiny teacher, and a student of two of its layers."""
    made: dict[str, DemoSource] = {}

    def make(task: str) -> DemoSource:
        if task not in made:
            teacher = media.folder / MEDIA[task] if task in MEDIA else setup.folder / KINDS[task][1]
            student = tmp_path_factory.mktemp(task)
            model_class = find_task(task)().model_class
            build_student(model_class.from_pretrained(teacher), num_hidden_layers=2).save_pretrained(student)
            for name in ("tokenizer.json", "tokenizer_config.json", "preprocessor_config.json"):
                if (teacher / name).is_file():
                    (student / name).write_bytes((teacher / name).read_bytes())
            made[task] = DemoSource(task, {"teacher": str(teacher), "student": str(student)})
        return made[task]

    return make


@pytest.fixture
def given(tmp_path: Path) -> Callable[[str], dict[str, Any]]:
    """Return what a visitor gives for a task."""

    def make(task: str) -> dict[str, Any]:
        if task not in MEDIA:
            return GIVEN[task]
        file = tmp_path / "file"
        file.write_bytes(DRAW[MEDIA[task]](1, np.random.default_rng(0)))
        return {MEDIA[task]: str(file)}

    return make
