# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Tests of finding a configuration of Accelerate, and of what is handed to the processes."""

from __future__ import annotations

from pathlib import Path

import pytest

from hf_distill.errors import InputError
from hf_distill.launch import find_config, launch, without_option


def test_a_shipped_configuration_is_found_by_its_name() -> None:
    assert find_config("multi_cpu").name == "multi_cpu.yaml"


def test_a_file_of_ones_own_goes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("multi_cpu").write_text("num_processes: 1")
    assert find_config("multi_cpu") == Path("multi_cpu")


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(InputError, match="^--accelerate-config: .* 'zero33'; did you mean 'zero3'"):
        find_config("zero33")


@pytest.mark.parametrize("option", [["--accelerate-config", "multi_cpu"], ["--accelerate-config=multi_cpu"]])
def test_processes_do_not_launch_again(option: list[str]) -> None:
    assert without_option(["run", "quickstart", *option, "--until", "student"]) == [
        "run", "quickstart", "--until", "student"
    ]  # fmt: skip


@pytest.mark.parametrize("content", ["no: [yaml", "- a list", "mixed_precision: bf16", "surprise: 1"])
def test_a_file_that_is_no_configuration_is_refused(content: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(content)
    with pytest.raises(InputError, match=f"^--accelerate-config {path}: "):
        launch(path, ["env"])
