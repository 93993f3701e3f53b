# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""DeiT's two tokens: one learns from the labels, the other from the teacher."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from datasets import Dataset
from transformers import (
    DeiTConfig,
    DeiTForImageClassificationWithTeacher,
    ViTConfig,
    ViTForImageClassification,
    default_data_collator,
)

from hf_distill import DistillationTrainer

WIDTHS = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
WIDTHS |= {"image_size": 8, "patch_size": 4, "num_labels": 3, "initializer_range": 0.2}
WIDTHS |= {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}


@pytest.fixture
def images() -> Dataset:
    pixels = torch.randn(8, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    labels = [0, 1, 2, -100, 1, 0, 2, 2]
    return Dataset.from_list([{"pixel_values": p.tolist(), "labels": label} for p, label in zip(pixels, labels)])


@pytest.fixture
def models() -> tuple[DeiTForImageClassificationWithTeacher, ViTForImageClassification]:
    torch.manual_seed(0)
    return DeiTForImageClassificationWithTeacher(DeiTConfig(**WIDTHS)), ViTForImageClassification(ViTConfig(**WIDTHS))


def trainer_of(models: Any, images: Dataset, make_args: Callable, **options: Any) -> DistillationTrainer:
    args = make_args(per_device_train_batch_size=8, remove_unused_columns=False, **options)
    return DistillationTrainer(
        model=models[0],
        teacher_model=models[1],
        args=args,
        train_dataset=images,
        data_collator=default_data_collator,
    )


def test_labels_teach_the_class_token_and_the_teacher_the_other(
    models: Any, images: Dataset, make_args: Callable
) -> None:
    trainer = trainer_of(models, images, make_args, objectives=["logits_mse:weight=2"], task_weight=0.5)
    batch = default_data_collator(list(images))
    student, teacher = (model.train(mode) for model, mode in zip(models, (True, False)))
    loss = trainer.compute_loss(student, batch)
    with torch.no_grad():
        outputs, wanted = student(batch["pixel_values"]), teacher(batch["pixel_values"]).logits
    known = batch["labels"] != -100
    task = F.cross_entropy(outputs.cls_logits[known], batch["labels"][known])
    distilled = (outputs.distillation_logits - wanted).square().mean()
    assert loss.item() == pytest.approx((0.5 * task + 2 * distilled).item(), rel=1e-5)


@pytest.mark.parametrize(
    ("options", "learning"),
    [
        ({"objectives": ["logits_kl"], "task_weight": 0.0}, "distillation_classifier"),
        ({"objectives": [], "task_weight": 1.0}, "cls_classifier"),
    ],
)
def test_each_head_learns_from_its_own(
    models: Any, images: Dataset, make_args: Callable, options: dict[str, Any], learning: str
) -> None:
    trainer = trainer_of(models, images, make_args, **options)
    before = {name: weight.clone() for name, weight in models[0].named_parameters()}
    trainer.train()
    changed = {name for name, weight in models[0].named_parameters() if not torch.equal(weight, before[name])}
    assert {name.split(".")[0] for name in changed if "classifier" in name} == {learning}
