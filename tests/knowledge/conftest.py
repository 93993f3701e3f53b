# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hf_distill import record_knowledge


@pytest.fixture
def record(make_bert: Callable, make_rows: Callable, collate: type, tmp_path: Path) -> Callable[..., Path]:
    """Record a teacher of 4 layers for a student of 2, on 20 ragged rows in shards of 8, in 32 bits."""

    def make(**options: Any) -> Path:
        settings = {
            "teacher_model": make_bert(),
            "train_dataset": make_rows(20),
            "objectives": ["logits_kl", "hidden_mse"],
            "output_dir": tmp_path / "recording",
            "student_config": make_bert(seed=1, num_hidden_layers=2).config,
            "data_collator": collate(),
            "compression": "fp32",
            "batch_size": 4,
            "rows_per_shard": 8,
        }
        return record_knowledge(**{**settings, **options})

    return make
