# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Tests of the recipe: its keys, its errors and its changes from the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from hf_distill.errors import InputError
from hf_distill.pipeline.recipe import Recipe, find_recipe, load_recipe, parse_recipe, shipped_recipes

SMALL = {"task": "text-classification", "dataset": {"path": "rows"}, "teacher": {"model": "teacher"}}
WHOLE = {
    "task": "text-classification",
    "dataset": {
        "path": "rows",
        "name": "en",
        "data_files": {"train": "a.parquet", "test": ["b.parquet", "c.parquet"]},
        "splits": {"train": "train", "validation": "dev", "test": "exam"},
        "columns": {"text": "sentence"},
        "max_length": 64,
        "max_train_samples": 100,
        "labels_per_class": 5,
        "seed": 1,
    },
    "teacher": {"model": "teacher", "fine_tune": {"num_train_epochs": 1}},
    "student": {
        "model": "student",
        "num_hidden_layers": 2,
        "layers": [1, 3],
        "hidden_size": 16,
        "num_attention_heads": 2,
        "intermediate_size": 32,
    },
    "objectives": ["logits_kl:temperature=2", {"name": "hidden_mse", "layers": [[1, 2]]}],
    "task_weight": 0.5,
    "training": {"learning_rate": 1e-4, "warmup_ratio": 0.1, "bf16": False},
    "baseline": {"training": {"learning_rate": 1e-5}},
    "evaluation": {"split": "test", "max_samples": 10, "batch_size": 8, "latency_rounds": 3},
    "quantization": [
        {
            "backend": "onnxruntime",
            "mode": "static",
            "weights": "int8",
            "per_channel": False,
            "instructions": "auto",
            "optimization": "O1",
            "calibration_rows": 64,
            "calibration_method": "entropy",
            "max_drop": 0.02,
        }
    ],
}


def refusal(**changes: Any) -> str:
    with pytest.raises(InputError) as caught:
        parse_recipe({**SMALL, **changes}, "my.yaml")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def load_with(tmp_path: Path, *overrides: str) -> Recipe:
    (tmp_path / "my.yaml").write_text(yaml.safe_dump(SMALL))
    return load_recipe(tmp_path / "my.yaml", overrides)


def test_files_need_no_path() -> None:
    assert parse_recipe({**SMALL, "dataset": {"data_files": {"train": "rows.csv"}}}).dataset.path is None


def test_data_set_from_nowhere() -> None:
    assert refusal(dataset={"max_length": 64}) == (
        "my.yaml: dataset.data_files: rows come from a path or from data_files; give one; got None"
    )


def test_every_key_of_the_contract_is_taken() -> None:
    content = parse_recipe(WHOLE).model_dump()
    for section in ("dataset", "teacher", "student", "evaluation"):
        assert {key: content[section][key] for key in WHOLE[section]} == WHOLE[section]
    assert content["objectives"] == WHOLE["objectives"]
    assert content["training"] == WHOLE["training"]
    assert content["baseline"]["training"] == WHOLE["baseline"]["training"]
    assert content["quantization"] == WHOLE["quantization"]


def test_resolved_recipe_is_the_same_recipe() -> None:
    recipe = parse_recipe(WHOLE)
    assert parse_recipe(yaml.safe_load(recipe.to_yaml())) == recipe


def test_defaults_are_in_the_resolved_recipe() -> None:
    content = yaml.safe_load(parse_recipe(SMALL).to_yaml())
    assert content["evaluation"]["batch_size"] == 64
    assert content["quantization"] == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"studnet": {}}, "my.yaml: studnet: unknown key; did you mean 'student'?"),
        ({"dataset": {"path": "a", "colums": {}}}, "dataset.colums: unknown key; did you mean 'columns'?"),
        ({"teacher": {"model": "a", "finetune": {}}}, "teacher.finetune: unknown key; did you mean 'fine_tune'?"),
        (
            {"student": {"num_hidden_layer": 2}},
            "student.num_hidden_layer: unknown key; did you mean 'num_hidden_layers'?",
        ),
        ({"evaluation": {"splits": "test"}}, "evaluation.splits: unknown key; did you mean 'split'?"),
        ({"baseline": {"trainig": {}}}, "baseline.trainig: unknown key; did you mean 'training'?"),
        ({"quantization": [{"backnd": "x"}]}, "quantization.0.backnd: unknown key; did you mean 'backend'?"),
        ({"training": {"learning_rat": 1}}, "training.learning_rat: unknown key; did you mean 'learning_rate'?"),
        (
            {"teacher": {"model": "a", "fine_tune": {"num_train_epoch": 1}}},
            "teacher.fine_tune.num_train_epoch: unknown key; did you mean 'num_train_epochs'?",
        ),
        (
            {"baseline": {"training": {"max_step": 1}}},
            "baseline.training.max_step: unknown key; did you mean 'max_steps'?",
        ),
    ],
)
def test_unknown_key_names_the_nearest(changes: dict[str, Any], message: str) -> None:
    assert message in refusal(**changes)


@pytest.mark.parametrize("key", ["output_dir", "objectives", "task_weight"])
def test_training_field_of_the_run_itself_is_refused(key: str) -> None:
    assert f"training.{key}: is set by the run itself" in refusal(training={key: "x"})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"task": None}, "task: input should be a valid string"),
        ({"dataset": "rows"}, "dataset: input should be"),
        ({"dataset": {"path": "a", "max_length": "long"}}, "dataset.max_length: input should be a valid integer"),
        ({"dataset": {"path": "a", "max_train_samples": 0}}, "dataset.max_train_samples: input should be greater"),
        ({"dataset": {"path": "a", "splits": {"dev": "x"}}}, "dataset.splits.dev"),
        ({"teacher": {}}, "teacher: needs one of model, a checkpoint, and config"),
        ({"student": {"layers": 3}}, "student.layers: input should be a valid list; got 3"),
        ({"task_weight": -1}, "task_weight: input should be greater than or equal to 0; got -1"),
        ({"objectives": "logits_kl"}, "objectives: input should be a valid list; got 'logits_kl'"),
        ({"evaluation": {"split": "exam"}}, "evaluation.split: input should be"),
        ({"quantization": {"backend": "onnxruntime"}}, "quantization: input should be a valid list"),
        ({"quantization": [{"instructions": "mmx"}]}, "quantization.0.instructions: input should be"),
        ({"quantization": [{"backend": "onxruntime"}]}, "no backend 'onxruntime'; did you mean 'onnxruntime'?"),
        (
            {"quantization": [{"backend": "quanto", "mode": "dynamic"}]},
            "quantization.0.mode: quanto has weights, static",
        ),
        ({"quantization": [{"weights": "int4"}]}, "quantization.0.weights: onnxruntime has int8; got 'int4'"),
        (
            {"quantization": [{"backend": "quanto", "optimization": "O2"}]},
            "quantization.0.optimization: quanto does not read it; leave it out",
        ),
        ({"training": {"learning_rate": "fast"}}, "training.learning_rate: input should be a valid number"),
        ({"training": {"max_steps": 1.5}}, "training.max_steps: input should be a valid integer"),
        ({"training": 3}, "training: input should be a valid dictionary; got 3"),
        (
            {"card": {"license": "apache2"}},
            "card.license: the Hub has no licence 'apache2'; did you mean 'apache-2.0'?",
        ),
        ({"card": {"language": ["en", "English"]}}, "card.language: 'english' is no ISO 639 code"),
    ],
)
def test_bad_value_names_the_field(changes: dict[str, Any], message: str) -> None:
    assert message in refusal(**changes)


def test_backend_may_be_listed_once() -> None:
    assert "quantization: each backend may be listed once" in refusal(quantization=[{}, {"per_channel": False}])


def test_baseline_may_be_switched_off() -> None:
    assert parse_recipe({**SMALL, "baseline": False}).baseline is None
    assert parse_recipe({**SMALL, "baseline": True}) == parse_recipe(SMALL)


@pytest.mark.parametrize(
    ("override", "path", "value"),
    [
        ("student.num_hidden_layers=2", "student.num_hidden_layers", 2),
        ("student.layers=[1, 3]", "student.layers", [1, 3]),
        ("dataset.columns.text=review", "dataset.columns", {"text": "review"}),
        ("objectives=[logits_kl, {name: hidden_mse}]", "objectives", ["logits_kl", {"name": "hidden_mse"}]),
        ("objectives=null", "objectives", None),
        ("task_weight=0.25", "task_weight", 0.25),
        ("quantization=[]", "quantization", []),
        ("dataset.name=a=b", "dataset.name", "a=b"),
    ],
)  # fmt: skip
def test_change_from_the_command_line(tmp_path: Path, override: str, path: str, value: object) -> None:
    found: Any = load_with(tmp_path, override)
    for key in path.split("."):
        found = getattr(found, key)
    assert found == value


def test_number_that_yaml_takes_for_a_text_is_a_number(tmp_path: Path) -> None:
    assert load_with(tmp_path, "training.learning_rate=2e-4").training["learning_rate"] == 2e-4


def test_later_change_wins(tmp_path: Path) -> None:
    assert load_with(tmp_path, "training.max_steps=1", "training.max_steps=2").training["max_steps"] == 2


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("quantization", "--set: expected key.key=value; got 'quantization'"),
        ("=3", "--set: expected key.key=value"),
        ("task.name=x", "--set task.name: task has no keys; give its whole value"),
        ("objectives=[", "--set objectives: the value is not YAML: '['"),
        ("student.depth=2", "student.depth: unknown key"),
    ],
)
def test_bad_change_from_the_command_line(tmp_path: Path, override: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        load_with(tmp_path, override)
    assert message in str(caught.value)


@pytest.mark.parametrize("name", sorted(shipped_recipes()))
def test_shipped_recipe_is_right(name: str) -> None:
    dataset = load_recipe(find_recipe(name)).dataset
    assert dataset.path or dataset.data_files


def test_quickstart_is_shipped() -> None:
    assert "quickstart" in shipped_recipes()


def test_file_goes_before_a_shipped_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "quickstart").touch()
    assert find_recipe("quickstart") == Path("quickstart")


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "just a text"])
def test_recipe_must_hold_keys(tmp_path: Path, text: str) -> None:
    (tmp_path / "my.yaml").write_text(text)
    with pytest.raises(InputError, match="my.yaml: must hold keys such as task"):
        load_recipe(tmp_path / "my.yaml")


def test_file_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "my.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="my.yaml: cannot be read"):
        load_recipe(tmp_path / "my.yaml")
