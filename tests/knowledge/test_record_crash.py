# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Recording that is interrupted, and recordings that are damaged."""

from __future__ import annotations

import errno
import inspect
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from transformers import BertModel

from hf_distill.errors import InputError
from hf_distill.knowledge import record, recorder, shards
from hf_distill.knowledge.layout import Layout
from hf_distill.knowledge.recorded import RecordedTeacher

from . import killed

# The plan and what is kept of hidden states; a shard and its note, three times; the state and what is known.
WRITES = 10
BEFORE_SHARDS = 2
# Each write removes what it wrote aside; then the plan and three notes go.
REMOVALS = range(WRITES + 1, WRITES + 5)
MOMENTS = [
    *(("within_write", number) for number in range(1, WRITES + 1)),
    *(("after_write", number) for number in (2, 3, 4, WRITES - 1, WRITES)),
    *(("before_removal", number) for number in REMOVALS),
    ("shard_is_there", 1),
]


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def times(folder: Path, names: list[str]) -> list[int]:
    return [(folder / name).stat().st_mtime_ns for name in names]


def finished(folder: Path) -> list[str]:
    names = [killed.SHARD.format(number) for number in range(3)]
    return [name for name in names if shards.is_finished(folder, name) or (folder / "recording.json").is_file()]


@dataclass
class Left:
    """What a process left that was killed."""

    folder: Path
    finished: list[str]


@pytest.fixture(scope="module")
def teacher_folder(make_bert: Callable, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("teacher")
    make_bert().save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def undisturbed(teacher_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording that nothing interrupted."""
    return killed.record(teacher_folder, tmp_path_factory.mktemp("undisturbed") / "recording")


@pytest.fixture(scope="module")
def interrupted(teacher_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, int], Left]:
    """What processes left that were killed, by moment."""
    parent = tmp_path_factory.mktemp("killed")
    folders = {(kind, number): parent / f"{kind}_{number}" for kind, number in MOMENTS}
    jobs = [(str(folder), *moment) for moment, folder in folders.items()]
    output = subprocess.run(
        [sys.executable, killed.__file__, str(teacher_folder), json.dumps(jobs)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ).stdout
    assert json.loads(output.splitlines()[-1]) == [signal.SIGKILL] * len(MOMENTS)
    return {moment: Left(folder, finished(folder)) for moment, folder in folders.items()}


@pytest.mark.parametrize("moment", MOMENTS, ids=lambda moment: "_".join(map(str, moment)))
def test_the_same_call_goes_on_where_a_killed_one_stopped(
    moment: tuple[str, int], interrupted: dict[tuple[str, int], Left], undisturbed: Path, teacher_folder: Path
) -> None:
    folder, kept = interrupted[moment].folder, interrupted[moment].finished
    whole, before = contents(undisturbed), times(folder, kept)
    there = contents(folder)
    assert all(there[name] == whole[name] for name in map(killed.SHARD.format, range(3)) if name in there)
    assert killed.record(teacher_folder, folder) == folder
    assert contents(folder) == whole
    assert times(folder, kept) == before
    assert len(RecordedTeacher(folder).data) == 20


def test_what_was_finished_before_is_found(interrupted: dict[tuple[str, int], Left]) -> None:
    for kind, number in MOMENTS:
        if kind in ("within_write", "after_write"):
            written = number if kind == "after_write" else number - 1
            # A shard counts when its note is there too.
            whole = max(0, min(written - BEFORE_SHARDS, 6)) // 2
            assert len(interrupted[kind, number].finished) == whole, (kind, number)


def test_a_recording_that_is_not_complete_is_no_teacher(undisturbed: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(undisturbed, tmp_path / "begun")
    (folder / "recording.json").rename(folder / "plan.json")
    with pytest.raises(InputError, match="^teacher_model: .*begun holds no complete recording") as error:
        RecordedTeacher(folder)
    assert str(error.value).endswith("the call that began it continues it")


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5])


def alter(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("damage", "said"),
    [(cut_off, "is damaged: it has"), (alter, "is damaged: its content has"), (Path.unlink, "is missing")],
    ids=["cut_off", "altered", "missing"],
)
@pytest.mark.parametrize("name", [killed.SHARD.format(1), killed.SHARD.format(2), "reductions.safetensors"])
def test_a_damaged_file_is_named_when_the_recording_is_opened(
    name: str, damage: Callable, said: str, undisturbed: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(undisturbed, tmp_path / "recording")
    damage(folder / name)
    with pytest.raises(InputError) as error:
        RecordedTeacher(folder)
    assert str(error.value).startswith(f"teacher_model: the file {folder / name} {said}")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("content", ["", "{", '{"format": 1'])
def test_a_damaged_description_is_named(content: str, undisturbed: Path, teacher_folder: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(undisturbed, tmp_path / "recording")
    (folder / "recording.json").write_text(content)
    for opening in (RecordedTeacher, lambda path: killed.record(teacher_folder, path)):
        with pytest.raises(InputError, match=r"^teacher_model: .*recording.json cannot be read \("):
            opening(folder)


def test_a_shard_that_is_damaged_before_the_end_is_written_again(
    undisturbed: Path, teacher_folder: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "recording"
    begin(teacher_folder, folder, WRITES - 1)
    names = [killed.SHARD.format(number) for number in range(3)]
    alter(folder / names[0])
    before = times(folder, names)
    killed.record(teacher_folder, folder)
    assert contents(folder) == contents(undisturbed)
    after = times(folder, names)
    assert after[0] > before[0]
    assert after[1:] == before[1:]


class Interruption(Exception):
    pass


def begin(teacher: Path, folder: Path, writes: int) -> None:
    """Record until so many files are written."""
    with pytest.MonkeyPatch.context() as patch:
        left = iter(range(writes))
        write = shards.write_atomically

        def stop(path: Path, content: Any) -> Path:
            if next(left, None) is None:
                raise Interruption
            return write(path, content)

        for module in (shards, record, recorder):
            patch.setattr(module, "write_atomically", stop)
        with pytest.raises(Interruption):
            killed.record(teacher, folder)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("write", range(6))
def test_a_full_disk_keeps_what_is_finished_and_the_next_call_completes_it(
    write: int, code: int, undisturbed: Path, teacher_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, left, original = tmp_path / "recording", iter(range(write)), shards.write_atomically

    def full(path: Path, content: Any) -> Path:
        if next(left, None) is None:
            raise OSError(code, os.strerror(code))
        return original(path, content)

    with monkeypatch.context() as patch, pytest.raises(OSError) as error:
        patch.setattr(shards, "write_atomically", full)
        killed.record(teacher_folder, folder)
    assert error.value.errno == code
    shard = killed.SHARD.format(write // 2)
    assert error.value.strerror.startswith(f"the disk of {folder} is full; the shards before {shard} are kept, so")
    assert "\n" not in str(error.value)
    kept = finished(folder)
    assert len(kept) == write // 2
    before = times(folder, kept)
    killed.record(teacher_folder, folder)
    assert times(folder, kept) == before
    assert contents(folder) == contents(undisturbed)


def test_another_failure_to_write_is_passed_on(
    teacher_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(path: Path, content: Any) -> Path:
        raise PermissionError(errno.EACCES, "no", str(path))

    monkeypatch.setattr(shards, "write_atomically", refused)
    with pytest.raises(PermissionError, match="no"):
        killed.record(teacher_folder, tmp_path / "recording")


@pytest.mark.parametrize("forwards", [1, 5, 9])
def test_a_teacher_that_fails_on_the_way_loses_no_finished_shard(
    forwards: int, undisturbed: Path, teacher_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls, forward = iter(range(forwards)), BertModel.forward

    def failing(*args: Any, **options: Any) -> Any:
        if next(calls, None) is None:
            raise MemoryError
        return forward(*args, **options)

    folder = tmp_path / "recording"
    with monkeypatch.context() as patch, pytest.raises(MemoryError):
        failing.__signature__ = inspect.signature(forward)
        patch.setattr(BertModel, "forward", failing)
        killed.record(teacher_folder, folder)
    kept = finished(folder)
    before = times(folder, kept)
    killed.record(teacher_folder, folder)
    assert times(folder, kept) == before
    assert contents(folder) == contents(undisturbed)


@pytest.mark.parametrize("stored", range(5))
def test_knowledge_that_cannot_be_stored_makes_no_shard(
    stored: int, undisturbed: Path, teacher_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, calls, pack = tmp_path / "recording", iter(range(stored)), Layout.pack

    def failing(*args: Any) -> Any:
        if next(calls, None) is None:
            raise MemoryError
        return pack(*args)

    with monkeypatch.context() as patch, pytest.raises(MemoryError):
        patch.setattr(Layout, "pack", failing)
        killed.record(teacher_folder, folder)
    # Two batches make a shard, and the last one has one.
    assert len(finished(folder)) <= stored // 2
    killed.record(teacher_folder, folder)
    assert contents(folder) == contents(undisturbed)
