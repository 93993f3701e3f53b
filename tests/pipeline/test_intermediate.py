# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Recipes with a preset, and with a stage of training before the last."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hf_distill.errors import InputError
from hf_distill.pipeline.recipe import load_recipe, parse_recipe
from hf_distill.pipeline.training import shared_budget

MINIMAL = {"task": "text-classification", "dataset": {"path": "a/b"}, "teacher": {"model": "c/d"}}


def stages_of(run: Path) -> dict[str, Any]:
    return json.loads((run / "manifest.json").read_text())["stages"]


def test_a_preset_stands_for_its_keys() -> None:
    recipe = parse_recipe({**MINIMAL, "preset": "tinybert"})
    assert [objective["name"] for objective in recipe.objectives] == ["logits_ce"]
    assert recipe.task_weight == 0.0
    assert [entry["name"] for entry in recipe.intermediate.objectives] == [
        "embedding_mse",
        "hidden_mse",
        "attention_mse",
    ]


def test_the_resolved_recipe_can_be_read_again(tmp_path: Path) -> None:
    recipe = parse_recipe({**MINIMAL, "preset": "tinybert", "intermediate": {"share": 0.25}})
    (tmp_path / "recipe.yaml").write_text(recipe.to_yaml())
    assert load_recipe(tmp_path / "recipe.yaml") == recipe
    assert recipe.intermediate.share == 0.25


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"preset": "tinybart"}, "preset: there is no preset 'tinybart'; did you mean 'tinybert'?"),
        ({"preset": "pkd", "objectives": ["pkd"]}, "objectives: the preset pkd says what it is; leave out"),
        ({"preset": "pkd", "task_weight": 1.0}, "task_weight: the preset pkd says what it is; leave out"),
        ({"preset": "minilm", "intermediate": {"objectives": ["pkd"]}}, "intermediate: the preset minilm says what"),
        ({"intermediate": {"share": 0.5}}, "intermediate.objectives: is missing"),
        (
            {"intermediate": {"objectives": ["pkd"], "share": 1}},
            "intermediate.share: input should be less than 1",
        ),
        ({"intermediate": {"objectives": ["zzz"]}}, "objectives: there is no objective 'zzz'"),
        (
            {"intermediate": {"objectives": ["pkd"], "training": {"epochs": 1}}},
            "intermediate.training.epochs: unk",
        ),
    ],
)
def test_mistakes_are_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as error:
        parse_recipe({**MINIMAL, **changes})
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"max_steps": 10}, {"max_steps": 4}),
        ({"max_steps": 1}, {"max_steps": 1}),
        ({"num_train_epochs": 5, "max_steps": -1}, {"num_train_epochs": 2.0, "max_steps": -1}),
        ({}, {"num_train_epochs": 1.2}),
    ],
)
def test_a_stage_has_its_share_of_the_budget(options: dict[str, Any], expected: dict[str, Any]) -> None:
    assert shared_budget(options, 0.4) == pytest.approx(expected)


def test_both_stages_run_on_one_budget_and_are_skipped_when_done(
    setup: Any, command: Callable, tmp_path: Path
) -> None:
    recipe = setup.write(tmp_path / "recipe.yaml", preset="tinybert", intermediate__share=0.25)
    result = command("run", recipe, "--output-dir", tmp_path / "run")
    assert result.status == 0, result.err
    stages = stages_of(tmp_path / "run")
    assert [stages[name]["steps"] for name in ("intermediate", "student", "baseline")] == [1, 3, 4]
    card = (tmp_path / "run" / "student" / "README.md").read_text()
    assert "- Objective of the first stage `attention_mse`" in card
    assert "- Steps: 4" in card
    again = command("run", recipe, "--output-dir", tmp_path / "run")
    assert "intermediate: done already" in again.out
    assert "student: done already" in again.out


def test_a_layer_map_that_was_measured_is_in_the_manifest_and_on_the_card(
    setup: Any, command: Callable, tmp_path: Path
) -> None:
    changes = {"objectives": ["hidden_mse:layers=auto"], "baseline": None}
    recipe = setup.write(tmp_path / "recipe.yaml", **changes)
    result = command("run", recipe, "--output-dir", tmp_path / "run")
    assert result.status == 0, result.err
    pairs = stages_of(tmp_path / "run")["student"]["objectives"][0]["layers"]
    assert [own for own, _ in pairs] == [1, 2]
    card = (tmp_path / "run" / "student" / "README.md").read_text()
    assert f"layer map (student from teacher) 1 from {pairs[0][1]}, 2 from {pairs[1][1]}" in card
