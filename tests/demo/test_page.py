# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""The page itself, served and asked; skipped where Gradio is not installed."""

from __future__ import annotations

import importlib.util
import os
import socket
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from given import MEDIA
from hf_distill import list_tasks
from hf_distill.demo import DemoSource, build_page, page, serve
from hf_distill.errors import InputError
from hf_distill.publishing.space import space_files

needs_gradio = pytest.mark.skipif(
    importlib.util.find_spec("gradio") is None, reason='Gradio is not installed: pip install "hf-distill[demo]"'
)


@pytest.fixture(autouse=True)
def one_round(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure as shortly as can be, and keep what Gradio reads at its import out of other tests."""
    monkeypatch.setattr("hf_distill.demo.side_by_side.MOST_ROUNDS", 1)
    monkeypatch.setenv("GRADIO_ANALYTICS_ENABLED", "True")


@contextmanager
def served(blocks: Any) -> Iterator[str]:
    """Serve a page at a free port, and give its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    told: list[str] = []
    options = {"announce": told.append, "server_name": "127.0.0.1", "server_port": port}
    threading.Thread(target=serve, args=(blocks,), kwargs=options, daemon=True).start()
    for _ in range(300):
        if told:
            break
        time.sleep(0.1)
    assert told == [f"The page is at http://127.0.0.1:{port}/ (Ctrl-C ends it)"]
    try:
        yield f"http://127.0.0.1:{port}/"
    finally:
        blocks.close()


def test_without_gradio_it_is_said_what_to_install(command: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "gradio", None)
    done = command("demo", "run")
    assert (done.status, done.out) == (2, "")
    assert done.err == 'hf-distill: demo: needs Gradio, which is not installed; pip install "hf-distill[demo]"\n'


@needs_gradio
def test_what_is_no_run_costs_one_line(command: Callable, tmp_path: Path) -> None:
    done = command("demo", tmp_path, "--no-browser")
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith(f"hf-distill: {tmp_path}: is not a run") and len(done.err.splitlines()) == 1


@needs_gradio
@pytest.mark.parametrize("task", [task.name for task in list_tasks()])
def test_the_app_of_a_space_builds_the_page_of_every_task(task: str, make_source: Callable[[str], DemoSource]) -> None:
    app = space_files(make_source(task).models, task)["app.py"]
    names: dict[str, Any] = {"__name__": "app"}
    exec(compile(app, "app.py", "exec"), names)
    components = [block.label for block in names["page"].blocks.values() if getattr(block, "label", None)]
    assert components[0] == {"image": "Image", "audio": "Sound"}.get(MEDIA.get(task, ""), components[0])
    assert os.environ["GRADIO_ANALYTICS_ENABLED"] == "False"


@needs_gradio
def test_a_served_page_answers_and_lets_browsers_load_nothing_from_elsewhere(
    make_source: Callable[[str], DemoSource],
) -> None:
    from gradio_client import Client

    hostile = "<script>alert(1)</script>"
    with served(build_page(make_source("text-classification"), title=hostile)) as address:
        with urllib.request.urlopen(address, timeout=60) as answer:
            assert answer.headers["content-security-policy"] == page.POLICY.decode()
        client = Client(address, verbose=False, analytics_enabled=False)
        reply = client.predict(hostile, "", api_name="/answer")
        assert "teacher</h3>" in reply and "student</h3>" in reply and "ms" in reply
        assert "<script>" not in reply
        wrong = client.predict("", "", api_name="/answer")
        assert "Text: is empty; give one" in wrong


@needs_gradio
def test_a_port_that_is_taken_costs_one_line(make_source: Callable[[str], DemoSource]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        blocks = build_page(make_source("text-classification"))
        with pytest.raises(InputError, match="--host, --port: .*; choose another"):
            serve(blocks, server_name="127.0.0.1", server_port=taken.getsockname()[1])
