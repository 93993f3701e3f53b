# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""A run and a trainer's student on a stand-in for the Hub: what is there, that it works, and what is refused."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import TOKEN, held, history, results_of, serving, start
from huggingface_hub import ModelCard

from hf_distill.cli import main
from tiny import make_setup, works

pytestmark = [pytest.mark.hub, pytest.mark.timeout(600)]

BACKEND = "onnxruntime" if works("onnxruntime") else "quanto"
MODEL_FILE = "model_quantized.onnx" if BACKEND == "onnxruntime" else "quanto_qmap.json"
FOLDER = "onnx" if BACKEND == "onnxruntime" else "quanto"
INT8 = f"tester/tiny-int8-{BACKEND}"
TEXTS = ["the film was great", "a dull plot", "anna in rome"]
REPORT = ["README.md", "recipe.yaml", "report/metrics.json"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run."""
    folder = tmp_path_factory.mktemp("runs of ada")
    setup = make_setup(folder / "setup")
    options = {"quantization": [{"backend": BACKEND}], "publish": {"repo_id": "from-recipe", "message": "All"}}
    recipe = setup.write(folder / "recipe.yaml", baseline=None, **options)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_TOKEN", TOKEN)
        main(["run", str(recipe), "--output-dir", str(folder / "run"), "--until", "card"])
    return folder / "run"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """One stand-in for all tests of this file."""
    with serving(tmp_path_factory.mktemp("hub")) as server:
        yield server


@pytest.fixture(scope="module")
def told(run: Path, server: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What came of a start that was killed at the second repository, and of all that was done after it."""
    folder = tmp_path_factory.mktemp("client")
    publish = ["publish", str(run), "--repo-id", "tester/tiny", "--license", "MIT", "--recording", "--tag", "v1"]
    publish += ["--message", "Publish"]
    server.hub.add_fault("lfs-batch@2=slow:2")
    process = start("hf_distill", publish, server, folder)
    for _ in range(4000):
        if server.hub.faults[0]["seen"] >= 2:
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    out, err = process.communicate()
    killed = {"student": held(server, "tester/tiny"), "quantized": held(server, INT8), "out": out + err}
    server.hub.faults.clear()
    shutil.copytree(run / "student", folder / "local")
    shutil.copytree(run / "quantized" / BACKEND, folder / "local" / FOLDER)
    spoilt = run / "student" / "notes.txt"
    same = ["publish", str(run), "--repo-id", "friends/one", "--quantized", "same", "--private", "--space"]
    steps = {
        "again": ("command", {"arguments": publish}),
        "third": ("command", {"arguments": publish}),
        "student": ("answers", {"repo_id": "tester/tiny", "folder": str(run / "student"), "texts": TEXTS}),
        "int8": ("answers", {"repo_id": INT8, "folder": str(run / "quantized" / BACKEND), "texts": TEXTS}),
        "recipe": ("command", {"arguments": ["run", str(run.parent / "recipe.yaml"), "--output-dir", str(run)]}),
        "same": ("command", {"arguments": same}),
        "within": (
            "answers",
            {"repo_id": "friends/one", "folder": str(folder / "local"), "texts": TEXTS, "place": 1},
        ),
        "demo": ("visit", {"repo_id": "friends/one-demo", "text": TEXTS[0]}),
        "proposed": ("command", {"arguments": ["publish", str(run), "--repo-id", "tester/open", "--pull-request"]}),
        "email": ("write", {"path": str(spoilt), "text": "ask ada@example.org"}),
        "with_email": ("command", {"arguments": publish}),
        "path": ("write", {"path": str(spoilt), "text": f"see {run}/student"}),
        "with_path": ("command", {"arguments": publish}),
        "gone": ("write", {"path": str(spoilt), "text": None}),
        "license": ("command", {"arguments": [*publish[:4], "--license", "mine"]}),
        "foreign": ("command", {"arguments": ["publish", str(run), "--repo-id", "stranger/tiny"]}),
    }
    results = dict(zip(steps, results_of(start("client.py", list(steps.values()), server, folder))))
    return {**results, "killed": killed}


def test_a_killed_start_shows_whole_repositories_only_and_is_finished_by_the_same_command(told, server):
    killed = told["killed"]
    assert set(killed["student"]) >= {*REPORT, "config.json", "model.safetensors"}
    assert not killed["quantized"]
    assert TOKEN not in killed["out"]
    assert told["again"]["status"] == 0, told["again"]
    assert told["again"]["out"][-3:] == [
        f"student: {server.url}/tester/tiny",
        f"quantized/{BACKEND}: {server.url}/{INT8}",
        f"recording: {server.url}/datasets/tester/tiny-recording",
    ]
    kinds = {"tester/tiny": "models", INT8: "models", "tester/tiny-recording": "datasets"}
    for name, kind in kinds.items():
        assert history(server, name, kind=kind) == ["Publish"]
        assert held(server, name, kind=kind) == held(server, name, "v1", kind=kind)
    assert MODEL_FILE in held(server, INT8)
    assert {"recording.json", "README.md"} <= set(held(server, "tester/tiny-recording", kind="datasets"))


def test_a_third_start_sends_nothing(told, server):
    assert told["third"] == told["again"]
    names = ("tester/tiny", INT8, "tester/tiny-recording")
    commits = [entry["path"] for entry in server.hub.log if entry["op"] == "commit" and entry["status"] == 200]
    assert [sum(f"/{name}/" in path for path in commits) for name in names] == [1, 1, 1]


def pictures(files: dict[str, str]) -> set[str]:
    """The pictures that a card shows."""
    return set(re.findall(r"!\[[^]]*\]\(([^)]+)\)", files["README.md"]))


@pytest.mark.parametrize("name", ["student", "int8", "within"])
def test_what_was_fetched_says_what_the_local_model_says(told, name):
    assert isinstance(told[name], dict), told[name]
    assert len(told[name]["published"]) == len(TEXTS)
    assert told[name]["published"] == told[name]["local"]


def test_cards_name_what_was_published_and_tell_nothing_private(told, server, run):
    student, int8 = (ModelCard(held(server, name)["README.md"]).data for name in ("tester/tiny", INT8))
    assert student.license == int8.license == "mit" and student.base_model is None
    assert (int8.base_model, int8.to_dict()["base_model_relation"]) == ("tester/tiny", "quantized")
    files = held(server, "tester/tiny")
    assert "report/comparison.png" in pictures(files) and pictures(files) <= set(files)
    assert pictures(held(server, INT8)) <= set(held(server, INT8))
    # These show rows of the data.
    assert (run / "report" / "disagreements.json").is_file()
    assert not {"report/index.html", "report/disagreements.json"} & set(files)
    recipe = yaml.safe_load(files["recipe.yaml"])
    assert recipe["task"] == "text-classification" and recipe["publish"] is None
    metrics = json.loads(files["report/metrics.json"])
    local = json.loads((run / "report" / "metrics.json").read_text())
    assert metrics["student"] == local["student"]
    stored = [path for path in server.hub.root.rglob("*") if path.is_file()]
    for path in stored:
        content = path.read_bytes()
        for private in (TOKEN, str(run), "runs of ada", os.path.expanduser("~") + "/"):
            assert private.encode() not in content, (path, private)


def test_the_last_stage_of_a_recipe_that_says_so_publishes(told, server, run):
    assert told["recipe"]["status"] == 0, told["recipe"]
    assert history(server, "tester/from-recipe") == history(server, f"tester/from-recipe-int8-{BACKEND}") == ["All"]
    stage = json.loads((run / "manifest.json").read_text())["stages"]["publish"]
    assert stage["repositories"]["student"] == f"{server.url}/tester/from-recipe"


def test_one_private_repository_holds_all_where_that_is_asked_for(told, server):
    assert told["same"]["out"][-2] == f"student: {server.url}/friends/one"
    repository = server.hub.repo("models", "friends", "one")
    assert repository.json("repo.json")["private"]
    assert f"{FOLDER}/{MODEL_FILE}" in held(server, "friends/one")
    assert held(server, f"friends/one-int8-{BACKEND}") is None


def test_a_demo_of_what_was_published_answers(told, server):
    assert told["same"]["out"][-1] == f"space: {server.url}/spaces/friends/one-demo"
    files = held(server, "friends/one-demo", kind="spaces")
    assert set(files) == {"app.py", "requirements.txt", "README.md"}
    assert ModelCard(files["README.md"]).data.to_dict()["models"] == ["friends/one"]
    student = told["within"]["local"][0]["label"]
    assert told["demo"] == {"student": student, f"quantized/{BACKEND}": student}


def test_pull_requests_are_opened_where_they_are_asked_for(told, server):
    assert told["proposed"]["out"][-2] == f"student: {server.url}/tester/open/discussions/1"
    assert held(server, "tester/open") == {} and "model.safetensors" in held(server, "tester/open", "refs/pr/1")


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("with_email", "notes.txt: line 1 of the model tester/tiny: holds an e-mail address; take it out of"),
        ("with_path", "notes.txt: line 1 of the model tester/tiny: holds a local path; take it out of"),
        ("license", "license: the Hub has no licence 'mine'"),
        ("foreign", "repo_id: this token may not write to the model stranger/tiny (the Hub answered 403 "),
    ],
)
def test_what_is_refused_costs_one_line(told, name, line):
    assert told[name]["status"] == 2
    (error,) = told[name]["errors"]
    assert error.startswith(f"hf-distill: {line}")


@pytest.fixture
def script(run: Path) -> Callable[..., tuple[str, dict[str, Any]]]:
    """A step in which a script publishes its student."""

    def step(output_dir: str, **options: Any) -> tuple[str, dict[str, Any]]:
        models = {"teacher": str(run / "student"), "student": str(run / "student"), "tokenizer": str(run / "student")}
        return "push_trained", {**models, "output_dir": output_dir, **options}

    return step


def test_a_trainer_publishes_its_student_in_one_commit(client, hub, script):
    results = client(
        script("my-student", commit_message="First"),
        script("out", hub_model_id="friends/named", hub_private_repo=True, revision="dev", blocking=False),
        script("other", hub_model_id="stranger/model"),
    )
    first, second, foreign = results
    assert isinstance(first, dict) and first["same"] and first["url"] == f"{hub.url}/tester/my-student", first
    assert history(hub, "tester/my-student") == ["First"]
    names = set(held(hub, "tester/my-student"))
    assert names >= {"README.md", "config.json", "model.safetensors", "tokenizer.json"}
    assert not {"training_args.bin", "optimizer.pt"} & names
    assert pictures(held(hub, "tester/my-student")) <= names
    assert isinstance(second, dict) and second["same"], second
    assert hub.hub.repo("models", "friends", "named").json("repo.json")["private"]
    assert history(hub, "friends/named", "dev") == ["End of training"] and held(hub, "friends/named") == {}
    assert foreign.startswith("InputError: repo_id: this token may not write to the model stranger/model ")
