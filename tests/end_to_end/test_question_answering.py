# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""A whole tiny run of question answering, and what its cards say."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from datasets import Dataset, concatenate_datasets
from transformers import AutoModelForQuestionAnswering

from hf_distill.errors import InputError
from hf_distill.pipeline.data import load_raw
from hf_distill.pipeline.recipe import parse_recipe
from hf_distill.pipeline.run import run_recipe
from hf_distill.quantization import find_backend

TASK = "question-answering"
# Enough steps for the student to find the answers.
LEARNING = {"training__max_steps": 60, "training__learning_rate": 0.01}


def backends() -> list[str]:
    """The backends that work here."""
    try:
        find_backend("onnxruntime").check()
        found = ["onnxruntime"]
    except InputError:
        found = []
    return found + (["quanto"] if importlib.util.find_spec("optimum.quanto") else [])


@pytest.fixture(scope="module")
def finished(setup: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run."""
    quantization = [{"backend": name, "max_drop": 0.05} for name in backends()]
    content = setup.content(TASK, quantization=quantization, **LEARNING)
    return run_recipe(parse_recipe(content), tmp_path_factory.mktemp("runs") / "tiny")


def report_of(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "report" / "metrics.json").read_text())


def test_every_model_is_scored_and_the_student_has_learnt(finished: Path) -> None:
    report = report_of(finished)
    assert (report["primary_metric"], report["task"], report["split"]) == ("f1", TASK, "test")
    # Examples, and not their windows.
    assert report["rows"] == 48
    models = ["teacher", "baseline", "student", *(f"quantized/{name}" for name in backends())]
    for name in models:
        assert set(report[name]["metrics"]) == {"f1", "exact_match"}
        assert 0 <= report[name]["metrics"]["exact_match"] <= report[name]["metrics"]["f1"] <= 1
        assert 0 <= report[name]["agreement_with_teacher"] <= 1
    assert report["student"]["metrics"]["f1"] > 0.6 > report["teacher"]["metrics"]["f1"]
    for name in models[3:]:
        assert report[name]["largest_logit_error"] > 0
        assert report[name]["agreement_with_student"] > 0.5


def test_student_loads_with_no_missing_and_no_unexpected_keys(finished: Path) -> None:
    _, info = AutoModelForQuestionAnswering.from_pretrained(finished / "student", output_loading_info=True)
    assert not info["missing_keys"]
    assert not info["unexpected_keys"]


@pytest.mark.parametrize("model", ["student", *(f"quantized/{name}" for name in backends())])
def test_code_of_the_card_finds_the_answer(model: str, finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    card = (finished / model / "README.md").read_text()
    assert "pipeline_tag: question-answering" in card
    code = re.search(r"```python\n(.*?)```", card, re.DOTALL)[1]
    name = "tiny" if model == "student" else re.search(r'"(tiny-[^"]+)"', code)[1]
    found: dict[str, Any] = {}
    exec(code.replace(f'"{name}"', repr(str(finished / model))), found)
    assert len(capsys.readouterr().out.splitlines()) == 1
    test_file = yaml.safe_load((finished / "recipe.yaml").read_text())["dataset"]["data_files"]["test"]
    right = [
        row["answers"]["text"][0] == found["predict"](row["question"], row["context"])
        for row in Dataset.from_parquet(test_file)
        # The code reads what fits into one window.
        if len(row["context"].split()) < 20
    ]
    assert len(right) > 10
    assert sum(right) > 0.5 * len(right)


def test_a_teacher_is_fine_tuned_and_questions_without_an_answer_are_learnt(setup: Any, tmp_path: Path) -> None:
    files = {}
    for split in ("train", "test"):
        rows = Dataset.from_parquet(str(setup.folder / f"questions-{split}.parquet"))
        kinds = {"none": {"text": [], "answer_start": []}, "unlabelled": None}
        parts = [rows]
        for answers in kinds.values():
            some = rows.select(range(len(rows) // 2)).remove_columns("answers")
            some = some.map(lambda row: {"question": "was the plot in"})
            parts.append(some.add_column("answers", [answers] * len(some), feature=rows.features["answers"]))
        concatenate_datasets(parts).to_parquet(tmp_path / f"{split}.parquet")
        files[split] = str(tmp_path / f"{split}.parquet")
    teacher = {"model": str(setup.folder / "teacher"), "fine_tune": {"max_steps": 4}}
    content = setup.content(TASK, dataset__data_files=files, teacher=teacher)
    run_recipe(parse_recipe(content), tmp_path / "run")
    report = report_of(tmp_path / "run")
    assert report["rows"] == 48 + 24
    stage = json.loads((tmp_path / "run" / "manifest.json").read_text())["stages"]["student"]
    assert stage["labelled_rows"] < stage["train_rows"]
    assert 'return ""' in (tmp_path / "run" / "student" / "README.md").read_text()


def test_windows_and_answers_are_as_long_as_the_recipe_says(setup: Any, tmp_path: Path) -> None:
    content = setup.content(
        TASK, dataset__max_length=24, dataset__stride=2, evaluation__max_answer_length=1, evaluation__split="test"
    )
    task, data, _ = load_raw(parse_recipe(content))
    assert (task.max_length, task.stride, task.max_answer_length) == (24, 2, 1)
    run = run_recipe(parse_recipe(content), tmp_path / "run")
    assert report_of(run)["rows"] == len(data["test"])
    with pytest.raises(InputError, match=r"evaluation\.max_answer_length: text-classification does not read it"):
        parse_recipe(setup.content(evaluation__max_answer_length=1))
    with pytest.raises(InputError, match=r"dataset\.stride: text-classification does not read it"):
        parse_recipe(setup.content(dataset__stride=1))


def test_classes_are_not_counted(setup: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"dataset\.labels_per_class: question-answering has no classes; leave it"):
        run_recipe(parse_recipe(setup.content(TASK, dataset__labels_per_class=4)), tmp_path / "run")


def test_a_teacher_with_another_head_is_refused(setup: Any, tmp_path: Path) -> None:
    content = setup.content(TASK, teacher__model=str(setup.folder / "tagger"))
    with pytest.raises(InputError, match="has no head for question-answering"):
        run_recipe(parse_recipe(content), tmp_path / "run")
