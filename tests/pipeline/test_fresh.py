# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Tests of models that are made from a configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import DeiTForImageClassification, ResNetForImageClassification

from hf_distill.errors import InputError
from hf_distill.pipeline.context import Context, prepare
from hf_distill.pipeline.fresh import fresh_model
from hf_distill.pipeline.manifest import Run
from hf_distill.pipeline.models import make_student
from hf_distill.pipeline.recipe import parse_recipe
from hf_distill.tasks import find_task

TASK = find_task("image-classification")()
VIT = {
    "model_type": "vit",
    "image_size": 8,
    "patch_size": 4,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
}
RESNET = {"model_type": "resnet", "embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 1]}
FRESH = {"config": VIT, "fine_tune": {}}


def prepared(media: Any, tmp_path: Path, medium: str = "image", **changes: Any) -> Context:
    return prepare(parse_recipe(media.content(medium, **changes)), Run(tmp_path / "run"))


def make(fields: dict[str, Any], seed: int = 0) -> Any:
    return fresh_model(fields, TASK, ["flat", "upright"], "student.config", seed)


def test_model_has_the_labels_and_the_weights_of_its_seed() -> None:
    state = torch.random.get_rng_state()
    first, again, other = make(VIT), make(VIT), make(VIT, seed=1)
    assert torch.equal(state, torch.random.get_rng_state())
    assert first.config.id2label == {0: "flat", 1: "upright"}
    assert first.config.hidden_size == 16
    assert torch.equal(first.classifier.weight, again.classifier.weight)
    assert not torch.equal(first.classifier.weight, other.classifier.weight)


def test_architecture_with_several_heads_has_the_usual_one() -> None:
    assert type(make({**VIT, "model_type": "deit"})) is DeiTForImageClassification


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"teacher": {}}, "teacher: needs one of model"),
        ({"teacher__config": VIT}, "teacher: needs one of model, a checkpoint, and config"),
        ({"teacher": {"config": VIT}}, "teacher: a model made from config knows nothing yet; add fine_tune"),
        ({"teacher__processor": {"size": 8}}, "teacher: processor goes with config; a checkpoint has its own"),
        ({"student__config": VIT}, "student: config says all of the student; leave out num_hidden_layers"),
        ({"teacher": {**FRESH, "config": {}}}, "teacher.config.model_type: transformers has no architecture None"),
        (
            {"teacher": {**FRESH, "config": {**VIT, "hiden_size": 8}}},
            "teacher.config.hiden_size: vit has no such field; did you mean 'hidden_size'?",
        ),
        (
            {"teacher": {**FRESH, "config": {"model_type": "bert"}}},
            "teacher.config.model_type: bert has no head for image-classification in transformers",
        ),
        (
            {"teacher": {**FRESH, "processor": {"sizes": 8}}},
            "teacher.processor.sizes: ViTImageProcessor",
        ),
        (
            {"teacher": {**FRESH, "processor": {"size": 16}}},
            "teacher.config.image_size: is 8 by 8, but images are made 16 by 16 large",
        ),
        (
            {"student": {"config": {**VIT, "image_size": 16}}},
            "student.config.image_size: is 16 by 16, but images are made 8 by 8 large",
        ),
        (
            {"student": {"config": RESNET}},
            "objective hidden_mse: resnet is no stack of transformer layers",
        ),
        ({"dataset__max_length": 8}, "dataset.max_length: image-classification does not read it; leave it out"),
        ({"dataset__max_seconds": 8}, "dataset.max_seconds: image-classification does not read it; leave it out"),
    ],
)
def test_mistakes_are_named(media: Any, tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        prepared(media, tmp_path, **changes)
    assert message in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_texts_need_a_tokenizer(setup: Any, tmp_path: Path) -> None:
    content = setup.content(teacher={"config": {"model_type": "bert"}, "fine_tune": {}})
    with pytest.raises(InputError, match="teacher.config: text-classification needs a tokenizer"):
        prepare(parse_recipe(content), Run(tmp_path / "run"))


def test_options_of_images_are_not_for_texts(setup: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="dataset.max_seconds: text-classification does not read it"):
        prepare(parse_recipe(setup.content(dataset__max_seconds=3)), Run(tmp_path / "run"))


def test_text_student_may_be_made_from_a_configuration(setup: Any, tmp_path: Path) -> None:
    fields = {"model_type": "distilbert", "vocab_size": 64, "dim": 16, "n_layers": 1, "n_heads": 2, "hidden_dim": 32}
    context = prepare(parse_recipe(setup.content(student={"config": fields})), Run(tmp_path / "run"))
    teacher = context.load(context.teacher_path)
    student = make_student(context.recipe, teacher, context.task, context.data.names, seed=0)
    assert (student.config.model_type, student.config.id2label) == ("distilbert", {0: "neg", 1: "pos"})


@pytest.mark.parametrize("quantization", [[{"backend": "quanto"}], [{"backend": "onnxruntime"}]], ids=str)
def test_architecture_without_products_is_not_quantized(
    media: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quantization: list[dict[str, Any]]
) -> None:
    pytest.importorskip("optimum.quanto" if quantization[0]["backend"] == "quanto" else "optimum.onnxruntime")
    with pytest.raises(InputError, match="there are no matrix products in the body of resnet"):
        prepared(media, tmp_path, student={"config": RESNET}, objectives=["logits_kl"], quantization=quantization)


def test_whole_checkpoint_of_any_architecture_is_a_student(media: Any, tmp_path: Path) -> None:
    folder = tmp_path / "resnet"
    resnet = make(RESNET)
    resnet.save_pretrained(folder)
    TASK.load_processor(media.folder / "image").save_pretrained(folder)
    context = prepared(media, tmp_path, student={"model": str(folder)}, objectives=["logits_kl"])
    student = make_student(context.recipe, context.load(context.teacher_path), TASK, ["flat", "upright"], seed=0)
    assert type(student) is ResNetForImageClassification
    assert all(torch.equal(weight, resnet.state_dict()[name]) for name, weight in student.state_dict().items())
    with pytest.raises(InputError, match="student.num_hidden_layers: resnet is no stack of transformer layers"):
        prepared(media, tmp_path, student={"model": str(folder), "num_hidden_layers": 1})


def test_student_that_reads_other_images_is_named(media: Any, tmp_path: Path) -> None:
    folder = tmp_path / "other"
    make(VIT).save_pretrained(folder)
    other = TASK.load_processor(media.folder / "image")
    other.image_mean = [0.4, 0.4, 0.4]
    other.save_pretrained(folder)
    with pytest.raises(InputError, match="student.model: its inputs differ from the teacher's: image_mean is"):
        prepared(media, tmp_path, student={"model": str(folder)})


@pytest.mark.parametrize(
    "change", [{"teacher__processor": {"image_mean": [0.4] * 3}}, {"dataset__max_train_samples": 9}]
)
def test_fingerprint_is_of_files_and_of_what_is_made_of_them(
    media: Any, tmp_path: Path, change: dict[str, Any]
) -> None:
    plain, again = (prepared(media, tmp_path, teacher=FRESH).data.fingerprint for _ in range(2))
    assert plain == again != prepared(media, tmp_path, teacher=FRESH, **change).data.fingerprint
    assert str(media.folder) not in str(plain)
