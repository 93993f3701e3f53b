# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Reading the recipe of a published run; tests/hub has those that ask a Hub."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from huggingface_hub import HfApi

from hf_distill.errors import InputError
from hf_distill.pipeline import published
from hf_distill.pipeline.published import PublishedRecipe, load_published

CONTENT = {
    "task": "text-classification",
    "dataset": {"path": "org/data"},
    "teacher": {"model": "org/teacher"},
    "training": {"max_steps": 4, "report_to": "wandb"},
}


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., PublishedRecipe]:
    """Load a recipe of this content, by this address."""
    fetched: list[Any] = []

    def read(content: Any, *changes: str, address: str = "hub:org/small") -> PublishedRecipe:
        text = content if isinstance(content, bytes) else yaml.safe_dump(content).encode()
        (tmp_path / "recipe.yaml").write_bytes(text)
        return load_published(address, changes)

    def fetch(*arguments: Any, **options: Any) -> str:
        fetched.append((arguments, options))
        return str(tmp_path / "recipe.yaml")

    monkeypatch.setattr(published, "hf_hub_download", fetch)
    monkeypatch.setattr(HfApi, "repo_exists", lambda self, name, **options: True)
    read.fetched = fetched  # type: ignore[attr-defined]
    return read


def test_nothing_but_the_recipe_is_fetched(load: Any) -> None:
    found = load(CONTENT, address="hub:org/small@v1")
    assert found.name == "small" and found.recipe.teacher.model == "org/teacher"
    assert load.fetched == [(("org/small", "recipe.yaml"), {"revision": "v1"})]


def test_changes_are_taken_as_they_are_and_after_what_is_dropped(load: Any) -> None:
    found = load(CONTENT, "training.report_to=tensorboard", "dataset.path=package:mine")
    assert found.recipe.training == {"max_steps": 4, "report_to": "tensorboard"}
    assert found.recipe.dataset.path == "package:mine"
    assert [line.partition(":")[0] for line in found.dropped] == ["training.report_to"]


def test_mistakes_of_a_recipe_name_where_it_is_from(load: Any) -> None:
    with pytest.raises(InputError, match="hub:org/small: studnet: unknown key; did you mean 'student'"):
        load({**CONTENT, "studnet": {}})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a: &a [x, x]\nb: &b [*a, *a]\ntask: *b\n", "has YAML aliases"),
        (b"- : [", "is not YAML"),
        (b"task: !!python/object/apply:os.system ['false']\n", "is not YAML"),
        (b"[" * 200_000, "is nested more than 50 levels deep"),
        (b"- " * 100_000, "is nested more than 50 levels deep"),
        (b"\xff\xfe", "is not YAML"),
        (b"[1, 2]", "must hold keys"),
        (b"#" * 300_000, "has 300,000 bytes"),
    ],
)
def test_what_is_no_recipe_is_refused_in_a_line(load: Any, content: bytes, message: str) -> None:
    with pytest.raises(InputError) as error:
        load(content)
    assert str(error.value).startswith("hub:org/small: its recipe.yaml") and message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "address", ["hub:", "hub:small", "hub:a/b/c", "hub:../..", "hub:a/b@", "hub:a b/c", "hub:-a/b"]
)
def test_what_names_no_repository_is_refused(load: Any, address: str) -> None:
    with pytest.raises(InputError, match="RECIPE: "):
        load(CONTENT, address=address)
    assert load.fetched == []


def test_what_would_steer_a_terminal_is_written_out(load: Any, command: Any) -> None:
    with pytest.raises(InputError):
        load({**CONTENT, "\x1b[2Jtask": 1})
    done = command("run", "hub:org/small")
    assert done.status == 2 and "[U+001B][2Jtask: unknown key" in done.err and "\x1b" not in done.err
