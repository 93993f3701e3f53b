# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Tests that a user's own files work, whatever their format, names of columns and kind of labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datasets import ClassLabel, Dataset

from hf_distill.pipeline.context import prepare
from hf_distill.pipeline.data import TaskData
from hf_distill.pipeline.manifest import Run
from hf_distill.pipeline.recipe import parse_recipe

TEXTS = ["good film", "a dull plot", "anna was good", "awful cast"]
KINDS, ENDS = ["O", "B-LOC"], ["good", "bad", "plot"]
COLUMNS = {
    "text-classification": {"text": "review", "label": "verdict"},
    "text-regression": {"text": "review", "label": "stars"},
    "token-classification": {"tokens": "words", "tags": "kinds"},
    "multi-label-text-classification": {"text": "review", "labels": "topics"},
    "multiple-choice": {"text": "start", "choices": "ends", "label": "right"},
}
ROWS: dict[str, dict[str, list]] = {
    "text-classification": {"review": TEXTS, "verdict": ["pos", "neg", "pos", "neg"]},
    "text-regression": {"review": TEXTS, "stars": [4.5, 1.0, 4.0, 0.5]},
    "token-classification": {
        "words": [["anna", "was"], ["in", "rome"]] * 2,
        "kinds": [["B-PER", "O"], ["O", "B-LOC"]] * 2,
    },
    "multi-label-text-classification": {"review": TEXTS, "topics": [["pos"], ["neg"], ["pos", "neg"], []]},
    "multiple-choice": {
        "start": TEXTS,
        "ends": [["good", "bad", "plot"]] * 4,
        "right": ["good", "bad", "plot", "good"],
    },
}


def write(rows: Dataset, folder: Path, kind: str) -> dict[str, str]:
    folder.mkdir(exist_ok=True)
    files = {split: str(folder / f"{split}.{kind}") for split in ("train", "test")}
    for file in files.values():
        {"csv": rows.to_csv, "jsonl": rows.to_json, "parquet": rows.to_parquet}[kind](file)
    return files


def load(setup: Any, task: str, files: dict[str, str], folder: Path) -> TaskData:
    content = setup.content(task, dataset={"data_files": files, "columns": COLUMNS[task]}, teacher__fine_tune={})
    return prepare(parse_recipe(content), Run(folder / "run")).data


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize("task", ["text-classification", "text-regression"])
def test_files_of_texts_work_by_the_names_of_their_columns(task: str, kind: str, setup: Any, tmp_path: Path) -> None:
    data = load(setup, task, write(Dataset.from_dict(ROWS[task]), tmp_path / "data", kind), tmp_path)
    expected = [1, 0, 1, 0] if task == "text-classification" else ROWS[task]["stars"]
    assert data.train["labels"][:] == expected


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
@pytest.mark.parametrize("task", ["token-classification", "multi-label-text-classification", "multiple-choice"])
def test_files_of_lists_work_by_the_names_of_their_columns(task: str, kind: str, setup: Any, tmp_path: Path) -> None:
    data = load(setup, task, write(Dataset.from_dict(ROWS[task]), tmp_path / "data", kind), tmp_path)
    assert len(data.labelled) == 4
    if task == "multiple-choice":
        assert data.train["labels"][:] == [0, 1, 2, 0]
    else:
        assert len(data.names) == {"token-classification": 3, "multi-label-text-classification": 2}[task]


@pytest.mark.parametrize("labels", ["names", "numbers", "numbers_with_gaps", "class_labels"])
@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_labels_may_be_of_any_kind(labels: str, kind: str, setup: Any, tmp_path: Path) -> None:
    values = {"names": ["pos", "neg", "pos", None], "numbers_with_gaps": [1, 0, 1, None]}.get(labels, [1, 0, 1, 0])
    rows = Dataset.from_dict({"review": TEXTS, "verdict": values})
    if labels == "class_labels":
        rows = rows.cast_column("verdict", ClassLabel(names=["neg", "pos"]))
    data = load(setup, "text-classification", write(rows, tmp_path / "data", kind), tmp_path)
    assert data.train["labels"][:] == [1, 0, 1, 0 if None not in values else -100]
    named = labels == "names" or (labels == "class_labels" and kind == "parquet")
    assert data.names == (["neg", "pos"] if named else ["LABEL_0", "LABEL_1"])


def test_columns_of_0_and_1_in_a_csv_are_labels(setup: Any, tmp_path: Path) -> None:
    files = write(
        Dataset.from_dict({"review": TEXTS, "rude": [0, 1, 0, 1], "long": [0, 1, 1, 0]}), tmp_path / "data", "csv"
    )
    columns = {"text": "review", "labels": ["rude", "long"]}
    content = setup.content(
        "multi-label-text-classification", dataset={"data_files": files, "columns": columns}, teacher__fine_tune={}
    )
    data = prepare(parse_recipe(content), Run(tmp_path / "run")).data
    assert data.names == ["rude", "long"]
    assert np.array_equal(data.train["labels"], [[0, 0], [1, 1], [0, 1], [1, 0]])
