# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Tests of finding the row of the data that each answer is about."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset

from hf_distill.pipeline.context import Context, prepare
from hf_distill.pipeline.examples import NUMBER
from hf_distill.pipeline.manifest import Run
from hf_distill.pipeline.recipe import parse_recipe

TEXTS = ["good film", "", "bad plot and cast in rome", "fine", "the film was a", "dull"]
LABELS = [1, 0, 0, 1, -1, 0]


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    path = tmp_path / "rows.parquet"
    Dataset.from_dict({"text": TEXTS, "label": LABELS}).to_parquet(path)
    return {"train": str(path), "test": str(path)}


def prepared(setup: Any, tmp_path: Path, task: str = "text-classification", **changes: Any) -> Context:
    return prepare(parse_recipe(setup.content(task, **changes)), Run(tmp_path / "run"))


def test_rows_without_label_text_or_room_are_passed_over(setup: Any, files: dict[str, str], tmp_path: Path) -> None:
    options = {"data_files": files, "on_error": "skip", "too_long": "skip", "max_length": 6}
    data = prepared(setup, tmp_path, dataset=options).data
    assert data.examples["text"][:] == ["good film", "fine", "dull"]
    assert data.task.references(data.evaluation) == data.examples["label"][:] == [1, 1, 0]
    assert NUMBER not in data.evaluation.column_names


@pytest.mark.parametrize("task", ["question-answering", "sentence-similarity"])
def test_several_encoded_rows_may_be_of_one_example(setup: Any, tmp_path: Path, task: str) -> None:
    data = prepared(setup, tmp_path, task).data
    assert len(data.evaluation) > len(data.examples) == len(data.task.references(data.evaluation)) == 48
    label = "references" if task == "question-answering" else "score"
    assert data.task.references(data.evaluation) == data.examples[label][:]


def test_pieces_of_a_stream_of_text_are_their_own_examples(setup: Any, tmp_path: Path) -> None:
    data = prepared(setup, tmp_path, "fill-mask").data
    assert data.examples[:] == data.evaluation[:]
