# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Tests of transfer sets, and of labels that the teacher makes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from datasets import Dataset
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from hf_distill.errors import InputError
from hf_distill.pipeline.context import Context, prepare
from hf_distill.pipeline.manifest import Run
from hf_distill.pipeline.recipe import parse_recipe
from hf_distill.pipeline.run import run_recipe
from hf_distill.pipeline.teacher_labels import label_by_teacher

TASKS = ["text-classification", "multi-label-text-classification", "text-regression", "token-classification"]


@pytest.fixture
def texts(tmp_path: Path) -> str:
    rows = {
        "review": ["good film", "a dull plot", "anna"],
        "tokens": [["good"], ["a", "plot"], ["anna"]],
        "label": [7, 8, 9],
    }
    Dataset.from_dict(rows).to_parquet(tmp_path / "more.parquet")
    return str(tmp_path / "more.parquet")


def context_of(content: dict[str, Any], folder: Path) -> Context:
    recipe = parse_recipe(content)
    return prepare(recipe, Run(folder))


@pytest.mark.parametrize("task", TASKS)
def test_rows_of_a_transfer_set_are_training_rows_without_a_label(
    task: str, setup: Any, texts: str, tmp_path: Path
) -> None:
    columns = {"tokens": "tokens"} if task == "token-classification" else {"text": "review"}
    content = setup.content(task, dataset__transfer={"data_files": texts, "columns": columns})
    data = context_of(content, tmp_path / "run").data
    assert (len(data.train), len(data.labelled)) == (99, 96)
    assert all(label == -100 for label in np.ravel(data.train[97]["labels"]))
    tokenizer = AutoTokenizer.from_pretrained(setup.folder / "teacher")
    assert data.train[97]["input_ids"] == tokenizer("a dull plot" if "text" in columns else "a plot")["input_ids"]


def test_a_part_of_it_may_be_drawn(setup: Any, texts: str, tmp_path: Path) -> None:
    transfer = {"data_files": [texts], "columns": {"text": "review"}, "max_samples": 2}
    assert len(context_of(setup.content(dataset__transfer=transfer), tmp_path / "run").data.train) == 98


@pytest.mark.parametrize(
    ("transfer", "complaint"),
    [
        ({"data_files": "nowhere.parquet"}, "dataset.transfer.data_files.train: no such file"),
        ({"columns": {"text": "reviews"}}, "dataset.transfer.columns.text: .* did you mean 'review'"),
        ({"columns": {"texts": "review"}}, "dataset.transfer.columns: text-classification has no column 'texts'"),
    ],
)
def test_what_is_wrong_with_it_is_named(
    transfer: dict, complaint: str, setup: Any, texts: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=complaint):
        context_of(setup.content(dataset__transfer={"data_files": texts, **transfer}), tmp_path / "run")


def test_it_needs_a_source(setup: Any) -> None:
    with pytest.raises(InputError, match="dataset.transfer.data_files: rows come from a path or from data_files"):
        parse_recipe(setup.content(dataset__transfer={"split": "train"}))


def test_the_teacher_labels_the_rows_that_it_is_sure_of(setup: Any, texts: str, tmp_path: Path) -> None:
    content = setup.content(dataset__transfer={"data_files": texts, "columns": {"text": "review"}})
    context = context_of(content, tmp_path / "run")
    teacher = AutoModelForSequenceClassification.from_pretrained(setup.folder / "teacher").eval()
    batch = context.task.collator(context.processor)([context.data.train[row] for row in (96, 97, 98)])
    with torch.no_grad():
        shares = teacher(**{key: batch[key] for key in ("input_ids", "attention_mask")}).logits.softmax(-1)
    sureness, expected = shares.max(-1)
    context.recipe.dataset.teacher_labels = float(sureness.sort().values[1])
    labelled, number = label_by_teacher(context, teacher, context.data.train)
    assert number == 2
    found = labelled["labels"][96:]
    assert [label for label in found if label != -100] == expected[sureness >= sureness.median()].tolist()
    assert found[int(sureness.argmin())] == -100
    assert labelled["labels"][:96] == context.data.train["labels"][:96]


def test_a_run_learns_from_both(setup: Any, texts: str, tmp_path: Path) -> None:
    content = setup.content(
        dataset__transfer={"data_files": texts, "columns": {"text": "review"}}, dataset__teacher_labels=0.0
    )
    run = run_recipe(parse_recipe(content), tmp_path / "run", until="baseline")
    stages = json.loads((run / "manifest.json").read_text())["stages"]
    assert (stages["student"]["train_rows"], stages["student"]["labelled_rows"]) == (99, 99)
    assert stages["baseline"]["train_rows"] == 96


def test_teacher_labels_are_for_one_class_a_row(setup: Any) -> None:
    for task in ("text-regression", "token-classification", "multi-label-text-classification"):
        with pytest.raises(InputError, match=f"dataset.teacher_labels: {task} has no one class for each row"):
            parse_recipe(setup.content(task, dataset__teacher_labels=0.9))
