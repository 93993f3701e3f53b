# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Recordings of teachers that read images: no padding, and as many tokens in each row."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset
from transformers import ViTConfig, ViTForImageClassification, default_data_collator

from hf_distill import DistillationTrainer, record_knowledge

WIDTHS = {"hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 32, "image_size": 8, "patch_size": 4}


def make_vit(layers: int) -> ViTForImageClassification:
    torch.manual_seed(layers)
    dropout = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    return ViTForImageClassification(ViTConfig(**WIDTHS, **dropout, num_hidden_layers=layers, num_labels=3))


@pytest.fixture(scope="module")
def images() -> Dataset:
    """Twelve images of 8 by 8 points."""
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randn(12, 3, 8, 8, generator=generator)
    return Dataset.from_list([{"pixel_values": image.tolist(), "labels": row % 3} for row, image in enumerate(pixels)])


@pytest.mark.parametrize(
    "objectives", [["logits_kl"], ["hidden_mse", "pkd"], ["minilm_v2:layers=uniform"], ["crd"], ["rkd_distance"]]
)
def test_images_are_learned_from_a_recording_as_from_the_live_teacher(
    images: Dataset, make_args: Callable, tmp_path: Path, objectives: list[str]
) -> None:
    def weights(teacher_model: Any) -> dict[str, torch.Tensor]:
        args = make_args(objectives=objectives, max_steps=4)
        trainer = DistillationTrainer(
            model=make_vit(2),
            teacher_model=teacher_model,
            args=args,
            train_dataset=images,
            data_collator=default_data_collator,
        )
        trainer.train()
        return trainer.model.state_dict()

    recording = record_knowledge(
        teacher_model=make_vit(4),
        train_dataset=images,
        objectives=objectives,
        output_dir=tmp_path / "recording",
        student_config=make_vit(2).config,
        data_collator=default_data_collator,
        compression="fp32",
        rows_per_shard=5,
        batch_size=2,
    )
    live, recorded = weights(make_vit(4)), weights(recording)
    assert all(torch.allclose(live[name], recorded[name], atol=1e-5) for name in live)
