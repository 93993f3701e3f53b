# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Tiny tokenizers, made on the spot."""

from __future__ import annotations

from pathlib import Path

import pytest
from transformers import BertTokenizerFast, PreTrainedTokenizerBase

VOCABULARY = "[PAD] [UNK] [CLS] [SEP] [MASK] good bad film ##ing in rome anna ##s".split()


@pytest.fixture
def tokenizer(tmp_path: Path) -> PreTrainedTokenizerBase:
    (tmp_path / "vocab.txt").write_text("\n".join(VOCABULARY) + "\n")
    return BertTokenizerFast.from_pretrained(tmp_path, model_max_length=32)
