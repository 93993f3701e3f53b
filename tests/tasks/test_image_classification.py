# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Tests of image classification."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from datasets import Dataset, DatasetDict, Features, Value
from PIL import Image
from transformers import DeiTConfig, PretrainedConfig, ResNetConfig, ViTConfig

from hf_distill.errors import InputError
from hf_distill.knowledge.fingerprints import fingerprint_of_row
from hf_distill.tasks.image_classification import ImageClassification
from tiny_media import IMAGES, make_files, of_files, png

GREY = np.arange(64, dtype=np.uint8).reshape(8, 8) * 3


def processor(folder: Path, config: PretrainedConfig | None = None, **given: Any) -> Any:
    """Return what makes the inputs of a model of a configuration."""
    task = ImageClassification()
    fields = task.processor_fields(config or ViTConfig(**IMAGES), given, "teacher.processor")
    (folder / "preprocessor_config.json").write_text(json.dumps(fields))
    return task.load_processor(folder)


def encoded(task: ImageClassification, folder: Path, rows: Dataset, split: str = "train") -> Dataset:
    """Return encoded rows, as a run makes them."""
    data = task.select_columns(DatasetDict({"train": rows, split: rows}))
    names = task.label_names(data)
    data = task.encode_labels(data, names, range(len(names)))
    return task.encode_inputs(data[split], processor(folder))


def batch_of(files: list[bytes], made_by: Any) -> torch.Tensor:
    return ImageClassification().collator(made_by)([{"image": file} for file in files])["pixel_values"]


def test_grey_image_has_its_values_in_each_channel(tmp_path: Path) -> None:
    pixels = batch_of([png(GREY)], processor(tmp_path))
    wanted = torch.tensor(GREY / 255 / 0.5 - 1, dtype=torch.float32)
    assert pixels.shape == (1, 3, 8, 8)
    for channel in pixels[0]:
        torch.testing.assert_close(channel, wanted)


def test_colours_keep_their_channels(tmp_path: Path) -> None:
    image = np.stack([GREY, 255 - GREY, np.full_like(GREY, 255)], axis=-1)
    pixels = batch_of([png(image)], processor(tmp_path))
    wanted = torch.tensor(image / 255 / 0.5 - 1, dtype=torch.float32).permute(2, 0, 1)
    torch.testing.assert_close(pixels[0], wanted)


@pytest.mark.parametrize("image", [GREY, np.stack([GREY] * 3, axis=-1)], ids=["grey", "colours"])
def test_model_of_one_channel_reads_grey(tmp_path: Path, image: np.ndarray) -> None:
    pixels = batch_of([png(image)], processor(tmp_path, ViTConfig(**IMAGES, num_channels=1)))
    assert pixels.shape == (1, 1, 8, 8)
    torch.testing.assert_close(pixels[0, 0], torch.tensor(GREY / 255 / 0.5 - 1, dtype=torch.float32))


@pytest.mark.parametrize("mode", ["P", "RGBA", "LA", "1", "CMYK"])
def test_images_of_any_mode_are_read(tmp_path: Path, mode: str) -> None:
    file = io.BytesIO()
    Image.fromarray(GREY).convert(mode).save(file, "TIFF")
    assert batch_of([file.getvalue()], processor(tmp_path)).shape == (1, 3, 8, 8)


def test_image_is_turned_as_its_camera_says(tmp_path: Path) -> None:
    file, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = 3
    Image.fromarray(GREY[::-1, ::-1]).save(file, "PNG", exif=exif)
    torch.testing.assert_close(*(batch_of([one], processor(tmp_path)) for one in (file.getvalue(), png(GREY))))


def test_images_of_several_sizes_make_one_batch(tmp_path: Path) -> None:
    assert batch_of([png(GREY), png(GREY[:5, :3])], processor(tmp_path)).shape == (2, 3, 8, 8)


def test_rows_hold_files_and_labels(tmp_path: Path) -> None:
    rows = make_files("image", 5, seed=0)
    task = ImageClassification()
    made = encoded(task, tmp_path, rows)
    assert made.column_names == ["image", "labels"]
    assert made["image"][:] == [row["bytes"] for row in rows["image"]]
    assert made["labels"][:] == rows["label"][:]
    assert task.lengths(made).tolist() == [0] * 5


def test_labels_may_be_words_or_missing(tmp_path: Path) -> None:
    rows = Dataset.from_dict({"image": [png(GREY)] * 3, "label": ["shoe", None, "bag"]})
    task = ImageClassification()
    made = encoded(task, tmp_path, rows)
    assert made["labels"][:] == [1, -100, 0]
    assert len(task.labelled(made)) == 2
    assert task.collator(processor(tmp_path))(list(made))["labels"].tolist() == [1, -100, 0]


def test_files_may_lie_beside_the_data_set(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png(GREY))
    rows = Dataset.from_dict({"image": [str(tmp_path / "a.png")] * 2, "label": [0, 1]})
    assert encoded(ImageClassification(), tmp_path, rows)["image"][:] == [png(GREY)] * 2


def test_row_is_known_by_its_file_and_not_by_the_path(tmp_path: Path) -> None:
    type_of_image = {"bytes": Value("binary"), "path": Value("string")}
    prints = []
    for path in ("/here/a.png", "/there/a.png"):
        rows = {"image": [{"bytes": png(GREY), "path": path}] * 2, "label": [0, 1]}
        features = Features({"image": type_of_image, "label": Value("int64")})
        made = encoded(ImageClassification(), tmp_path, Dataset.from_dict(rows, features=features))
        prints.append(fingerprint_of_row(made[0], ["image"]))
    assert prints[0] == prints[1]


def damaged(file: bytes | None) -> Dataset:
    """Return rows of which those of numbers 2 and 4 are damaged."""
    return of_files("image", [png(GREY), png(GREY), file, png(GREY), file], [0, 1, 0, 1, 0])


NOISE = np.random.default_rng(0).integers(0, 255, (32, 32), np.uint8)
DAMAGES = {"cut": png(NOISE)[:600], "text": b"no image", "none": b"", "missing": None}


@pytest.mark.parametrize("file", DAMAGES.values(), ids=DAMAGES)
def test_damaged_image_names_split_and_row(tmp_path: Path, file: bytes | None) -> None:
    reason = "cannot be read" if file else "is empty"
    wanted = rf"dataset, split 'test', row 2: the image {reason}.* \(and 1 more of 5 rows\); mend it, .*on_error: skip"
    with pytest.raises(InputError, match=wanted) as caught:
        encoded(ImageClassification(), tmp_path, damaged(file), "test")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("file", DAMAGES.values(), ids=DAMAGES)
def test_damaged_images_may_be_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture, file: bytes | None) -> None:
    task = ImageClassification()
    task.on_error = "skip"
    assert encoded(task, tmp_path, damaged(file))["labels"][:] == [0, 1, 1]
    assert "split 'train', row 2" in caplog.text
    assert "1 more of 5 rows" in caplog.text


def test_row_has_its_own_number_after_a_draw(tmp_path: Path) -> None:
    task = ImageClassification()
    data = task.select_columns(DatasetDict(train=damaged(b"")))
    data["train"] = data["train"].select([4, 0])
    with pytest.raises(InputError, match="split 'train', row 4: the image is empty; mend it"):
        task.encode_inputs(data["train"], processor(tmp_path))


def test_size_that_is_not_known_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="teacher.processor.size: resnet takes images of any size"):
        processor(tmp_path, ResNetConfig())
    made_by = processor(tmp_path, ResNetConfig(), size=16)
    assert batch_of([png(GREY)], made_by).shape == (1, 3, 16, 16)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"image_size": 16}, "student.config.image_size: is 16 by 16, but images are made 8 by 8 large"),
        ({"num_channels": 1}, "student.config.num_channels: is 1, but images are made of 3"),
    ],
)
def test_model_that_reads_other_images_is_refused(tmp_path: Path, wrong: dict[str, int], message: str) -> None:
    with pytest.raises(InputError, match=message):
        ImageClassification().check_inputs(ViTConfig(**{**IMAGES, **wrong}), processor(tmp_path), "student.config")


def test_heads_are_known_where_there_are_several() -> None:
    task = ImageClassification()
    assert task.has_head(DeiTConfig(architectures=["DeiTForImageClassificationWithTeacher"]))
    assert task.has_head(ViTConfig(architectures=["ViTForImageClassification"]))
    assert not task.has_head(ViTConfig(architectures=["ViTModel"]))
