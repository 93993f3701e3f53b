# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""A whole tiny run of every task: report, quantized model, and cards whose code runs."""

from __future__ import annotations

import html
import json
import math
import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from huggingface_hub import ModelCard
from transformers import AutoConfig

from cards import card_rules
from hf_distill.errors import InputError
from hf_distill.evaluation.disagreements import read_disagreements
from hf_distill.pipeline.cards import card_contents
from hf_distill.pipeline.recipe import parse_recipe
from hf_distill.pipeline.run import open_run, run_recipe
from hf_distill.presets import PRESETS
from hf_distill.publishing.card import render_card
from hf_distill.tasks import find_task, list_tasks
from tiny import works

TASKS = [task.name for task in list_tasks()]
# What the softened probabilities of classes are to these tasks, nothing is.
WITHOUT_PROBABILITIES = {"multi-label-text-classification", "text-regression", "sentence-similarity"}
ONE_ANSWER = {
    "text-classification", "image-classification", "audio-classification", "multiple-choice", "question-answering",
}  # fmt: skip
SOFTENED = {"logits_kl", "logits_ce", "dkd", "dist"}


BACKEND = next((name for name in ("onnxruntime", "quanto") if works(name)), None)


def content_of(task: str, setup: Any, media: Any, **changes: Any) -> dict[str, Any]:
    """Return the tiny recipe of a task."""
    medium = task.partition("-")[0]
    return media.content(medium, **changes) if medium in ("image", "audio") else setup.content(task, **changes)


@pytest.fixture(scope="module", params=TASKS)
def run(request: pytest.FixtureRequest, setup: Any, media: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    quantization = [{"backend": BACKEND, "max_drop": None}] if BACKEND else []
    content = content_of(request.param, setup, media, quantization=quantization, training__max_steps=2)
    return run_recipe(parse_recipe(content), tmp_path_factory.mktemp("runs") / "tiny")


def task_of(run: Path) -> Any:
    return find_task(yaml.safe_load((run / "recipe.yaml").read_text())["task"])


def test_every_model_is_measured(run: Path) -> None:
    report, task = json.loads((run / "report" / "metrics.json").read_text()), task_of(run)
    models = ["teacher", "baseline", "student", *([f"quantized/{BACKEND}"] if BACKEND else [])]
    for model in models:
        assert math.isfinite(report[model]["metrics"][task.primary_metric])
        assert report[model]["latency_ms"]["batch_32"]["p50"] > 0
    assert report["teacher"]["agreement_with_teacher"] == pytest.approx(1.0)


def test_examples_on_which_student_and_teacher_differ_can_be_read(run: Path) -> None:
    report, found = json.loads((run / "report" / "metrics.json").read_text()), read_disagreements(run)
    assert found.examples_measured == report["rows"]
    assert 0 < len(found.examples) <= found.differing <= report["rows"]
    models = {key for key in report if key in ("teacher", "baseline", "student") or key.startswith("quantized/")}
    for example in found.examples:
        assert example.text or example.picture
        assert set(example.answers) == models and example.reference
        assert all(answer.text for answer in example.answers.values())
        assert found.numbers or example.answers["teacher"].text != example.answers["student"].text
    if report["task"] in ONE_ANSWER:
        assert 1 - found.differing / report["rows"] == pytest.approx(report["student"]["agreement_with_teacher"])
    assert found.examples[0].answers["student"].text in html.unescape((run / "report" / "index.html").read_text())


def test_the_student_is_a_checkpoint_with_the_head(run: Path) -> None:
    task = task_of(run)()
    assert task.has_head(AutoConfig.from_pretrained(run / "student"))
    _, found = task.model_class.from_pretrained(run / "student", output_loading_info=True)
    assert not any(found[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys"))


@pytest.mark.parametrize("model", ["student", *([f"quantized/{BACKEND}"] if BACKEND else [])])
def test_the_hub_takes_the_card(run: Path, model: str) -> None:
    text, task = (run / model / "README.md").read_text(), task_of(run)
    assert card_rules().check_card(text) == ([], [])
    card = ModelCard(text)
    assert card.data.pipeline_tag == task.pipeline_tag
    scores = json.loads((run / "report" / "metrics.json").read_text())[model]["metrics"]
    assert {result.metric_type: result.metric_value for result in card.data.eval_results} == pytest.approx(
        scores, abs=1e-6
    )
    for picture in re.findall(r"!\[[^]]*\]\(([^)]*)\)", card.text):
        assert (run / model / picture).is_file()
    assert card.text.count("![") == 2


def test_classes_are_measured_where_there_are_some(run: Path) -> None:
    report, name = json.loads((run / "report" / "metrics.json").read_text()), task_of(run).name
    classes = report["student"].get("per_class", {})
    assert bool(classes) == (name.endswith("-classification"))
    for scores in classes.values():
        assert set(scores) == {"f1", "precision", "recall", "support"}


@pytest.mark.skipif(BACKEND is None, reason="needs a backend")
def test_a_model_in_a_folder_of_the_students_repository_runs_from_its_card(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = Path(shutil.copytree(run / "student", tmp_path / "repository"))
    shutil.copytree(run / "quantized" / BACKEND, repository / "small")
    key = f"quantized/{BACKEND}"
    cards = card_contents(open_run(run), {"student": "ada/student"}, {key: "small"})
    assert list(cards) == ["student"]
    text = render_card(cards["student"]).text
    assert "](report/comparison.png)" in text and "](report/losses.png)" in text
    _, code = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    found: dict[str, Any] = {}
    exec(code.replace('"ada/student"', repr(str(repository))), found)
    assert callable(found["model"])


@pytest.mark.parametrize("model", ["student", *([f"quantized/{BACKEND}"] if BACKEND else [])])
def test_the_code_of_the_card_runs(run: Path, model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    card = (run / model / "README.md").read_text()
    code = re.search(r"```python\n(.*?)```", card, flags=re.DOTALL)[1]
    # The card calls it by the name that it has where it is published.
    name = re.search(r'from_pretrained\(\s*"([^"]+)"|model="([^"]+)"|name = "([^"]+)"', code)
    monkeypatch.chdir(run / model)
    found: dict[str, Any] = {}
    exec(code.replace(f'"{next(filter(None, name.groups()))}"', f'"{os.getcwd()}"'), found)
    assert callable(found["predict"] if task_of(run).has_pipeline else found["model"])


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("task", TASKS)
def test_every_preset_trains_every_task_or_is_refused(
    task: str, preset: str, setup: Any, media: Any, tmp_path: Path
) -> None:
    content = content_of(task, setup, media, preset=preset, baseline=None, recording=None, training__max_steps=2)
    recipe = PRESETS[preset].to_recipe()
    names = {entry["name"] for entry in [*recipe["objectives"], *recipe.get("intermediate", {}).get("objectives", [])]}
    if task in WITHOUT_PROBABILITIES and names & SOFTENED:
        with pytest.raises(InputError, match="objective .*: compares logits"):
            parse_recipe(content)
        return
    run = run_recipe(parse_recipe(content), tmp_path / "run", until="student")
    manifest = json.loads((run / "manifest.json").read_text())
    assert manifest["stages"]["student"]["state"] == "done"
