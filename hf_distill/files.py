# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Writing files and folders whole or not at all, and finding out what happened to them since."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import xxhash

ASIDE = ".*.tmp"
"""The names of files that are being written aside, or were by a process that was killed."""


def write_atomically(path: Path, content: str | bytes | Callable[[BinaryIO], Any]) -> Path:
    """
    Write a file aside and rename it, so that no reader ever sees half of it.

    Args:
        path (`Path`): File to write; its folder is made if it is missing.
        content (`str`, `bytes` or `Callable`): The whole content, or what writes it to the open file; text is written
            as UTF-8.

    Returns:
        `Path`: `path`.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with aside.open("wb") as file:
            if callable(content):
                content(file)
            else:
                file.write(content.encode("utf-8") if isinstance(content, str) else content)
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)
    return path


@contextmanager
def folder_written_aside(folder: Path) -> Iterator[Path]:
    """
    Give a folder to write into, which takes the name `folder` when it is complete.

    Args:
        folder (`Path`): The folder to make; an earlier one is replaced, and kept if writing fails.
    """
    aside = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    try:
        yield aside
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise
    move_folder(aside, folder)


@contextmanager
def scratch_folder(beside: Path) -> Iterator[Path]:
    """Give an empty folder beside another one, for what is needed meanwhile; a killed start's is taken over."""
    path = beside.with_name(f".{beside.name}.scratch")
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def move_folder(source: Path, folder: Path) -> None:
    """Give a complete folder another name, in place of what had it."""
    shutil.rmtree(folder, ignore_errors=True)
    os.replace(source, folder)


class MeasuredFile:
    """
    A file that is measured while it is written.

    Args:
        file (`BinaryIO`): The open file.
    """

    closed = False

    def __init__(self, file: BinaryIO):
        self._file, self._digest, self._size = file, xxhash.xxh3_128(), 0

    def write(self, part: Any) -> None:
        """Write bytes, or anything that has them in one piece."""
        self._digest.update(part)
        self._size += memoryview(part).nbytes
        self._file.write(part)

    def measured(self) -> dict[str, Any]:
        """Return what `measure_content` returns of all that was written."""
        return {"bytes": self._size, "xxh3_128": self._digest.hexdigest()}


def measure_content(content: bytes | memoryview) -> dict[str, Any]:
    """Return what tells whether a file still holds this content: its `bytes` and their hash."""
    return {"bytes": len(content), "xxh3_128": xxhash.xxh3_128(content).hexdigest()}


def measure_file(path: Path) -> dict[str, Any]:
    """Return the same of a file, which need not fit into memory."""
    digest, size = xxhash.xxh3_128(), 0
    with path.open("rb") as file:
        while part := file.read(1 << 22):
            digest.update(part)
            size += len(part)
    return {"bytes": size, "xxh3_128": digest.hexdigest()}


def damage(path: Path, measured: Mapping[str, Any]) -> str | None:
    """
    Say what has happened to a file since it was measured.

    Args:
        path (`Path`): The file.
        measured (`Mapping`): What `measure_content` or `measure_file` returned.

    Returns:
        `str`, *optional*: The rest of a sentence about the file; `None` if it is as it was.
    """
    if not path.is_file():
        return "is missing"
    if path.stat().st_size != measured["bytes"]:
        return f"is damaged: it has {path.stat().st_size} bytes and had {measured['bytes']}"
    if measure_file(path)["xxh3_128"] != measured["xxh3_128"]:
        return "is damaged: its content has changed"
    return None
