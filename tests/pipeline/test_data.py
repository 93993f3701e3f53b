# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Tests of the way from a recipe's data set to tokenized splits."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset, DatasetDict
from transformers import BertConfig

from hf_distill.errors import InputError
from hf_distill.pipeline.context import Context, prepare
from hf_distill.pipeline.data import evaluation_split, settle_labels
from hf_distill.pipeline.manifest import Run
from hf_distill.pipeline.recipe import EvaluationSection, parse_recipe

THREE = DatasetDict({split: Dataset.from_dict({"text": ["a"]}) for split in ("train", "validation", "test")})


def prepared(setup: Any, tmp_path: Path, *task: str, **changes: Any) -> Context:
    return prepare(parse_recipe(setup.content(*task, **changes)), Run(tmp_path / "run"))


@pytest.mark.parametrize(("wanted", "split"), [(None, "test"), ("validation", "validation"), ("test", "test")])
def test_models_are_measured_on_the_split_that_was_asked_for(wanted: str | None, split: str) -> None:
    assert evaluation_split(EvaluationSection(split=wanted), THREE) == split


def test_models_are_measured_on_validation_where_there_is_no_test() -> None:
    data = DatasetDict({split: THREE[split] for split in ("train", "validation")})
    assert evaluation_split(EvaluationSection(), data) == "validation"


def test_split_that_is_not_there_is_named() -> None:
    with pytest.raises(InputError, match="evaluation.split: the data set has no split test; it has train"):
        evaluation_split(EvaluationSection(split="test"), DatasetDict(train=THREE["train"]))


def test_labels_have_the_ids_of_the_teacher() -> None:
    teacher = BertConfig(id2label={0: "POS", 1: "NEG"}, label2id={"POS": 0, "NEG": 1})
    assert settle_labels(["neg", "pos"], teacher) == (["POS", "NEG"], [1, 0])


def test_teacher_without_names_takes_those_of_the_data() -> None:
    assert settle_labels(["neg", "pos"], BertConfig(num_labels=2)) == (["neg", "pos"], [0, 1])


def test_teacher_to_be_fine_tuned_takes_the_labels_of_the_data() -> None:
    assert settle_labels(["a", "b", "c"], None) == (["a", "b", "c"], [0, 1, 2])


def test_preparing_writes_nothing(setup: Any, tmp_path: Path) -> None:
    prepared(setup, tmp_path)
    assert not (tmp_path / "run").exists()


def test_training_rows_are_drawn_with_the_seed_of_the_data(setup: Any, tmp_path: Path) -> None:
    first, again, other = (
        prepared(setup, tmp_path, dataset__max_train_samples=20, dataset__seed=seed).data for seed in (3, 3, 4)
    )
    assert len(first.train) == 20
    assert first.train["input_ids"][:] == again.train["input_ids"][:]
    assert first.train["input_ids"][:] != other.train["input_ids"][:]
    assert first.fingerprint == again.fingerprint != other.fingerprint


def test_labels_per_class_hides_the_others_and_keeps_the_rows(setup: Any, tmp_path: Path) -> None:
    data = prepared(setup, tmp_path, dataset__labels_per_class=4).data
    assert len(data.train) == 96
    assert sorted(data.labelled["labels"]) == [0] * 4 + [1] * 4


def test_labels_per_class_is_not_for_tokens(setup: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="dataset.labels_per_class: token-classification has many labels in a row"):
        prepared(setup, tmp_path, "token-classification", dataset__labels_per_class=4)


def test_measured_rows_may_be_fewer(setup: Any, tmp_path: Path) -> None:
    data = prepared(setup, tmp_path, evaluation__max_samples=7).data
    assert (len(data.evaluation), len(data.train)) == (7, 96)


def test_length_is_what_the_teacher_takes(setup: Any, tmp_path: Path) -> None:
    assert prepared(setup, tmp_path).task.max_length == 32


def test_padding_stays_within_the_positions_of_the_teacher(setup: Any, tmp_path: Path) -> None:
    teacher = Path(shutil.copytree(setup.folder / "teacher", tmp_path / "teacher"))
    config = json.loads((teacher / "config.json").read_text())
    (teacher / "config.json").write_text(json.dumps({**config, "max_position_embeddings": 30}))
    assert prepared(setup, tmp_path, teacher__model=str(teacher)).task.max_length == 24


def test_length_of_the_recipe_cuts(setup: Any, tmp_path: Path) -> None:
    data = prepared(setup, tmp_path, dataset__max_length=4).data
    assert max(map(len, data.train["input_ids"])) == 4


def test_fingerprint_is_of_the_rows_and_not_of_the_file(setup: Any, tmp_path: Path) -> None:
    files = {}
    for split in ("train", "test"):
        files[split] = str(tmp_path / f"copy-{split}.parquet")
        Dataset.from_parquet(str(setup.folder / f"texts-{split}.parquet")).to_parquet(files[split])
    copied = prepared(setup, tmp_path, dataset__data_files=files).data
    assert copied.fingerprint == prepared(setup, tmp_path).data.fingerprint
