# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Tiny models of every architecture that hooks are tested with."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from transformers import (
    AlbertConfig,
    AlbertForSequenceClassification,
    DebertaV2Config,
    DebertaV2ForSequenceClassification,
    DistilBertConfig,
    DistilBertForSequenceClassification,
    ElectraConfig,
    ElectraForSequenceClassification,
    MobileBertConfig,
    MobileBertForSequenceClassification,
    ModernBertConfig,
    ModernBertForSequenceClassification,
    PreTrainedModel,
    RobertaConfig,
    RobertaForSequenceClassification,
    ViTConfig,
    ViTForImageClassification,
)

TEXTS = {
    "input_ids": torch.tensor([[5, 6, 7, 8], [9, 10, 11, 0]]),
    "attention_mask": torch.tensor([[1, 1, 1, 1], [1, 1, 1, 0]]),
}
IMAGES = {"pixel_values": torch.linspace(-1, 1, 2 * 3 * 8 * 8).reshape(2, 3, 8, 8)}
SIZES = {"vocab_size": 64, "max_position_embeddings": 40, "num_labels": 3, "pad_token_id": 0, "initializer_range": 0.2}
WIDE = {"hidden_size": 32, "num_hidden_layers": 4, "num_attention_heads": 4, "intermediate_size": 64}
MODERN = {"bos_token_id": 1, "eos_token_id": 2, "cls_token_id": 1, "sep_token_id": 2, "reference_compile": False}
DISENTANGLED = {
    "relative_attention": True,
    "pos_att_type": ["p2c", "c2p"],
    "share_att_key": True,
    "position_buckets": 8,
}
BOTTLENECK = {"intra_bottleneck_size": 16, "true_hidden_size": 16, "embedding_size": 16, "num_feedforward_networks": 2}

ARCHITECTURES: dict[str, Callable[[], PreTrainedModel]] = {
    "distilbert": lambda: DistilBertForSequenceClassification(
        DistilBertConfig(**SIZES, dim=32, n_layers=4, n_heads=4, hidden_dim=64)
    ),
    "roberta": lambda: RobertaForSequenceClassification(RobertaConfig(**SIZES, **WIDE)),
    "electra": lambda: ElectraForSequenceClassification(ElectraConfig(**SIZES, **WIDE, embedding_size=16)),
    "deberta_v2": lambda: DebertaV2ForSequenceClassification(DebertaV2Config(**SIZES, **WIDE, **DISENTANGLED)),
    "albert": lambda: AlbertForSequenceClassification(
        AlbertConfig(**SIZES, **WIDE, embedding_size=16, num_hidden_groups=1)
    ),
    "albert_of_2_groups": lambda: AlbertForSequenceClassification(
        AlbertConfig(**SIZES, **WIDE, embedding_size=16, num_hidden_groups=2)
    ),
    "mobilebert": lambda: MobileBertForSequenceClassification(MobileBertConfig(**SIZES, **WIDE, **BOTTLENECK)),
    "modernbert": lambda: ModernBertForSequenceClassification(ModernBertConfig(**SIZES, **WIDE, **MODERN)),
    "vit": lambda: ViTForImageClassification(
        ViTConfig(**WIDE, image_size=8, patch_size=4, num_labels=3, initializer_range=0.2)
    ),
}


@pytest.fixture(params=["bert", *ARCHITECTURES])
def model(request: pytest.FixtureRequest, teacher: PreTrainedModel) -> PreTrainedModel:
    """A model of each architecture, 4 layers of 4 heads."""
    torch.manual_seed(0)
    return teacher if request.param == "bert" else ARCHITECTURES[request.param]().eval()


@pytest.fixture
def inputs(model: PreTrainedModel) -> dict[str, torch.Tensor]:
    """A batch for that model."""
    return IMAGES if model.main_input_name == "pixel_values" else TEXTS
