# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Small random models of every architecture, and rows for them."""

from __future__ import annotations

from pathlib import Path

import torch
from datasets import Dataset
from transformers import AutoConfig, AutoModelForSequenceClassification, PreTrainedModel

from hf_distill.evaluation.predict import forward_function
from hf_distill.quantization import find_backend
from hf_distill.tasks import find_task

TASK = find_task("text-classification")()
SIZES = {
    "vocab_size": 100, "hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 2, "num_hidden_layers": 2,
    "num_labels": 3,
}  # fmt: skip
ARCHITECTURES = {
    "bert": {},
    "distilbert": {"dim": 32, "hidden_dim": 64, "n_heads": 2, "n_layers": 2},
    "roberta": {},
    "electra": {"embedding_size": 32},
    "albert": {"embedding_size": 16},
    "deberta-v2": {
        "relative_attention": True, "pos_att_type": ["p2c", "c2p"], "max_relative_positions": 16,
        "position_buckets": 8,
    },
    "modernbert": {"pad_token_id": 0, "cls_token_id": 1, "sep_token_id": 2, "bos_token_id": 1, "eos_token_id": 2},
    "mobilebert": {"embedding_size": 16, "intra_bottleneck_size": 16, "num_feedforward_networks": 1},
}  # fmt: skip


def make_model(architecture: str) -> PreTrainedModel:
    """Return a model with random weights that are large enough for its logits to differ from row to row."""
    torch.manual_seed(0)
    config = AutoConfig.for_model(architecture, **{**SIZES, **ARCHITECTURES[architecture]}, initializer_range=0.2)
    return AutoModelForSequenceClassification.from_config(config).eval()


def batch() -> dict[str, torch.Tensor]:
    """Return a batch of 16 rows."""
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(5, 13, (16, 7), generator=generator)
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "token_type_ids": torch.zeros_like(ids)}


def make_rows(number: int) -> Dataset:
    """Return so many rows of different lengths."""
    generator = torch.Generator().manual_seed(0)
    lengths = torch.randint(3, 12, (number,), generator=generator).tolist()
    ids = [torch.randint(5, 13, (length,), generator=generator).tolist() for length in lengths]
    masks = {"attention_mask": [[1] * len(row) for row in ids], "token_type_ids": [[0] * len(row) for row in ids]}
    return Dataset.from_dict({"input_ids": ids, **masks})


def quantized_logits(backend: str, folder: Path) -> torch.Tensor:
    """Return the logits of a quantized model for the batch."""
    return forward_function(find_backend(backend).load(folder, TASK), TASK)(batch())


def original_logits(checkpoint: Path) -> torch.Tensor:
    """Return the logits of a checkpoint for the batch."""
    return forward_function(TASK.model_class.from_pretrained(checkpoint), TASK)(batch())
