# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
TOKEN, READER, STRANGER = (f"hf_{part * 17}" for part in ("a1", "b2", "c3"))
# The modules of the stand-in import each other by name.
sys.path.insert(0, str(HERE))

import hub_server  # noqa: E402


@pytest.fixture
def token() -> str:
    """A token that may write as the user tester."""
    return TOKEN


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Any]:
    """A stand-in for the Hub: `url`, `hub.log`, `hub.add_fault` and the folder `hub.root` of its repositories."""
    with serving(tmp_path / "hub") as server:
        yield server


@contextmanager
def serving(folder: Path) -> Iterator[Any]:
    """Serve a stand-in with its repositories in a folder."""
    tokens = [f"{TOKEN}:tester:write:friends", f"{READER}:tester:read", f"{STRANGER}:stranger:write"]
    server = hub_server.serve(folder, tokens)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def start(script: str, steps: Any, hub: Any, folder: Path) -> subprocess.Popen:
    """Start a process that takes steps; it reads the Hub's address when it imports the Hub's client."""
    arguments = [str(HERE / script), json.dumps(steps)] if script.endswith(".py") else ["-m", script, *steps]
    settings = {
        "HF_ENDPOINT": hub.url,
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_OFFLINE": "0",
        "HF_HOME": str(folder / "home"),
        "HF_TOKEN": TOKEN,
        "HF_DISTILL_RETRY_SECONDS": "0.05",
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join(filter(None, [str(HERE.parents[1]), os.environ.get("PYTHONPATH")])),
    }
    return subprocess.Popen(
        [sys.executable, *arguments],
        env={**os.environ, **settings},
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def results_of(process: subprocess.Popen) -> list[Any]:
    """Wait for a process that takes steps; return their results."""
    try:
        out, err = process.communicate(timeout=240)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    assert process.returncode == 0, err
    assert TOKEN not in out + err
    return json.loads(out.splitlines()[-1])


@pytest.fixture
def client(hub: Any, tmp_path: Path) -> Callable[..., list[Any]]:
    """Take steps of `client.py` in a process of its own; return their results."""
    return lambda *steps: results_of(start("client.py", steps, hub, tmp_path))


@pytest.fixture
def uploader(hub: Any, tmp_path: Path) -> Callable[..., list[Any]]:
    """Take steps of `uploader.py` in a process of its own; return their results."""
    return lambda *steps: results_of(start("uploader.py", steps, hub, tmp_path))


def held(hub: Any, repo_id: str, revision: str = "main", kind: str = "models") -> dict[str, str] | None:
    """The texts that a repository shows, without those of the Hub's own; `None` if there is no such repository."""
    repository = hub.hub.repo(kind, *repo_id.split("/"))
    if not (repository.path / "refs.json").is_file():
        return None
    files = repository.at(revision)[1]["files"]
    return {
        path: repository.content(entry).read_text(encoding="utf-8", errors="replace")
        for path, entry in files.items()
        if path != ".gitattributes"
    }


def history(hub: Any, repo_id: str, revision: str = "main", kind: str = "models") -> list[str]:
    """Titles of a branch's commits, the latest first, without the one that the Hub begins with."""
    repository, titles = hub.hub.repo(kind, *repo_id.split("/")), []
    while revision:
        commit = repository.at(revision)[1]
        titles.append(commit["title"])
        revision = commit["parent"]
    return titles[:-1]
