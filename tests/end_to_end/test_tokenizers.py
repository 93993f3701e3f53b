# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Runs whose student has another tokenizer than the teacher."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset
from safetensors.torch import load_file
from transformers import AutoConfig, AutoTokenizer, pipeline

from hf_distill.errors import InputError
from hf_distill.pipeline.context import prepare
from hf_distill.pipeline.manifest import Run
from hf_distill.pipeline.recipe import parse_recipe
from hf_distill.pipeline.run import run_recipe
from hf_distill.tasks import find_task
from tiny import LABELS, TAGS, WIDTHS, works

NAMES = {"text-classification": LABELS, "token-classification": TAGS}
OBJECTIVES = {
    "text-classification": ["logits_kl:temperature=2", "hidden_mse", "pkd:layers=skip", "similarity:layers=last"],
    "token-classification": ["logits_kl", "dkd", "hidden_cosine:tokens=predicted", "hidden_mse:tokens=content"],
    "sentence-similarity": ["sentence_cosine", "hidden_mse:layers=last", "rkd_distance:layers=last"],
    "multiple-choice": ["logits_kl", "hidden_mse", "nst:layers=last"],
}


@pytest.fixture
def checkpoint(tokenizers: dict[str, Path], tmp_path: Path) -> Callable[[str, str], str]:
    """Make a random model with its tokenizer: the architecture, and the task."""

    def make(kind: str, task: str) -> str:
        folder, names = tmp_path / f"{kind}-{task}", NAMES.get(task, ["LABEL_0"])
        shutil.copytree(tokenizers[kind], folder)
        tokenizer = AutoTokenizer.from_pretrained(folder)
        config = AutoConfig.for_model(
            kind,
            vocab_size=len(tokenizer),
            pad_token_id=tokenizer.pad_token_id,
            max_position_embeddings=96,
            initializer_range=0.05,
            id2label=dict(enumerate(names)),
            label2id={name: label for label, name in enumerate(names)},
            **WIDTHS,
        )
        torch.manual_seed(len(kind))
        find_task(task)().model_class.from_config(config).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        return str(folder)

    return make


@pytest.fixture
def recipe_of(setup: Any, checkpoint: Callable) -> Callable[..., dict[str, Any]]:
    """Make the recipe of a task, with a teacher and a student of these architectures."""

    def make(task: str, teacher: str = "roberta", student: str = "bert", **changes: Any) -> dict[str, Any]:
        given = {
            "teacher__model": checkpoint(teacher, task),
            "student": {"model": checkpoint(student, task), "num_hidden_layers": 2},
        }
        if "preset" not in changes:
            given["objectives"] = OBJECTIVES.get(task, ["hidden_mse"])
        return setup.content(task, **{**given, **changes})

    return make


def report_of(run: Path) -> dict[str, Any]:
    return json.loads((run / "report" / "metrics.json").read_text())


@pytest.mark.parametrize(
    ("task", "teacher", "student"),
    [
        ("text-classification", "roberta", "bert"),
        ("text-classification", "bert", "roberta"),
        ("token-classification", "roberta", "bert"),
        ("token-classification", "bert", "roberta"),
        ("sentence-similarity", "roberta", "bert"),
        ("multiple-choice", "bert", "roberta"),
    ],
)
def test_a_student_with_another_tokenizer_learns(
    task: str, teacher: str, student: str, recipe_of: Callable, tokenizers: dict[str, Path], tmp_path: Path
) -> None:
    changes = {} if task == "text-classification" else {"baseline": None}
    run = run_recipe(parse_recipe(recipe_of(task, teacher, student, **changes)), tmp_path / "run")
    report = report_of(run)
    models = ("teacher", "student") if changes else ("teacher", "student", "baseline")
    for name in models:
        assert all(math.isfinite(value) for value in report[name]["metrics"].values())
    assert set(report["teacher"]["latency_ms"]) == set(report["student"]["latency_ms"])
    expected = AutoTokenizer.from_pretrained(tokenizers[student]).get_vocab()
    for name in models[1:]:
        assert AutoTokenizer.from_pretrained(run / name).get_vocab() == expected
    stage = Run.open(run).stage("student")
    assert [entry["name"] for entry in stage["objectives"]] == [entry.partition(":")[0] for entry in OBJECTIVES[task]]


def test_each_model_is_measured_with_its_own_tokenizer(recipe_of: Callable, tmp_path: Path) -> None:
    # Ranges of activations are measured on training rows, which are the student's too.
    quantization = [{"backend": "onnxruntime", "mode": "static", "max_drop": None}] if works("onnxruntime") else []
    fine_tune = {"max_steps": 20, "learning_rate": 0.01}
    content = recipe_of("text-classification", teacher__fine_tune=fine_tune, quantization=quantization, baseline=None)
    run = run_recipe(parse_recipe(content), tmp_path / "run")
    rows = Dataset.from_parquet(content["dataset"]["data_files"]["test"])
    for name in ("teacher", "student"):
        # As anyone would load it.
        answers = pipeline("text-classification", model=str(run / name))(list(rows["text"]))
        right = [answer["label"] == LABELS[label] for answer, label in zip(answers, rows["label"])]
        assert report_of(run)[name]["metrics"]["accuracy"] == pytest.approx(sum(right) / len(right), abs=1e-3)
    assert ("quantized/onnxruntime" in report_of(run)) == bool(quantization)


@pytest.mark.parametrize("preset", ["distilbert", "pkd"])
def test_presets_on_examples_and_spans_are_trained(preset: str, recipe_of: Callable, tmp_path: Path) -> None:
    recipe = parse_recipe(recipe_of("text-classification", preset=preset, baseline=None))
    run = run_recipe(recipe, tmp_path / "run", until="student")
    weights = load_file(run / "student" / "model.safetensors")
    assert all(value.isfinite().all() for value in weights.values())


@pytest.mark.parametrize("preset", ["tinybert", "mobilebert", "minilm", "minilm-v2"])
def test_presets_on_attention_are_refused(preset: str, recipe_of: Callable, tmp_path: Path) -> None:
    recipe = parse_recipe(recipe_of("text-classification", preset=preset))
    with pytest.raises(InputError, match=r"objective \w+: compares queries, keys.*token by token"):
        run_recipe(recipe, tmp_path / "run")
    assert not (tmp_path / "run" / "student").exists()


@pytest.mark.parametrize("task", ["question-answering", "fill-mask"])
def test_tasks_whose_rows_are_cut_by_tokens_are_refused(task: str, recipe_of: Callable, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"student.model: its tokenizer differs from the teacher's.*rows of {task}"):
        run_recipe(parse_recipe(recipe_of(task)), tmp_path / "run")


def test_rows_without_labels_get_the_teachers(recipe_of: Callable, tmp_path: Path) -> None:
    content = recipe_of("text-classification", dataset__labels_per_class=8, dataset__teacher_labels=0.1)
    run = run_recipe(parse_recipe(content), tmp_path / "run", until="student")
    assert Run.open(run).stage("student")["labelled_rows"] == 96


def test_both_have_the_rows_that_the_students_tokenizer_leaves(recipe_of: Callable, tmp_path: Path) -> None:
    content = recipe_of("text-classification", dataset__max_length=8, dataset__too_long="skip")
    context = prepare(parse_recipe(content), Run(tmp_path / "run"))
    skipped = context.data.counts["test"]["too_long"]
    assert skipped > 0
    for reader in (context, context.read_by("teacher"), context.read_by("both")):
        assert len(reader.data.evaluation) == 48 - skipped
        assert reader.data.evaluation["labels"] == context.data.evaluation["labels"]
        assert max(map(len, reader.data.evaluation["input_ids"])) <= 8


def test_inputs_are_as_long_as_both_models_take(recipe_of: Callable, tmp_path: Path) -> None:
    content = recipe_of("text-classification")
    file = Path(content["student"]["model"]) / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "max_position_embeddings": 26}))
    assert prepare(parse_recipe(content), Run(tmp_path / "run")).task.max_length == 24
    content["dataset"]["max_length"] = 32
    with pytest.raises(InputError, match="dataset.max_length: 32 is more than the 24 tokens that the student takes"):
        prepare(parse_recipe(content), Run(tmp_path / "run"))


def test_a_stage_is_done_anew_for_another_tokenizer_of_the_teacher(recipe_of: Callable, tmp_path: Path) -> None:
    content = recipe_of("text-classification")
    before = prepare(parse_recipe(content), Run(tmp_path / "run")).data.fingerprint
    assert prepare(parse_recipe(content), Run(tmp_path / "run")).data.fingerprint == before
    file = Path(content["teacher"]["model"]) / "tokenizer.json"
    tokenizer = json.loads(file.read_text())
    tokenizer["model"]["merges"] = tokenizer["model"]["merges"][:5]
    file.write_text(json.dumps(tokenizer))
    for name in ("vocab.json", "merges.txt"):
        (file.parent / name).unlink(missing_ok=True)
    assert prepare(parse_recipe(content), Run(tmp_path / "run")).data.fingerprint != before


def test_plain_text_is_learnt_from_a_teacher_with_the_tokenizer_of_the_student(
    recipe_of: Callable, checkpoint: Callable, setup: Any, tmp_path: Path
) -> None:
    general = {
        "dataset": {"data_files": {"train": str(setup.folder / "texts-train.parquet")}, "max_length": 16},
        "objectives": ["logits_kl"],
        "training": {"max_steps": 2, "disable_tqdm": True, "use_cpu": True},
    }
    recipe = recipe_of("text-classification", baseline=None, quantization=[], general=general)
    with pytest.raises(InputError, match=r"general.teacher: is missing, .*; name a masked language model with the"):
        run_recipe(parse_recipe(recipe), tmp_path / "run")
    recipe["general"]["teacher"] = {"model": checkpoint("bert", "fill-mask")}
    run = run_recipe(parse_recipe(recipe), tmp_path / "run", until="student")
    stages = json.loads((run / "manifest.json").read_text())["stages"]
    assert {name: stages[name]["state"] for name in ("general", "student")} == {"general": "done", "student": "done"}
