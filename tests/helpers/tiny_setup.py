# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Fixtures of a tiny real setup and of the command line in this process; a conftest imports those it wants."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import datasets
import pytest
import transformers

from hf_distill.cli import main
from tiny import Setup, make_setup
from tiny_media import MediaSetup, make_media_setup


@pytest.fixture(scope="session")
def setup(tmp_path_factory: pytest.TempPathFactory) -> Setup:
    """Teachers and data of both tasks."""
    return make_setup(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def media(tmp_path_factory: pytest.TempPathFactory) -> MediaSetup:
    """Teachers and data of the tasks on images and sounds."""
    return make_media_setup(tmp_path_factory.mktemp("media"))


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep data sets out of the user's cache, and progress bars out of what the tests read."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path_factory.mktemp("datasets"))
        datasets.disable_progress_bars()
        transformers.utils.logging.disable_progress_bar()
        yield
        datasets.enable_progress_bars()
        transformers.utils.logging.enable_progress_bar()


@pytest.fixture(autouse=True)
def restored_verbosity() -> Iterator[None]:
    """Undo what the command line does to the libraries' logging."""
    before = transformers.logging.get_verbosity(), datasets.logging.get_verbosity()
    yield
    transformers.logging.set_verbosity(before[0])
    datasets.logging.set_verbosity(before[1])


@dataclass
class Result:
    """What a command did."""

    status: int
    out: str
    err: str


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    """Run `hf-distill ...` in this process."""

    def run(*arguments: object) -> Result:
        status = 0
        capsys.readouterr()
        try:
            main([str(argument) for argument in arguments])
        except SystemExit as stop:
            status = stop.code
        return Result(status, *capsys.readouterr())

    return run


@pytest.fixture
def refused(command: Callable[..., Result], tmp_path: Path) -> Callable[..., str]:
    """Run a recipe that must be refused with one line, before anything is written; return the line."""

    def run(recipe: Path, *arguments: object) -> str:
        result = command("run", recipe, "--output-dir", tmp_path / "run", *arguments)
        assert result.status == 2, result
        assert len(result.err.splitlines()) == 1, result.err
        assert result.err.startswith("hf-distill: ")
        assert result.out == ""
        assert not (tmp_path / "run").exists()
        return result.err

    return run
