# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Tests of rows that cannot be read as they are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset, DatasetDict

from hf_distill.errors import InputError
from hf_distill.pipeline.context import prepare
from hf_distill.pipeline.manifest import Run
from hf_distill.pipeline.recipe import parse_recipe
from hf_distill.pipeline.run import run_recipe
from hf_distill.pipeline.sections import DatasetSection
from hf_distill.pipeline.unusable import leave_out_unusable, settle_cut
from hf_distill.tasks.base import CUT
from hf_distill.tasks.text_classification import TextClassification

TASK = TextClassification(max_length=8)
SOME = {"text": ["good", "", None, "bad"], "label": [0, 1, 0, 1]}


def data(rows: dict[str, list]) -> DatasetDict:
    return DatasetDict(train=Dataset.from_dict(rows), test=Dataset.from_dict({"text": ["film"], "label": [0]}))


def encoded() -> dict[str, Dataset]:
    return {"train": Dataset.from_dict({"input_ids": [[1], [2], [3]], CUT: [False, True, False]})}


def test_the_first_row_that_cannot_be_read_is_refused_by_name() -> None:
    with pytest.raises(
        InputError, match=r"split 'train', row 1: the column 'text' is empty; .* dataset.on_error=skip"
    ):
        leave_out_unusable(TASK, data(SOME), DatasetSection(path="x"))


def test_such_rows_are_left_out_and_counted_where_the_recipe_says_so(caplog: pytest.LogCaptureFixture) -> None:
    kept, counts = leave_out_unusable(TASK, data(SOME), DatasetSection(path="x", on_error="skip"))
    assert kept["train"]["text"][:] == ["good", "bad"]
    assert counts == {"train": {"skipped": 2}}
    assert "train: 2 of 4 rows are left out, the first: dataset, split 'train', row 1" in caplog.text


def test_a_split_of_such_rows_alone_is_refused_all_the_same() -> None:
    with pytest.raises(InputError, match="and so is every other row"):
        leave_out_unusable(TASK, data({"text": [None], "label": [0]}), DatasetSection(path="x", on_error="skip"))


@pytest.mark.parametrize(
    ("choice", "kept", "kind"), [("cut", [[1], [2], [3]], "cut"), ("skip", [[1], [3]], "too_long")]
)
def test_long_inputs_are_cut_or_skipped_and_counted(
    choice: str, kept: list, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    counts: dict = {}
    rows = settle_cut(TASK, encoded(), DatasetSection(path="x", too_long=choice), counts)["train"]
    assert rows["input_ids"][:] == ([[1], [2], [3]] if choice == "cut" else [[1], [3]])
    assert rows.column_names == ["input_ids"]
    assert counts == {"train": {kind: 1}}
    assert "train: 1 of 3 inputs are longer than 8 tokens" in caplog.text


def test_long_inputs_may_be_refused() -> None:
    with pytest.raises(InputError, match="dataset.max_length: train: 1 of 3 inputs are longer than 8 tokens"):
        settle_cut(TASK, encoded(), DatasetSection(path="x", too_long="refuse"), {})


def test_a_split_that_is_not_used_is_not_looked_at(setup: Any, tmp_path: Path) -> None:
    rows = Dataset.from_parquet(str(setup.folder / "texts-test.parquet"))
    rows.map(lambda row: {"text": ""}).to_parquet(tmp_path / "test.parquet")
    files = setup.content()["dataset"]["data_files"]
    files = {"train": files["train"], "validation": files["test"], "test": str(tmp_path / "test.parquet")}
    content = setup.content(dataset__data_files=files, evaluation__split="validation")
    data = prepare(parse_recipe(content), Run(tmp_path / "run")).data
    assert (len(data.evaluation), data.counts) == (48, {})


def test_report_and_card_tell_of_them(setup: Any, tmp_path: Path) -> None:
    rows = Dataset.from_parquet(str(setup.folder / "texts-train.parquet"))
    texts = ["", "good film " * 30, *rows["text"][2:]]
    rows = rows.remove_columns("text").add_column("text", texts)
    rows.to_parquet(tmp_path / "train.parquet")
    content = setup.content(dataset__on_error="skip", baseline=None)
    content["dataset"]["data_files"]["train"] = str(tmp_path / "train.parquet")
    run = run_recipe(parse_recipe(content), tmp_path / "run")
    assert json.loads((run / "report" / "metrics.json").read_text())["data"] == {"train": {"skipped": 1, "cut": 1}}
    card = (run / "student" / "README.md").read_text()
    assert "rows that could not be read and were left out: 1; inputs that were too long and were cut: 1." in card
