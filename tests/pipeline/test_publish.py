# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Tests of what a recipe and a command may say of publishing; what comes of it is in tests/hub."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from hf_distill.errors import InputError
from hf_distill.pipeline.recipe import load_recipe, parse_publish
from hf_distill.pipeline.stages import STAGES


@pytest.mark.parametrize(
    ("section", "line"),
    [
        ({"repo_id": "ada/tiny", "privat": True}, "publish.privat: unknown key; did you mean 'private'?"),
        ({"private": True}, "publish.repo_id: is missing"),
        ({"repo_id": "a/b/c"}, "publish.repo_id: must be OWNER/NAME"),
        ({"repo_id": "ada/tiny", "license": "mine"}, "publish.license: the Hub has no licence 'mine'"),
        ({"repo_id": "ada/tiny", "quantized": "both"}, "publish.quantized: "),
        ({"repo_id": "ada/tiny"}, "publish: there is no token; log in with hf auth login, or set HF_TOKEN"),
    ],
)
def test_what_is_wrong_is_said_before_time_is_spent(
    refused: Callable, setup: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, section: dict, line: str
) -> None:
    monkeypatch.setattr("huggingface_hub.get_token", lambda: None)
    assert line in refused(setup.write(tmp_path / "recipe.yaml", publish=section))


def test_options_go_before_the_recipes_own(setup: Any, tmp_path: Path) -> None:
    given = {"repo_id": "ada/tiny", "license": "MIT", "quantized": "same"}
    recipe = load_recipe(setup.write(tmp_path / "recipe.yaml", publish=given))
    section = parse_publish(recipe, {"quantized": "separate", "tag": "v1"})
    assert (section.repo_id, section.license, section.quantized, section.tag) == ("ada/tiny", "mit", "separate", "v1")
    assert parse_publish(load_recipe(setup.write(tmp_path / "other.yaml")), {"repo_id": "tiny"}).repo_id == "tiny"


def test_a_recipe_for_others_does_not_say_where_to_publish(setup: Any, tmp_path: Path) -> None:
    recipe = load_recipe(setup.write(tmp_path / "recipe.yaml", publish={"repo_id": "ada/tiny"}))
    assert yaml.safe_load(recipe.to_shared_yaml()) == {**yaml.safe_load(recipe.to_yaml()), "publish": None}
    assert recipe.publish.repo_id == "ada/tiny"


def test_publishing_comes_last() -> None:
    assert STAGES[-1].name == "publish" and "card" in STAGES[-1].after


def test_what_is_no_finished_run_is_refused(command: Callable, setup: Any, tmp_path: Path) -> None:
    result = command("publish", tmp_path, "--repo-id", "ada/tiny")
    assert result.status == 2 and "is not a run" in result.err
    setup.write(tmp_path / "recipe.yaml")
    result = command("publish", tmp_path, "--repo-id", "ada/tiny")
    assert result.status == 2 and len(result.err.splitlines()) == 1


def test_a_name_is_needed(setup: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="^repo_id: is missing"):
        parse_publish(load_recipe(setup.write(tmp_path / "recipe.yaml")), {})
