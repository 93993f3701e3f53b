# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""The recipes' script that makes the data of one task of those of another."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from datasets import ClassLabel, Dataset, Features, List, Value, load_dataset

from hf_distill.pipeline.data import load_raw
from hf_distill.pipeline.recipe import load_recipe

RECIPES = Path(__file__).parents[2] / "recipes"
SCRIPT = RECIPES / "make_data.py"
SPLITS = ("train", "validation", "test")
TAGS = ["O", "B-city", "I-city", "B-date", "I-date", "B-weather"]


@pytest.fixture
def make(tmp_path: Path) -> Callable[[str, Dataset], dict[str, str]]:
    """Run the script for a recipe on three splits of the same rows; return the files by split."""

    def run(name: str, rows: Dataset) -> dict[str, str]:
        (tmp_path / "source").mkdir()
        for split in SPLITS:
            rows.to_parquet(tmp_path / "source" / f"{split}.parquet")
        subprocess.run([sys.executable, SCRIPT, name, tmp_path / "source", tmp_path / "made"], check=True)
        return {split: str(tmp_path / "made" / f"{split}.parquet") for split in SPLITS}

    return run


def test_requests_have_the_kinds_of_their_slots(make: Callable) -> None:
    features = Features({"text": Value("string"), "slot_tags": List(ClassLabel(names=TAGS))})
    rows = [
        {"text": "to New York on Monday , then Rome", "slot_tags": [0, 1, 2, 0, 3, 0, 0, 1]},
        {"text": "hello", "slot_tags": [0]},
        {"text": "to Rome on Monday", "slot_tags": [0, 1, 0, 3]},
    ]
    # One request in twenty-two has a kind of its own, which is too few.
    rows += [rows[1]] * 18 + [{"text": "rain", "slot_tags": [5]}]
    files = make("snips_slot_kinds", Dataset.from_list(rows, features=features))
    made = load_dataset("parquet", data_files=files)["train"]
    assert made.features["labels"].feature.names == ["city", "date"]
    assert made[:] == {"text": [row["text"] for row in rows], "labels": [[0, 1], [], [0, 1], *[[]] * 19]}
    recipe = load_recipe(RECIPES / "snips_slot_kinds" / "recipe.yaml", [f"dataset.data_files={files}"])
    assert load_raw(recipe)[2] == ["city", "date"]


def test_premises_with_all_kinds_of_sentences_become_a_choice(make: Callable) -> None:
    kinds = ["entailment", "neutral", "contradiction"]
    features = Features({"sentence1": Value("string"), "sentence2": Value("string"), "label": ClassLabel(names=kinds)})
    pairs = [("a dog", "an animal", 0), ("a cat", "it is grey", 1), ("a dog", "it barks", 1), ("a dog", "a cat", 2)]
    # Without a label, and a second sentence that follows.
    pairs += [("a cat", "an animal", -1), ("a dog", "a being", 0), ("a cat", "a dog", 2)]
    rows = Dataset.from_list([dict(zip(features, pair)) for pair in pairs], features=features)
    files = make("snli_choices", rows)
    (row,) = load_dataset("parquet", data_files=files)["train"]
    assert row["text"] == "a dog"
    assert sorted(row["choices"]) == ["a cat", "an animal", "it barks"]
    assert row["choices"][row["label"]] == "an animal"
    recipe = load_recipe(RECIPES / "snli_choices" / "recipe.yaml", [f"dataset.data_files={files}"])
    assert load_raw(recipe)[1]["test"].num_rows == 1


@pytest.mark.parametrize(
    ("column", "output", "line"),
    [
        ("text", "made", "source: snli_choices reads the columns sentence1, sentence2, label; {} has no sentence1"),
        ("text", "source", "output: {} is there already; choose another folder"),
        (None, "made", "dataset.data_files.train: no such file: {}/train.parquet"),
    ],
)
def test_what_cannot_be_made_is_refused_in_a_line(column: str | None, output: str, line: str, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for split in SPLITS if column else ():
        Dataset.from_dict({column: ["a"]}).to_parquet(source / f"{split}.parquet")
    given = [sys.executable, SCRIPT, "snli_choices", source, tmp_path / output]
    ended = subprocess.run(given, capture_output=True, text=True)
    assert ended.returncode == 2
    assert ended.stderr.splitlines()[-1] == f"make_data.py: {line.format(source)}"
    assert not list(source.parent.glob("*made*"))
