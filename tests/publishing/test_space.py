# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""The files of a Space."""

from __future__ import annotations

import ast
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from huggingface_hub import SpaceCardData
from packaging.requirements import Requirement

from hf_distill import list_tasks
from hf_distill.compatibility import GRADIO, TRANSFORMERS_5
from hf_distill.publishing import space
from hf_distill.publishing.space import space_files

REPOSITORIES = {
    "teacher": "org/teacher",
    "student": "org/small",
    "quantized/onnxruntime": "org/small/onnx",
    "quantized/quanto": "org/small-int8",
}


def source_of(app: str) -> dict[str, object]:
    """Return what the app says of its models."""
    calls = [node for node in ast.walk(ast.parse(app)) if isinstance(node, ast.Call)]
    (made,) = [node for node in calls if isinstance(node.func, ast.Name) and node.func.id == "DemoSource"]
    return {keyword.arg: ast.literal_eval(keyword.value) for keyword in made.keywords}


@pytest.mark.parametrize("task", [task.name for task in list_tasks()])
def test_the_app_of_every_task_is_python_and_names_the_models(task: str) -> None:
    files = space_files(REPOSITORIES, task, {"max_length": 64})
    assert sorted(files) == ["README.md", "app.py", "requirements.txt"]
    compile(files["app.py"], "app.py", "exec")
    assert source_of(files["app.py"]) == {"task": task, "models": REPOSITORIES, "options": {"max_length": 64}}


def test_the_metadata_are_those_of_a_space() -> None:
    _, metadata_text, text = space_files(REPOSITORIES, "text-classification", license="mit")["README.md"].split(
        "---\n"
    )
    card = SpaceCardData(**yaml.safe_load(metadata_text))
    assert (card.sdk, card.sdk_version, card.app_file, card.license) == ("gradio", GRADIO, "app.py", "mit")
    assert card.models == ["org/teacher", "org/small", "org/small-int8"]
    assert "side by side" in text


def test_the_requirements_are_those_of_the_backends_in_their_versions() -> None:
    lines = space_files(REPOSITORIES, "text-classification")["requirements.txt"].splitlines()
    found = {requirement.name: requirement for requirement in map(Requirement, lines)}
    assert found["hf-distill"].extras == {"onnx", "quanto"}
    assert str(found["hf-distill"].specifier) == f"=={metadata.version('hf-distill')}"
    assert str(found["transformers"].specifier) == f"=={metadata.version('transformers')}"
    assert "+" not in str(found["torch"].specifier) and "gradio" not in found
    plain = space_files({"student": "org/small"}, "text-classification")["requirements.txt"].splitlines()
    assert Requirement(plain[0]).extras == set() and not any("optimum" in line for line in plain)


@pytest.mark.parametrize(
    ("origin", "line"),
    [
        ("", f"hf-distill=={metadata.version('hf-distill')}"),
        ("file:///home/ada/hf_distill", f"hf-distill=={metadata.version('hf-distill')}"),
        ("git+https://host/repo@abc", "hf-distill @ git+https://host/repo@abc"),
        ("git+https://ada:secret@host/repo@abc", "hf-distill @ git+https://host/repo@abc"),
    ],
)
def test_the_package_comes_from_where_it_was_installed_from(
    origin: str, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(space, "installed_from", lambda: origin)
    assert space_files({"student": "a/b"}, "fill-mask")["requirements.txt"].splitlines()[0] == line


def test_hostile_names_stay_texts() -> None:
    hostile = "\"\"\"'''\n---\nsdk: docker\n{title!r}<script>\u202e🦊"
    files = space_files({"student": hostile}, hostile, {"max_length": hostile}, title=hostile)
    assert source_of(files["app.py"]) == {
        "task": hostile,
        "models": {"student": hostile},
        "options": {"max_length": hostile},
    }
    card = yaml.safe_load(files["README.md"].split("---\n")[1])
    assert card["sdk"] == "gradio" and card["title"] == " ".join(hostile.split()) and "models" not in card


def test_no_local_path_is_published() -> None:
    files = space_files({"student": "a/b"}, "fill-mask", title="/home/ada/runs/mine")
    assert "ada" not in "".join(files.values())


def test_gradio_is_the_version_of_the_constraints() -> None:
    name = "latest" if TRANSFORMERS_5 else "onnx"
    constraints = (Path(__file__).parents[2] / "constraints" / f"{name}.txt").read_text().splitlines()
    assert f"gradio=={GRADIO}" in constraints
