# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Tests of the run folder and its manifest."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hf_distill.errors import InputError
from hf_distill.pipeline.manifest import Run, fingerprint, versions


@pytest.fixture
def run(tmp_path: Path) -> Run:
    run = Run.create(tmp_path / "run", "task: a\n")
    run.write_recipe("task: a\n")
    return run


def test_nothing_is_written_until_the_recipe_is(tmp_path: Path) -> None:
    Run.create(tmp_path / "run", "task: a\n")
    assert not (tmp_path / "run").exists()


def test_same_recipe_opens_the_run_again(run: Run) -> None:
    run.record("student", state="done", fingerprint="f", steps=3)
    assert Run.create(run.folder, "task: a\n").stage("student")["steps"] == 3


def test_order_of_keys_is_no_difference(run: Run) -> None:
    (run.folder / "recipe.yaml").write_text("a: 1\nb: {c: 2}\n")
    assert Run.create(run.folder, "b: {c: 2}\na: 1\n").folder == run.folder


def test_other_recipe_is_refused_with_the_difference(run: Run) -> None:
    (run.folder / "recipe.yaml").write_text("training: {max_steps: 1}\n")
    with pytest.raises(InputError, match="training.max_steps is 1 there, 2 here"):
        Run.create(run.folder, "training: {max_steps: 2}\n")


def test_empty_folder_may_become_a_run(tmp_path: Path) -> None:
    assert Run.create(tmp_path, "task: a\n").manifest["stages"] == {}


def test_what_a_killed_start_was_writing_is_no_hindrance(tmp_path: Path) -> None:
    (tmp_path / ".recipe.yaml.4711.tmp").write_text("task")
    assert Run.create(tmp_path, "task: a\n").manifest["stages"] == {}


def test_folder_with_anything_else_cannot_become_a_run(tmp_path: Path) -> None:
    (tmp_path / ".notes").touch()
    with pytest.raises(InputError, match="is not empty and not a run"):
        Run.create(tmp_path, "task: a\n")


def test_file_cannot_become_a_run(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="is not empty and not a run"):
        Run.create(tmp_path / "file", "task: a\n")


def test_folder_without_recipe_is_not_opened(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"is not a run \(it has no recipe.yaml\)"):
        Run.open(tmp_path)


def test_damaged_manifest_is_named(run: Run) -> None:
    (run.folder / "manifest.json").write_text("{")
    with pytest.raises(InputError, match="manifest.json: is damaged"):
        Run.open(run.folder)


def test_stage_is_done_with_the_same_inputs_only(run: Run) -> None:
    run.record("student", state="running", fingerprint="one")
    assert not run.is_done("student", "one")
    run.record("student", state="done")
    assert run.is_done("student", "one")
    assert not run.is_done("student", "two")
    assert not run.is_done("baseline", "one")


def test_manifest_is_on_disk_with_the_versions(run: Run) -> None:
    run.record("student", state="done")
    manifest = json.loads((run.folder / "manifest.json").read_text())
    assert manifest == {"stages": {"student": {"state": "done"}}, "versions": versions()}
    assert "transformers" in manifest["versions"]


def test_checkpoints_of_the_same_inputs_are_kept(run: Run) -> None:
    (run.checkpoints("student", "one") / "checkpoint-1").mkdir()
    assert (run.checkpoints("student", "one") / "checkpoint-1").is_dir()


def test_checkpoints_of_other_inputs_are_removed(run: Run) -> None:
    (run.checkpoints("student", "one") / "checkpoint-1").mkdir()
    assert not (run.checkpoints("student", "two") / "checkpoint-1").exists()


def test_fingerprint_is_of_the_content() -> None:
    assert fingerprint({"a": 1, "b": [2]}) == fingerprint({"b": [2], "a": 1}) != fingerprint({"a": 1, "b": [3]})
