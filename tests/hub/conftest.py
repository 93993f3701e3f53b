# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
TOKEN = f"hf_{'a1' * 17}"
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
    server = hub_server.serve(tmp_path / "hub", [f"{TOKEN}:tester:write"])
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def client(hub: Any, tmp_path: Path) -> Callable[..., list[Any]]:
    """Take steps of `client.py` in a process of its own, where the Hub's address is read; return their results."""

    def run(*steps: tuple[str, dict[str, Any]]) -> list[Any]:
        settings = {
            "HF_ENDPOINT": hub.url,
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_OFFLINE": "0",
            "HF_HOME": str(tmp_path / "home"),
            "HF_TOKEN": TOKEN,
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": os.pathsep.join(filter(None, [str(HERE.parents[1]), os.environ.get("PYTHONPATH")])),
        }
        done = subprocess.run(
            [sys.executable, str(HERE / "client.py"), json.dumps(steps)],
            env={**os.environ, **settings},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=240,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    return run
