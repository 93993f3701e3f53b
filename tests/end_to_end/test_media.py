# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Whole tiny runs on images and on sounds, and the code that their cards print."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import transformers
import yaml
from datasets import load_dataset
from PIL import Image

from hf_distill.errors import InputError
from hf_distill.pipeline.recipe import load_recipe, parse_recipe
from hf_distill.pipeline.run import run_recipe
from hf_distill.tasks.sounds import read_sound, resample
from tiny import works
from tiny_media import of_files

BACKENDS = [backend for backend in ("onnxruntime", "quanto") if works(backend)]
MODELS = ["teacher", "baseline", "student", *(f"quantized/{backend}" for backend in BACKENDS)]
STAGES = ["recording", "student", "baseline", *(["quantization"] if BACKENDS else []), "evaluation", "card"]


@pytest.fixture(scope="module", params=["image", "audio"])
def medium(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def finished(media: Any, medium: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run with a recording of logits and hidden states."""
    content = media.content(
        medium,
        objectives=["logits_kl", "hidden_mse"],
        quantization=[{"backend": backend, "max_drop": None} for backend in BACKENDS],
    )
    return run_recipe(parse_recipe(content), tmp_path_factory.mktemp("runs") / "tiny")


def test_run_measures_every_model(finished: Path, medium: str) -> None:
    report = json.loads((finished / "report" / "metrics.json").read_text())
    assert (report["task"], report["rows"], report["primary_metric"]) == (f"{medium}-classification", 32, "accuracy")
    for model in MODELS:
        assert 0 <= report[model]["metrics"]["accuracy"] <= 1
        assert report[model]["latency_ms"]["batch_32"]["p50"] > 0
    for backend in BACKENDS:
        # Classes of so small a student are near to each other, and processors round in different ways.
        assert report[f"quantized/{backend}"]["largest_logit_error"] < 0.1


def test_second_start_finds_all_done(finished: Path) -> None:
    lines: list[str] = []
    run_recipe(load_recipe(finished / "recipe.yaml"), finished, None, lines.append)
    assert lines == [f"{stage}: done already" for stage in STAGES]


def test_student_loads_with_no_missing_and_no_unexpected_keys(finished: Path, medium: str) -> None:
    auto = getattr(transformers, f"AutoModelFor{medium.capitalize()}Classification")
    _, info = auto.from_pretrained(finished / "student", output_loading_info=True)
    assert not any(info[kind] for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"))


def answers_of(predict: Any, medium: str, media: Any) -> list[str]:
    """Return what a pipeline says of the test rows."""
    rows = load_dataset("parquet", data_files=str(media.folder / f"{medium}-test.parquet"))["train"]
    files = [row["bytes"] for row in rows.cast_column(medium, type(rows.features[medium])(decode=False))[medium]]
    if medium == "image":
        inputs = [Image.open(io.BytesIO(file)) for file in files]
    else:
        # The pipeline would bring them to the model's rate with torchaudio.
        rate = predict.feature_extractor.sampling_rate
        inputs = [{"raw": resample(read_sound(file), rate), "sampling_rate": rate} for file in files]
    return [predict(given, top_k=1)[0]["label"] for given in inputs]


@pytest.mark.parametrize("folder", [model for model in MODELS if model not in ("teacher", "baseline")])
def test_code_of_the_card_predicts_as_was_measured(finished: Path, media: Any, medium: str, folder: str) -> None:
    code = re.search(r"```python\n(.*?)```", (finished / folder / "README.md").read_text(), re.S)[1]
    code = re.sub(r'"(?:[\w.-]+/)?tiny[^"/]*"', repr(str(finished / folder)), code)
    scope: dict[str, Any] = {}
    exec("\n".join(line for line in code.splitlines() if not line.startswith("predict(")), scope)
    predict = next(value for value in scope.values() if isinstance(value, transformers.Pipeline))
    found = answers_of(predict, medium, media)
    report = json.loads((finished / "report" / "metrics.json").read_text())
    rows = load_dataset("parquet", data_files=str(media.folder / f"{medium}-test.parquet"))["train"]
    names = rows.features["label"].names
    right = np.mean([answer == names[label] for answer, label in zip(found, rows["label"])])
    # The ranges of int8 activations are those of a batch, and the code makes batches of one.
    tolerance = 0.1 if folder.startswith("quantized") else 1e-6
    assert right == pytest.approx(report[folder]["metrics"]["accuracy"], abs=tolerance)


VIT = {"model_type": "vit", "image_size": 8, "patch_size": 4, "hidden_size": 16, "num_hidden_layers": 1}
VIT |= {"num_attention_heads": 2, "intermediate_size": 32}
WAVES = {"model_type": "wav2vec2", "hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2}
WAVES |= {"intermediate_size": 32, "conv_dim": [8, 8], "conv_stride": [8, 8], "conv_kernel": [16, 16]}
WAVES |= {"num_conv_pos_embeddings": 4, "num_conv_pos_embedding_groups": 2, "mask_time_prob": 0.0, "layerdrop": 0.0}
RESNET = {"model_type": "resnet", "embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 1]}
MOBILENET = {"model_type": "mobilenet_v2", "depth_multiplier": 0.1, "image_size": 8}


def run_once(media: Any, medium: str, folder: Path, **changes: Any) -> dict[str, Any]:
    """Run a recipe of two steps, and return its report."""
    finished = run_recipe(parse_recipe(media.content(medium, training__max_steps=2, **changes)), folder / "run")
    return json.loads((finished / "report" / "metrics.json").read_text())


@pytest.mark.parametrize(("teacher", "student"), [(RESNET, VIT), (VIT, MOBILENET)], ids=["resnet", "mobilenet"])
def test_convolutions_teach_and_learn(
    media: Any, tmp_path: Path, teacher: dict[str, Any], student: dict[str, Any]
) -> None:
    run_once(
        media,
        "image",
        tmp_path,
        teacher={"config": teacher, "processor": {"size": 8}, "fine_tune": {"max_steps": 2}},
        student={"config": student},
        objectives=["logits_kl"],
        baseline=False,
    )
    for name, given in (("teacher", teacher), ("student", student)):
        config = json.loads((tmp_path / "run" / name / "config.json").read_text())
        assert config["model_type"] == given["model_type"]
        assert (tmp_path / "run" / name / "preprocessor_config.json").is_file()
    card = (tmp_path / "run" / "student" / "README.md").read_text()
    assert f"a fresh {teacher['model_type']}, fine-tuned on the same data" in card
    assert "base_model:" not in card


def test_waves_teach_and_learn(media: Any, tmp_path: Path) -> None:
    report = run_once(
        media,
        "audio",
        tmp_path,
        teacher={"config": WAVES, "processor": {"sampling_rate": 8000}, "fine_tune": {"max_steps": 2}},
        objectives=["logits_kl", "hidden_mse"],
        quantization=[{"backend": backend, "max_drop": None} for backend in BACKENDS[:1]],
    )
    assert {"teacher", "student", "baseline", *(f"quantized/{backend}" for backend in BACKENDS[:1])} <= set(report)


def test_damaged_rows_stop_a_run_or_are_left_out(media: Any, tmp_path: Path, command: Any) -> None:
    rows = load_dataset("parquet", data_files=str(media.folder / "image-train.parquet"))["train"]
    files = [row["bytes"] for row in rows.cast_column("image", type(rows.features["image"])(decode=False))["image"]]
    damaged = of_files("image", [*files[:3], b"", *files[4:]], rows["label"][:])
    damaged.to_parquet(tmp_path / "damaged.parquet")
    content = media.content("image", training__max_steps=1, baseline=False)
    content["dataset"]["data_files"]["train"] = str(tmp_path / "damaged.parquet")
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(content))
    arguments = ("run", tmp_path / "recipe.yaml", "--output-dir", tmp_path / "run")
    result = command(*arguments)
    assert (result.status, len(result.err.splitlines())) == (2, 1)
    assert "dataset, split 'train', row 3: the image is empty; mend it" in result.err
    assert not (tmp_path / "run").exists()
    assert command(*arguments, "--set", "dataset.on_error=skip").status == 0
    assert json.loads((tmp_path / "run" / "manifest.json").read_text())["stages"]["student"]["train_rows"] == 63


def test_distillation_token_learns_in_a_run(media: Any, tmp_path: Path) -> None:
    student = {**VIT, "model_type": "deit", "architectures": ["DeiTForImageClassificationWithTeacher"]}
    report = run_once(
        media,
        "image",
        tmp_path,
        student={"config": student},
        objectives=["logits_kl"],
        baseline=False,
        quantization=[{"backend": backend, "max_drop": None} for backend in BACKENDS[:1]],
    )
    assert 0 <= report["student"]["metrics"]["accuracy"] <= 1
    config = json.loads((tmp_path / "run" / "student" / "config.json").read_text())
    assert config["architectures"] == student["architectures"]


@pytest.mark.parametrize("options", [{"group_by_length": True}, {"train_sampling_strategy": "group_by_length"}])
def test_rows_of_one_length_are_not_grouped(options: dict[str, Any], medium: str, media: Any) -> None:
    if "train_sampling_strategy" in options and not hasattr(transformers.TrainingArguments, "train_sampling_strategy"):
        pytest.skip("transformers 4.57 has no such option")
    content = media.content(medium, **{f"training__{name}": value for name, value in options.items()})
    with pytest.raises(InputError, match=rf"training\.{next(iter(options))}: all inputs of {medium}-classification"):
        parse_recipe(content)
