# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Classification of images."""

from __future__ import annotations

import io
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import torch
from PIL import Image
from transformers import AutoImageProcessor, PretrainedConfig
from transformers.image_utils import load_image

from hf_distill.compatibility import IMAGES_WITH_PIL
from hf_distill.errors import InputError
from hf_distill.tasks.base import Processor
from hf_distill.tasks.media import MediaClassification, UnreadableError, file_of

DAMAGES = (OSError, SyntaxError, ValueError, struct.error, Image.DecompressionBombError)
"""What Pillow raises of files that it cannot read."""


class ImageClassification(MediaClassification):
    """One label for an image; rows without a label learn from the teacher only."""

    name = "image-classification"
    columns = ("image", "label")
    medium = "image"
    feature = datasets.Image
    auto_model = "AutoModelForImageClassification"
    auto_processor = "AutoImageProcessor"
    processor_argument = "image_processor"
    pipeline_tag = "image-classification"

    def load_processor(self, name: str | Path) -> Processor:
        """Load the image processor that works with Pillow, and so wherever datasets read images."""
        return AutoImageProcessor.from_pretrained(name, trust_remote_code=False, **IMAGES_WITH_PIL)

    def decode(self, file: bytes) -> Image.Image:
        """Return the image, upright and in red, green and blue, as transformers' pipelines read it."""
        try:
            return load_image(Image.open(io.BytesIO(file)))
        except DAMAGES as error:
            raise UnreadableError(f"cannot be read ({_reason(error)})") from error

    def picture_of(self, example: Mapping[str, Any]) -> Image.Image:
        """Return the image; see [`InWords.picture_of`]."""
        return self.decode(file_of(example[self.medium]))

    def inputs_of(self, decoded: list[Image.Image], processor: Processor) -> Mapping[str, torch.Tensor]:
        """Return `pixel_values` of shape `(batch, channels, height, width)`, in grey where one channel is read."""
        if channels_of(processor) != 1:
            return processor(decoded, return_tensors="pt")
        grey = [np.asarray(image.convert("L"))[..., None] for image in decoded]
        return processor(grey, return_tensors="pt", input_data_format="channels_last")

    def processor_fields(self, config: PretrainedConfig, given: Mapping[str, Any], field: str) -> dict[str, Any]:
        """Return fields for images of the size that the model reads, with values from -1 to 1."""
        size = given.get("size", getattr(config, "image_size", None))
        if size is None:
            raise InputError(f"{field}.size: {config.model_type} takes images of any size; say which, such as 224")
        height, width = size if isinstance(size, (list, tuple)) else (size, size)
        half = [0.5] * getattr(config, "num_channels", 3)
        size = size if isinstance(size, Mapping) else {"height": height, "width": width}
        default = {"image_processor_type": "ViTImageProcessor", "image_mean": half, "image_std": half}
        return {**default, **given, "size": size}

    def check_inputs(self, config: PretrainedConfig, processor: Processor, field: str) -> None:
        """Check channels and, of models that cut images into patches, size; see [`Task.check_inputs`]."""
        blank = Image.new("RGB", (64, 48))
        channels, *made = self.inputs_of([blank], processor)["pixel_values"].shape[1:]
        if getattr(config, "num_channels", channels) != channels:
            raise InputError(f"{field}.num_channels: is {config.num_channels}, but images are made of {channels}")
        size = getattr(config, "image_size", None) if hasattr(config, "patch_size") else None
        read = [size, size] if isinstance(size, int) else size
        if read is not None and list(read) != made:
            raise InputError(
                f"{field}.image_size: is {' by '.join(map(str, read))}, but images are made "
                f"{' by '.join(map(str, made))} large"
            )


def channels_of(processor: Processor) -> int:
    """Return how many channels the images have that a processor makes: as many as it has means for."""
    mean = getattr(processor, "image_mean", None)
    return len(mean) if isinstance(mean, (list, tuple)) else 3


def _reason(error: Exception) -> str:
    # Pillow names the object that it read from, which has another address each time.
    return str(error).partition(" <_io.BytesIO")[0].partition("\n")[0] or type(error).__name__
