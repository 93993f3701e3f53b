# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Tests of where layers are found in models of images and sounds."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import ResNetConfig, Wav2Vec2Config, Wav2Vec2ForSequenceClassification

from hf_distill import DistillationTrainer, DistillationTrainingArguments, build_student
from hf_distill.errors import InputError
from hf_distill.features.hidden_states import HiddenStatesCapture
from hf_distill.features.layers import depth_of, layer_prefix

WAVES = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
WAVES |= {"conv_dim": (8, 8), "conv_stride": (8, 8), "conv_kernel": (16, 16)}
WAVES |= {"num_conv_pos_embeddings": 4, "num_conv_pos_embedding_groups": 2}


def test_convolutions_of_sounds_are_no_layers_although_they_are_as_many() -> None:
    torch.manual_seed(0)
    model = Wav2Vec2ForSequenceClassification(Wav2Vec2Config(**WAVES)).eval()
    assert layer_prefix(model) == "wav2vec2.encoder.layers"
    capture = HiddenStatesCapture(model, range(3))
    with capture.recording() as found, torch.no_grad():
        wanted = model(torch.randn(2, 1600), output_hidden_states=True).hidden_states
    assert sorted(found) == [0, 1, 2]
    for layer, states in enumerate(wanted):
        torch.testing.assert_close(found[layer], states)


def test_architecture_without_layers_of_one_width_is_named() -> None:
    with pytest.raises(InputError, match="objective fitnets: resnet is no stack of transformer layers of one width"):
        depth_of(ResNetConfig(), "objective fitnets")


@pytest.mark.parametrize("objectives", [["hidden_mse"], ["minilm"], ["logits_kl"]])
def test_layers_that_learn_from_the_teachers_are_not_left_out_at_random(
    objectives: list[str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    torch.manual_seed(0)
    teacher = Wav2Vec2ForSequenceClassification(Wav2Vec2Config(**WAVES, layerdrop=0.5, mask_time_prob=0.0))
    trainer = DistillationTrainer(
        model=build_student(teacher, num_hidden_layers=1),
        teacher_model=teacher,
        args=DistillationTrainingArguments(
            output_dir=str(tmp_path),
            objectives=objectives,
            max_steps=4,
            use_cpu=True,
            report_to=[],
            save_strategy="no",
        ),
        train_dataset=[{"input_values": torch.randn(1600), "labels": 0}] * 8,
    )
    trainer.train()
    compares_layers = objectives != ["logits_kl"]
    assert trainer.model.config.layerdrop == (0.0 if compares_layers else 0.5)
    assert ("layerdrop is 0 and not 0.5" in caplog.text) == compares_layers
