# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Tests of sealed checkpoints: which of them a training goes on from."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from hf_distill.checkpoints import SEAL_FILE, checkpoint_to_resume, damage_of_checkpoint, newest_checkpoint, seal
from hf_distill.errors import InputError


def write(folder: Path, step: int) -> Path:
    aside, final = folder / "aside", folder / f"checkpoint-{step}"
    (aside / "optimizer").mkdir(parents=True)
    (aside / "model.safetensors").write_bytes(b"weights" * 10)
    (aside / "optimizer" / "rank_0").write_bytes(b"moments")
    seal(aside, final)
    assert not aside.exists()
    return final


def remove(checkpoint: Path) -> str:
    (checkpoint / "optimizer" / "rank_0").unlink()
    return "optimizer/rank_0 is missing"


def cut(checkpoint: Path) -> str:
    (checkpoint / "model.safetensors").write_bytes(b"weights" * 9)
    return "model.safetensors is damaged: it has 63 bytes and had 70"


def alter(checkpoint: Path) -> str:
    (checkpoint / "model.safetensors").write_bytes(b"weighty" * 10)
    return "model.safetensors is damaged: its content has changed"


def unseal(checkpoint: Path) -> str:
    (checkpoint / SEAL_FILE).unlink()
    return f"{SEAL_FILE} is missing"


def break_seal(checkpoint: Path) -> str:
    (checkpoint / SEAL_FILE).write_text("{")
    return f"{SEAL_FILE} is damaged"


DAMAGES = pytest.mark.parametrize("harm", [remove, cut, alter, unseal, break_seal])


def test_the_newest_is_the_one_of_most_steps(tmp_path: Path) -> None:
    for step in (90, 100, 20):
        write(tmp_path, step)
    assert newest_checkpoint(tmp_path) == tmp_path / "checkpoint-100"


@DAMAGES
def test_a_damaged_one_is_named_and_passed_over(
    harm: Callable[[Path], str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path, 10)
    damaged = write(tmp_path, 20)
    found = harm(damaged)
    with caplog.at_level(logging.WARNING):
        assert newest_checkpoint(tmp_path) == tmp_path / "checkpoint-10"
    assert f"{damaged}/{found}; this checkpoint is passed over" in caplog.text
    assert damaged.exists()


def test_what_is_no_checkpoint_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "checkpoint-best").mkdir()
    (tmp_path / "runs").mkdir()
    assert newest_checkpoint(tmp_path) is None
    assert newest_checkpoint(tmp_path / "nowhere") is None


def test_more_files_do_no_harm(tmp_path: Path) -> None:
    checkpoint = write(tmp_path, 1)
    (checkpoint / "notes.txt").write_text("mine")
    assert damage_of_checkpoint(checkpoint) is None


@pytest.mark.parametrize("chosen", [None, False])
def test_a_training_starts_anew_unless_it_is_told(chosen: bool | None, tmp_path: Path) -> None:
    write(tmp_path, 1)
    assert checkpoint_to_resume(chosen, tmp_path) is None


def test_a_training_goes_on_where_it_is_told(tmp_path: Path) -> None:
    one, two = write(tmp_path, 1), write(tmp_path, 2)
    assert checkpoint_to_resume(True, tmp_path) == two
    assert checkpoint_to_resume(str(one), tmp_path) == one


def test_no_complete_checkpoint_is_an_error(tmp_path: Path) -> None:
    unseal(write(tmp_path, 1))
    with pytest.raises(InputError, match="^resume_from_checkpoint: .* has no complete checkpoint"):
        checkpoint_to_resume(True, tmp_path)


@pytest.mark.parametrize("harm", [remove, cut, alter, break_seal])
def test_a_damaged_choice_is_an_error(harm: Callable[[Path], str], tmp_path: Path) -> None:
    checkpoint = write(tmp_path, 1)
    harm(checkpoint)
    with pytest.raises(InputError, match=r"^resume_from_checkpoint: .*; choose an earlier checkpoint$"):
        checkpoint_to_resume(str(checkpoint), tmp_path)


def test_a_choice_of_another_trainer_is_taken(tmp_path: Path) -> None:
    checkpoint = write(tmp_path, 1)
    unseal(checkpoint)
    assert checkpoint_to_resume(str(checkpoint), tmp_path) == checkpoint
