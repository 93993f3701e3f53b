# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""The stage of a run in which the teacher runs once."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import pytest
import torch
from safetensors.torch import load_file

import hf_distill.knowledge.recorder as recorder
from hf_distill.errors import InputError
from hf_distill.knowledge.live import LiveTeacher
from hf_distill.knowledge.recorded import RecordedTeacher
from hf_distill.pipeline.recipe import load_recipe, parse_recipe
from hf_distill.pipeline.run import run_recipe

MINIMAL = {"task": "text-classification", "dataset": {"path": "a/b"}, "teacher": {"model": "c/d"}}
EXACT = {"recording__compression": "fp32", "baseline": None}


def stages_of(run: Path) -> dict[str, Any]:
    return json.loads((run / "manifest.json").read_text())["stages"]


def largest_difference(one: Path, other: Path) -> float:
    ours, theirs = (load_file(folder / "model.safetensors") for folder in (one, other))
    assert set(ours) == set(theirs)
    return max(torch.max(torch.abs(ours[name] - theirs[name])).item() for name in ours)


@pytest.mark.parametrize("task", ["text-classification", "token-classification"])
def test_a_recording_teaches_what_the_live_teacher_does(setup: Any, tmp_path: Path, task: str) -> None:
    recorded = setup.write(tmp_path / "recorded.yaml", task, **EXACT)
    live = setup.write(tmp_path / "live.yaml", task, recording=None, baseline=None)
    run_recipe(load_recipe(recorded), tmp_path / "recorded", until="student")
    run_recipe(load_recipe(live), tmp_path / "live", until="student")
    assert largest_difference(tmp_path / "recorded" / "student", tmp_path / "live" / "student") < 1e-5
    assert "recording" not in stages_of(tmp_path / "live")
    assert stages_of(tmp_path / "recorded")["recording"]["rows"] == 96


def test_the_teacher_does_not_run_beside_the_student(
    setup: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = load_recipe(setup.write(tmp_path / "recipe.yaml", baseline=None))
    run_recipe(recipe, tmp_path / "run", until="recording")
    calls = []
    ask = LiveTeacher.__call__
    monkeypatch.setattr(LiveTeacher, "__call__", lambda *given: calls.append(given) or ask(*given))
    run_recipe(recipe, tmp_path / "run", until="student")
    # Once, to see that the recording is still what the teacher says.
    assert len(calls) == 1


def test_one_recording_serves_both_stages(setup: Any, tmp_path: Path) -> None:
    recipe = load_recipe(setup.write(tmp_path / "recipe.yaml", preset="tinybert", baseline=None))
    run_recipe(recipe, tmp_path / "run", until="student")
    columns = {column.name for column in RecordedTeacher(tmp_path / "run" / "recording").layout.columns}
    assert {"knowledge_logits", "knowledge_hidden_0", "knowledge_hidden_2", "knowledge_query_4"} <= columns


def test_record_stops_there_and_run_goes_on(setup: Any, command: Callable, tmp_path: Path) -> None:
    recipe = setup.write(tmp_path / "recipe.yaml", baseline=None)
    result = command("record", recipe, "--output-dir", tmp_path / "run")
    assert result.status == 0, result.err
    assert f"The recording is {tmp_path / 'run' / 'recording'}" in result.out
    assert datasets.load_from_disk(str(tmp_path / "run" / "recording")).num_rows == 96
    assert not (tmp_path / "run" / "student").exists()
    assert not (tmp_path / "run" / "checkpoints").exists()
    again = command("run", recipe, "--output-dir", tmp_path / "run", "--until", "student")
    assert "recording: done already" in again.out


def test_record_takes_a_run(setup: Any, command: Callable, tmp_path: Path) -> None:
    recipe = setup.write(tmp_path / "recipe.yaml", baseline=None)
    command("record", recipe, "--output-dir", tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "recording")
    result = command("record", tmp_path / "run")
    assert result.status == 0, result.err
    assert (tmp_path / "run" / "recording" / "recording.json").is_file()


def test_record_needs_a_recipe_that_records(setup: Any, command: Callable, tmp_path: Path) -> None:
    recipe = setup.write(tmp_path / "recipe.yaml", recording=None)
    result = command("record", recipe, "--output-dir", tmp_path / "run")
    assert result.status == 2
    assert "recording: is null, so nothing is recorded" in result.err
    assert not (tmp_path / "run").exists()


def test_nothing_is_recorded_without_objectives(setup: Any, tmp_path: Path) -> None:
    recipe = load_recipe(setup.write(tmp_path / "recipe.yaml", objectives=[], task_weight=1.0))
    run_recipe(recipe, tmp_path / "run", until="recording")
    assert not (tmp_path / "run" / "recording").exists()


def test_an_interrupted_recording_goes_on(setup: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = load_recipe(setup.write(tmp_path / "recipe.yaml", baseline=None, recording__rows_per_shard=32))
    write, written = recorder.write_shard, []

    def fail_at_the_third(folder: Path, name: str, *given: Any) -> Any:
        if len(written) == 2:
            raise KeyboardInterrupt
        written.append(name)
        return write(folder, name, *given)

    monkeypatch.setattr(recorder, "write_shard", fail_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        run_recipe(recipe, tmp_path / "run", until="recording")
    assert not (tmp_path / "run" / "recording").exists()
    monkeypatch.setattr(recorder, "write_shard", lambda *given: written.append(given[1]) or write(*given))
    run_recipe(recipe, tmp_path / "run", until="recording")
    assert written == [f"data/train-{number:05}-of-00003.arrow" for number in range(3)]


def test_another_student_makes_another_recording(setup: Any, tmp_path: Path) -> None:
    first = setup.content(baseline=None)
    run_recipe(parse_recipe(first), tmp_path / "run", until="recording")
    assert RecordedTeacher(tmp_path / "run" / "recording").layer_maps == {"hidden_mse": "uniform"}
    entry = stages_of(tmp_path / "run")["recording"]["fingerprint"]
    other = setup.content(baseline=None, student__num_hidden_layers=1)
    run_recipe(parse_recipe(other), tmp_path / "other", until="recording")
    assert stages_of(tmp_path / "other")["recording"]["fingerprint"] != entry


def test_no_path_of_this_machine_is_written_down(setup: Any, tmp_path: Path) -> None:
    recipe = load_recipe(setup.write(tmp_path / "recipe.yaml", baseline=None))
    run_recipe(recipe, tmp_path / "run", until="recording")
    assert str(setup.folder) not in (tmp_path / "run" / "recording" / "recording.json").read_text()


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"compression": "int4"}, "compression.values: input should be 'fp32', 'fp16', 'bf16', 'int8' or 'log8'"),
        ({"compression": "int8:pca"}, "compression: expected name:option=value"),
        ({"compression": {"values": "int8", "pcs": 3}}, "compression.pcs: "),
        ({"precision": "int8"}, "recording.precision: input should be 'auto', 'fp32', 'bf16' or 'fp16'"),
        ({"rows_per_shard": 0}, "recording.rows_per_shard: input should be greater than or equal to 1"),
        ({"compresion": "int8"}, "recording.compresion: unknown key; did you mean 'compression'?"),
    ],
)
def test_mistakes_are_named(section: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as error:
        parse_recipe({**MINIMAL, "recording": section})
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("option", [{"teacher_dtype": "bf16"}, {"teacher_compile": True}])
def test_how_a_teacher_runs_is_for_one_that_is_not_recorded(option: dict[str, Any]) -> None:
    (name,) = option
    with pytest.raises(InputError, match=f"training.{name}: is for a teacher that is not recorded; add recording"):
        parse_recipe({**MINIMAL, "training": option})
    assert parse_recipe({**MINIMAL, "training": option, "recording": None}).training == option


@pytest.mark.parametrize(("given", "expected"), [(True, "int8"), (False, None), (None, None), ({}, "int8")])
def test_recording_is_switched_on_and_off(given: Any, expected: str | None) -> None:
    section = parse_recipe({**MINIMAL, "recording": given}).recording
    assert (section.compression if section else None) == expected


def test_the_student_of_a_recording_is_a_plain_checkpoint(setup: Any, tmp_path: Path) -> None:
    recipe = load_recipe(setup.write(tmp_path / "recipe.yaml", baseline=None))
    run_recipe(recipe, tmp_path / "run", until="student")
    assert not [name for name in load_file(tmp_path / "run" / "student" / "model.safetensors") if "distil" in name]
