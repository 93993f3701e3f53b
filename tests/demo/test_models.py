# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Which models a demo shows, and what it does without some of them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from hf_distill.demo import DemoSource, ask, load_models, published_source, source_of_run
from hf_distill.errors import InputError
from tiny import works


@pytest.fixture
def run(setup: Any, make_source: Callable[[str], DemoSource], tmp_path: Path) -> Path:
    """The folder of a run, with a teacher from elsewhere."""
    folder = tmp_path / "run"
    content = setup.content(dataset__max_length=16, quantization=[{"backend": "quanto"}])
    folder.mkdir()
    (folder / "recipe.yaml").write_text(yaml.safe_dump(content))
    shutil.copytree(make_source("text-classification").models["student"], folder / "student")
    return folder


def change(run: Path, **sections: Any) -> None:
    content = yaml.safe_load((run / "recipe.yaml").read_text())
    (run / "recipe.yaml").write_text(yaml.safe_dump({**content, **sections}))


def test_a_run_has_a_teacher_a_student_and_what_was_quantized(run: Path, setup: Any) -> None:
    models = {"teacher": str(setup.folder / "teacher"), "student": str(run / "student")}
    assert source_of_run(run) == DemoSource("text-classification", models, {"max_length": 16})
    (run / "quantized" / "quanto").mkdir(parents=True)
    assert source_of_run(run).models["quantized/quanto"] == str(run / "quantized" / "quanto")
    change(run, teacher={"model": "org/teacher", "fine_tune": {}})
    assert source_of_run(run).models["teacher"] == str(run / "teacher")


def test_inputs_are_as_long_as_the_recipe_says(run: Path) -> None:
    reply = ask(load_models(source_of_run(run)), {"text": "film " * 20})
    assert "beyond 16 tokens" in reply.notice


@pytest.mark.parametrize(
    ("teacher", "shown"),
    [
        ({"model": "org/teacher"}, "org/teacher"),
        ({"model": "org/teacher", "fine_tune": {}}, None),
        ({"model": "package:module/folder"}, None),
        ({"model": "/models/teacher"}, None),
        ({"config": {"model_type": "bert"}, "fine_tune": {}}, None),
    ],
)
def test_a_published_demo_has_the_teacher_that_the_hub_has(run: Path, teacher: Any, shown: str | None) -> None:
    change(run, teacher=teacher)
    source = published_source(run, {"student": "org/small", "quantized/quanto": "org/small-int8"})
    published = {"student": "org/small", "quantized/quanto": "org/small-int8"}
    assert source.models == ({"teacher": shown, **published} if shown else published)
    assert source.options == {"max_length": 16}


def test_what_is_no_run_is_refused(run: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not a run"):
        source_of_run(tmp_path)
    shutil.rmtree(run / "student")
    with pytest.raises(InputError, match="has no student yet; finish it with hf-distill run"):
        source_of_run(run)


def test_a_teacher_that_is_gone_is_left_out(run: Path) -> None:
    change(run, teacher={"model": str(run / "gone")})
    models = load_models(source_of_run(run))
    assert list(models.forwards) == ["student"] and list(models.missing) == ["teacher"]
    (student,) = ask(models, {"text": "good"}).models
    assert student.speed_up is None


def test_a_student_that_is_damaged_is_refused(run: Path) -> None:
    (run / "student" / "model.safetensors").write_bytes(b"no")
    with pytest.raises(InputError, match="student: .* cannot be loaded"):
        load_models(source_of_run(run))


def test_a_backend_that_does_not_work_here_is_left_out(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    source = replace(source_of_run(run), models={"student": str(run / "student"), "quantized/quanto": str(run)})
    assert "needs optimum-quanto, which is not installed" in load_models(source).missing["quantized/quanto"]


@pytest.mark.parametrize("backend", ["quanto", "onnxruntime"])
def test_quantized_models_answer_too(run: Path, backend: str) -> None:
    if not works(backend):
        pytest.skip(f"{backend} does not work here")
    from hf_distill.quantization import QuantizationOptions, find_backend
    from hf_distill.tasks import find_task

    folder = run / "quantized" / backend
    folder.mkdir(parents=True)
    task = find_task("text-classification")()
    find_backend(backend).quantize(run / "student", folder, task, QuantizationOptions())
    change(run, quantization=[{"backend": backend}])
    shown = ask(load_models(source_of_run(run)), {"text": "the film was good"}).models
    assert [model.name for model in shown] == ["teacher", "student", f"quantized/{backend}"]
    probabilities = [dict(model.answer.scores)["pos"] for model in shown]
    assert probabilities[2] == pytest.approx(probabilities[1], abs=0.05)
