# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""How many bytes a recorded token takes, with everything that is beside it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from datasets import Dataset
from transformers import BertConfig, BertForSequenceClassification

from hf_distill import record_knowledge

LAYERS = [[0, 0], [1, 3], [2, 6]]
ROWS = 200


@pytest.fixture(scope="module")
def wide_teacher() -> BertForSequenceClassification:
    """A teacher of 6 layers, 384 wide."""
    torch.manual_seed(0)
    widths = {"hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": 6, "intermediate_size": 64}
    return BertForSequenceClassification(BertConfig(**widths, vocab_size=64, max_position_embeddings=32))


@pytest.mark.parametrize(
    ("compression", "most"), [("fp16", 2 * 3 * 384 + 40), ("int8", 1200), ("int8:pca=96", 320), ("log8:pca=96", 320)]
)
def test_a_token_takes_no_more_than(
    wide_teacher: BertForSequenceClassification, collate: type, tmp_path: Path, compression: str, most: int
) -> None:
    # About as long as the sentences of SST-2, which has short ones.
    lengths = [4 + 2 * (row % 10) for row in range(ROWS)]
    rows = Dataset.from_list(
        [
            {"input_ids": [1 + (row * 7 + place) % 60 for place in range(length)], "attention_mask": [1] * length}
            for row, length in enumerate(lengths)
        ]
    )
    folder = record_knowledge(
        teacher_model=wide_teacher,
        train_dataset=rows,
        objectives=[{"name": "hidden_mse", "layers": LAYERS}],
        student_config=BertConfig(num_hidden_layers=2),
        output_dir=tmp_path / "recording",
        data_collator=collate(),
        compression=compression,
    )
    written = sum(file.stat().st_size for file in (folder / "data").iterdir())
    assert written / sum(lengths) <= most
