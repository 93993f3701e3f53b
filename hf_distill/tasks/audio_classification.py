# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Classification of sounds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import datasets
import numpy as np
import torch
from datasets import Dataset
from transformers import PretrainedConfig

from hf_distill.errors import InputError
from hf_distill.tasks.base import Processor
from hf_distill.tasks.media import MediaClassification
from hf_distill.tasks.sounds import Sound, read_sound, resample

LONGEST_BY_DEFAULT = 30.0
"""Seconds; longer sounds are cut unless the recipe says more."""


class AudioClassification(MediaClassification):
    """
    One label for a sound; rows without a label learn from the teacher only.

    What a model says of a sound must not depend on the others of its batch, and many models have no mask that would
    hide padding from them. So all sounds have one length: that of the feature extractor's own frames where it makes as
    many of every sound (AST, Whisper), else `max_seconds`, to which they are cut, or filled with silence; in this
    case the pipelines of transformers, which fill nothing, may say something else of a shorter sound.
    """

    name = "audio-classification"
    columns = ("audio", "label")
    options = (*MediaClassification.options, "max_seconds")
    medium = "audio"
    feature = datasets.Audio
    auto_model = "AutoModelForAudioClassification"
    auto_processor = "AutoFeatureExtractor"
    processor_argument = "feature_extractor"
    pipeline_tag = "audio-classification"
    max_seconds: float | None = None

    def decode(self, file: bytes) -> Sound:
        """Return the sound, of all channels together."""
        return read_sound(file)

    def encode_inputs(self, rows: Dataset, processor: Processor) -> Dataset:
        """Turn rows into files and label ids; the first, those of training, settle the length if none is given."""
        encoded = super().encode_inputs(rows, processor)
        if makes_one_length(processor):
            if self.max_seconds is not None:
                raise InputError(
                    f"dataset.max_seconds: {type(processor).__name__} makes all sounds one length itself; leave it out"
                )
        elif self.max_seconds is None and len(encoded):
            longest = max(self.decode(file).seconds for file in encoded[self.medium])
            # What is a hair above a tenth is that tenth.
            self.max_seconds = min(math.ceil(round(10 * longest, 6)) / 10, LONGEST_BY_DEFAULT)
        return encoded

    def inputs_of(self, decoded: list[Sound], processor: Processor) -> Mapping[str, torch.Tensor]:
        """Return what the feature extractor makes of sounds of its own rate; `input_values` of most."""
        rate = processor.sampling_rate
        waves = [resample(sound, rate) for sound in decoded]
        if self.max_seconds is not None:
            waves = [_of_length(wave, round(self.max_seconds * rate)) for wave in waves]
        made = processor(waves, sampling_rate=rate, return_tensors="pt")
        # Nothing is padding here, and a mask of samples would be taken for one of tokens.
        return {name: values for name, values in made.items() if name != "attention_mask"}

    def input_facts(self, processor: Processor) -> list[Any]:
        """Return what inputs depend on beside the files."""
        return [*super().input_facts(processor), self.max_seconds]

    def processor_fields(self, config: PretrainedConfig, given: Mapping[str, Any], field: str) -> dict[str, Any]:
        """Return fields of AST's feature extractor for models that read spectrograms of one size, else of waves."""
        if hasattr(config, "num_mel_bins") and hasattr(config, "max_length"):
            frames = {"num_mel_bins": config.num_mel_bins, "max_length": config.max_length}
            return {"feature_extractor_type": "ASTFeatureExtractor", **frames, **given}
        return {"feature_extractor_type": "Wav2Vec2FeatureExtractor", **given}

    def check_inputs(self, config: PretrainedConfig, processor: Processor, field: str) -> None:
        """Check the spectrogram's size, where the model has one; see [`Task.check_inputs`]."""
        for name in ("num_mel_bins", "max_length"):
            made = getattr(processor, name, None)
            if hasattr(config, "patch_size") and made is not None and getattr(config, name, made) != made:
                raise InputError(f"{field}.{name}: is {getattr(config, name)}, but the spectrograms' is {made}")


def makes_one_length(processor: Processor) -> bool:
    """Say whether a feature extractor makes as much of a short sound as of a longer one."""
    rate = processor.sampling_rate
    short, longer = (
        processor(np.zeros(seconds * rate, np.float32), sampling_rate=rate, return_tensors="np") for seconds in (1, 2)
    )
    return all(short[name].shape == longer[name].shape for name in short)


def _of_length(wave: np.ndarray, length: int) -> np.ndarray:
    """Cut a wave, or fill it with silence."""
    return np.pad(wave[:length], (0, max(length - len(wave), 0)))
