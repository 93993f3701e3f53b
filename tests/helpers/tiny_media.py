# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Tiny images and sounds, teachers that read them, and recipes that take seconds."""

from __future__ import annotations

import io
import json
import wave
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import torch
from datasets import ClassLabel, Dataset, Features, Value
from PIL import Image
from transformers import (
    ASTConfig,
    ASTFeatureExtractor,
    ASTForAudioClassification,
    PreTrainedModel,
    ViTConfig,
    ViTForImageClassification,
)

from hf_distill.tasks.image_classification import ImageClassification
from tiny import tiny_recipe

NAMES = {"image": ["flat", "upright"], "audio": ["low", "high"]}
RATE = 8000
WIDTHS = {"hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 32}
STILL = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
IMAGES = {"image_size": 8, "patch_size": 4}
SOUNDS = {"num_mel_bins": 16, "max_length": 24, "patch_size": 8, "frequency_stride": 8, "time_stride": 8}
TASKS = {"image": "image-classification", "audio": "audio-classification"}


def png(pixels: np.ndarray) -> bytes:
    """Return an image file of `(height, width)` or `(height, width, 3)` bytes."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def wav(samples: np.ndarray, rate: int = RATE) -> bytes:
    """Return a sound file of values from -1 to 1, `(samples,)` or `(samples, channels)`."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1 if samples.ndim == 1 else samples.shape[1])
        sound.setsampwidth(2)
        sound.setframerate(rate)
        sound.writeframes(np.round(samples * 32767).astype("<i2").tobytes())
    return file.getvalue()


def draw_image(label: int, generator: np.random.Generator) -> bytes:
    """Draw grey stripes, level or upright, under noise."""
    stripes = np.tile(np.array([0, 150]).repeat(2), 2)[:, None].repeat(8, 1)
    return png((stripes if label == 0 else stripes.T).astype(np.uint8) + generator.integers(0, 90, (8, 8), np.uint8))


def draw_sound(label: int, generator: np.random.Generator) -> bytes:
    """Draw a tone, low or high, under noise, of a fifth to two fifths of a second."""
    times = np.arange(generator.integers(RATE // 5, 2 * RATE // 5)) / RATE
    return wav(0.5 * np.sin(2 * np.pi * (300, 2000)[label] * times) + generator.normal(0, 0.05, len(times)))


def make_files(medium: str, rows: int, seed: int) -> Dataset:
    """Make rows of files with labels, in the types that the Hub has for them."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 2, rows).tolist()
    files = [(draw_image if medium == "image" else draw_sound)(label, generator) for label in labels]
    return of_files(medium, files, labels)


def of_files(medium: str, files: list[bytes | None], labels: list[int]) -> Dataset:
    """Put files and labels into a data set."""
    kind = datasets.Image if medium == "image" else datasets.Audio
    plain = {"bytes": Value("binary"), "path": Value("string")}
    features = Features({medium: plain, "label": ClassLabel(names=NAMES[medium])})
    rows = [{"bytes": file, "path": None} for file in files]
    # A type that decodes would encode what is given, which takes torchcodec of sounds.
    return Dataset.from_dict({medium: rows, "label": labels}, features=features).cast_column(
        medium, kind(decode=False)
    )


def make_vit(seed: int = 0, **options: Any) -> PreTrainedModel:
    """Make a random ViT of 3 layers."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        settings = {**WIDTHS, **STILL, **IMAGES, "initializer_range": 0.2, **_labels("image")}
        return ViTForImageClassification(ViTConfig(**{**settings, **options})).eval()


def make_ast(seed: int = 0, **options: Any) -> PreTrainedModel:
    """Make a random AST of 3 layers."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        settings = {**WIDTHS, **STILL, **SOUNDS, "initializer_range": 0.2, **_labels("audio")}
        return ASTForAudioClassification(ASTConfig(**{**settings, **options})).eval()


def _labels(medium: str) -> dict[str, Any]:
    names = NAMES[medium]
    return {"id2label": dict(enumerate(names)), "label2id": {name: label for label, name in enumerate(names)}}


@dataclass
class MediaSetup:
    """
    Where the tiny things are.

    Args:
        folder (`Path`): Holds a teacher and the data files of each task.
    """

    folder: Path

    def content(self, medium: str, **changes: Any) -> dict[str, Any]:
        """Return a recipe that takes seconds; `changes` are `section__key=value`."""
        files = {split: str(self.folder / f"{medium}-{split}.parquet") for split in ("train", "test")}
        return tiny_recipe(TASKS[medium], files, str(self.folder / medium), **changes)


def make_media_setup(folder: Path) -> MediaSetup:
    """Write teachers and data of both tasks."""
    fields = ImageClassification().processor_fields(ViTConfig(**IMAGES), {}, "processor")
    makers = {
        "image": (make_vit, fields),
        "audio": (make_ast, ASTFeatureExtractor(num_mel_bins=16, max_length=24).to_dict()),
    }
    for medium, (make_model, processor) in makers.items():
        make_model().save_pretrained(folder / medium)
        (folder / medium / "preprocessor_config.json").write_text(json.dumps(processor))
        for split, rows in (("train", 64), ("test", 32)):
            make_files(medium, rows, seed=rows).to_parquet(folder / f"{medium}-{split}.parquet")
    return MediaSetup(folder)
