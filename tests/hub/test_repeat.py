# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Repeating a published run: `hf-distill run hub:OWNER/NAME` against a stand-in for the Hub."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from transformers import BertForSequenceClassification

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "pipeline"))

from tiny import BAD, FILLERS, GOOD, LABELS, SPECIAL, make_texts, save_teacher, tiny_recipe  # noqa: E402

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
def publish(start: Callable[..., Started]) -> Callable[..., None]:
    """Make repositories."""

    def run(repositories: dict[str, Any]) -> None:
        made = start(str(HERE / "repeat.py"), stdin=json.dumps(repositories))
        assert made.returncode == 0, made.stderr

    return run


@pytest.fixture
def repeat(start: Callable[..., Started]) -> Callable[..., Started]:
    """Run `hf-distill run hub:...`."""
    return lambda *arguments, **settings: start("-m", "hf_distill", "run", *arguments, **settings)


def of_recipe(content: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"files": {"recipe.yaml": yaml.safe_dump(content)}, **more}


def count_commits(hub: Any) -> int:
    return sum(entry["op"] == "commit" for entry in hub.hub.log)


def refusal(done: Started) -> str:
    assert done.returncode == 2, done
    assert done.stdout == "" and len(done.stderr.splitlines()) == 1, done
    return done.stderr.removeprefix("hf-distill: ").rstrip()


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


def test_what_is_local_to_its_author_is_asked_for(publish, repeat):
    files = {"train": "train.parquet", "test": "test.parquet"}
    publish({NAME: of_recipe(tiny_recipe("text-classification", files, "teacher"))})
    told = refusal(repeat(f"hub:{NAME}"))
    assert told.startswith(
        f"hub:{NAME}: add dataset.data_files.train=... dataset.data_files.test=... teacher.model=... ("
    )
    told = refusal(repeat(f"hub:{NAME}", "dataset.data_files.train=a.parquet", "--set", "teacher.model=./teacher"))
    assert told.startswith(f"hub:{NAME}: add dataset.data_files.test=... (")


def test_what_is_no_recipe_is_refused_in_a_line(publish, repeat, tmp_path):
    bomb = "a: &a [x, x]\nb: &b [*a, *a]\ntask: *b\n"
    publish(
        {
            NAME: {"files": {"README.md": "nothing else"}},
            "tester/bomb": {"files": {"recipe.yaml": bomb}},
            "tester/text": {"files": {"recipe.yaml": "- \x1b[31m: ["}},
            "tester/code": {"files": {"recipe.yaml": "task: !!python/object/apply:os.system ['touch harmed']\n"}},
            "tester/deep": {"files": {"recipe.yaml": "[" * 20000}},
            "tester/large": {"files": {"recipe.yaml": "#" * 300_000}},
            "tester/keys": of_recipe({"task": "text-classification", "\x1b[2Jdataset": {}}),
        }
    )
    expected = {
        NAME: f"RECIPE: the model {NAME} has no recipe.yaml; only runs that hf-distill publish published can be",
        "tester/nothing": "RECIPE: the Hub does not have the model tester/nothing, or does not show it to this token",
        f"{NAME}@v9": f"RECIPE: the Hub does not have the model {NAME} at v9; check the branch, tag or commit",
        "nobody": "RECIPE: a published run is named hub:OWNER/NAME or hub:OWNER/NAME@REVISION; got 'hub:nobody'",
        "../..": "RECIPE: must be OWNER/NAME",
        "tester/bomb": "hub:tester/bomb: its recipe.yaml has YAML aliases",
        "tester/text": "hub:tester/text: its recipe.yaml is not YAML",
        "tester/code": "hub:tester/code: its recipe.yaml is not YAML",
        "tester/deep": "hub:tester/deep: its recipe.yaml is not YAML",
        "tester/large": "hub:tester/large: its recipe.yaml has 300,000 bytes",
        "tester/keys": "hub:tester/keys: \\x1b[2Jdataset: unknown key",
    }
    for name, message in expected.items():
        assert refusal(repeat(f"hub:{name}")).startswith(message)
    assert list((tmp_path / "here").iterdir()) == []


def test_without_a_network_it_is_said_in_a_line(repeat):
    done = repeat(f"hub:{NAME}", HF_ENDPOINT="http://127.0.0.1:9")
    assert "cannot be reached" in refusal(done)
