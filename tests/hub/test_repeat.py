# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Repeating a published run: `hf-distill run hub:OWNER/NAME` against a stand-in for the Hub."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from transformers import BertForSequenceClassification

from tiny import BAD, FILLERS, GOOD, LABELS, SPECIAL, make_texts, save_teacher, tiny_recipe

HERE = Path(__file__).parent


pytestmark = pytest.mark.hub

NAME = "tester/small"
Started = subprocess.CompletedProcess


@pytest.fixture
def start(hub: Any, tmp_path: Path, token: str) -> Callable[..., Started]:
    """Start Python with the stand-in as the Hub, in an empty folder."""
    (tmp_path / "here").mkdir()

    def run(*arguments: str, stdin: str = "", **settings: str) -> Started:
        settings = {
            "HF_ENDPOINT": hub.url,
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_OFFLINE": "0",
            "HF_HOME": str(tmp_path / "home"),
            "HF_TOKEN": token,
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": os.pathsep.join(filter(None, [str(HERE.parents[1]), os.environ.get("PYTHONPATH")])),
            **settings,
        }
        return subprocess.run(
            [sys.executable, *arguments],
            env={**os.environ, **settings},
            cwd=tmp_path / "here",
            input=stdin,
            capture_output=True,
            text=True,
            timeout=240,
        )

    return run


@pytest.fixture
def publish(start: Callable[..., Started]) -> Callable[..., list[str]]:
    """Make repositories, and say what becomes of published recipes."""

    def run(repositories: dict[str, Any], load: Sequence[str] = ()) -> list[str]:
        done = start(str(HERE / "repeat.py"), stdin=json.dumps({"publish": repositories, "load": load}))
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    return run


@pytest.fixture
def repeat(start: Callable[..., Started]) -> Callable[..., Started]:
    """Run `hf-distill run hub:...`."""
    return lambda *arguments, **settings: start("-m", "hf_distill", "run", *arguments, **settings)


def of_recipe(content: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"files": {"recipe.yaml": yaml.safe_dump(content, sort_keys=False)}, **more}


def count_commits(hub: Any) -> int:
    return sum(entry["op"] == "commit" for entry in hub.hub.log)


def test_a_published_run_is_repeated_and_publishes_nothing(publish, repeat, hub, tmp_path):
    vocabulary = [*SPECIAL, *GOOD, *BAD, *FILLERS]
    save_teacher(tmp_path / "teacher", BertForSequenceClassification, LABELS, vocabulary)
    (tmp_path / "data").mkdir()
    for split, rows in (("train", 32), ("test", 16)):
        make_texts(rows, seed=rows).to_parquet(tmp_path / "data" / f"{split}.parquet")
    content = tiny_recipe("text-classification", {}, "tester/teacher", baseline=None)
    content |= {"dataset": {"path": "tester/data"}, "publish": {"repo_id": NAME}}
    content["training"] |= {"report_to": "wandb", "push_to_hub": True, "hub_model_id": "tester/other"}
    publish(
        {
            NAME: {**of_recipe(content), "private": True},
            "tester/teacher": {"folder": str(tmp_path / "teacher")},
            "tester/data": {"type": "dataset", "folder": str(tmp_path / "data")},
        }
    )
    commits = count_commits(hub)
    first = repeat(f"hub:{NAME}", "evaluation.latency_rounds=4")
    assert first.returncode == 0, first.stderr
    dropped = {line.partition(":")[0] for line in first.stdout.splitlines() if "dropped" in line}
    fields = ("training.report_to", "training.push_to_hub", "training.hub_model_id")
    assert dropped == {f"== {key}" for key in ("publish", *fields)}
    run = tmp_path / "here" / "runs" / "small"
    assert (run / "student" / "config.json").is_file() and (run / "report" / "metrics.json").is_file()
    resolved = yaml.safe_load((run / "recipe.yaml").read_text())
    assert resolved["teacher"]["model"] == "tester/teacher" and resolved["evaluation"]["latency_rounds"] == 4
    assert not resolved.get("publish") and not set(resolved["training"]) & {"report_to", "push_to_hub", "hub_model_id"}
    again = repeat(f"hub:{NAME}@main", "evaluation.latency_rounds=4")
    assert again.returncode == 0 and "== student: done already" in again.stdout
    assert count_commits(hub) == commits


def test_what_the_hub_does_not_have_is_said_in_a_line(publish):
    files = {"train": "train.parquet", "test": "test.parquet"}
    addresses = [NAME, f"{NAME}@v9", "tester/nothing", "tester/local"]
    local = of_recipe(tiny_recipe("text-classification", files, "runs/teacher"))
    told = publish(
        {NAME: {"files": {"README.md": "nothing else"}}, "tester/local": local}, [f"hub:{name}" for name in addresses]
    )
    no_recipe, no_revision, nothing, asked = told
    assert no_recipe == (
        f"RECIPE: the model {NAME} has no recipe.yaml; only runs that hf-distill publish published can be repeated"
    )
    assert no_revision == f"RECIPE: the Hub does not have the model {NAME} at v9; check the branch, tag or commit"
    assert nothing.startswith("RECIPE: the Hub does not have the model tester/nothing, or does not show it to this ")
    keys = "dataset.data_files.train=... dataset.data_files.test=... teacher.model=..."
    assert asked.startswith(f"hub:tester/local: add {keys} (dataset.data_files.train is 'train.parquet', of the mac")
    assert asked.endswith(
        "teacher.model is 'runs/teacher', nothing that the Hub has or shows; give your folder or a Hub id)"
    )


def test_without_a_network_it_is_said_in_a_line(repeat, tmp_path):
    done = repeat(f"hub:{NAME}", HF_HUB_OFFLINE="1")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"hf-distill: RECIPE: the model {NAME} is not on this machine and the Hub cannot be reached; "
        "fetch it while online\n"
    )
    assert list((tmp_path / "here").iterdir()) == []
