# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Finding what no published file may tell, and taking it out of the files that libraries write."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from hf_distill.publishing.redaction import TOKEN, URL_CREDENTIALS, redact

EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]*\w@(?:[\w-]+\.)+[A-Za-z]{2,}\b")
SEGMENT = r"[^\s/'\"`,;:()\[\]{}<>|]+"
PATH = re.compile(rf"(?<![\w/:.<*~-])(?:file://)?(?P<path>(?:/{SEGMENT}){{2,}})|\b[A-Za-z]:\\+Users\\")
HOMES = frozenset({"home", "Users", "root", "tmp", "private", "mnt"})
"""Where people and programs keep what is theirs; a path there is of some machine, this one or another."""
OF_EVERY_MACHINE = frozenset({"bin", "dev", "etc", "lib", "proc", "sys", "usr"})
"""Where paths tell nothing of a machine."""
ORIGIN_KEYS = frozenset({"_name_or_path", "name_or_path"})
"""Where something was loaded from, which libraries note and nobody needs who loads it from elsewhere."""
LABEL_KEYS = frozenset({"id2label", "label2id"})
VOCABULARIES = frozenset({"tokenizer.json", "vocab.txt", "vocab.json", "merges.txt", "added_tokens.json", "bpe.codes"})
"""Files with pieces of texts that a tokenizer learnt, which may look like anything."""


def leaks_of(name: str, content: bytes, token: str | None = None) -> Iterator[tuple[str, str]]:
    """
    Find what a file must not tell.

    Args:
        name (`str`): Path of the file in its repository.
        content (`bytes`): Its content; what is no text has no leaks that could be found.
        token (`str`, *optional*): A token that is in use, whatever it looks like.

    Yields:
        `tuple[str, str]`: Where it is, a field or a line, and what it is, without saying it.
    """
    text = _text(content)
    if text is None:
        return
    learnt = PurePosixPath(name).name in VOCABULARIES
    for place, piece in [("", text)] if learnt else _pieces(name, text):
        if TOKEN.search(piece) or (token and token in piece):
            yield place, "a token of the Hub"
        elif not learnt and URL_CREDENTIALS.search(piece):
            yield place, "an address with a user's name or password"
        elif not learnt and EMAIL.search(piece):
            yield place, "an e-mail address"
        elif not learnt and not LABEL_KEYS & set(place.split(".")) and has_local_path(piece):
            yield place, "a local path"


def without_origins(name: str, content: bytes) -> bytes:
    """
    Take out of a JSON file where on this machine something came from.

    Args:
        name (`str`): Path of the file in its repository.
        content (`bytes`): Its content.

    Returns:
        `bytes`: The content without the keys that name an origin, and with the last name of each local path; as it is
        if there are none.
    """
    path, text = PurePosixPath(name), _text(content)
    # Of an adapter, the origin says to which model it belongs.
    if text is None or path.suffix != ".json" or path.name in {*VOCABULARIES, "adapter_config.json"}:
        return content
    try:
        before = json.loads(text)
    except ValueError:
        return content
    after = _cleaned(before)
    return content if after == before else f"{json.dumps(after, indent=2, ensure_ascii=False)}\n".encode()


def files_of(folder: Path) -> dict[str, Path | bytes]:
    """
    Return the files of a folder as they may be published.

    Args:
        folder (`Path`): The folder, with folders in it.

    Returns:
        `dict[str, Path | bytes]`: Each file, or what is left of it, by its path in the folder.
    """
    paths = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
    return {name: publishable(name, path) for name, path in paths.items()}


def publishable(name: str, path: Path) -> Path | bytes:
    """Return a file, or what `without_origins` leaves of it if that is less; `name` is its path in a repository."""
    if path.suffix != ".json":
        return path
    content = path.read_bytes()
    cleaned = without_origins(name, content)
    return path if cleaned == content else cleaned


def has_local_path(text: str) -> bool:
    """Say whether a text names a file or folder of this machine, or of the home of some user."""
    return any(match["path"] is None or _is_local(match["path"]) for match in PATH.finditer(text))


def _is_local(path: str) -> bool:
    # Operators of a graph and labels look like paths too: those of this machine are known by what is here.
    first, second = PurePosixPath(path).parts[1:3]
    return first in HOMES or (first not in OF_EVERY_MACHINE and Path("/", first, second).exists())


def _cleaned(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: item if key in LABEL_KEYS else _cleaned(item) for key, item in value.items() if key not in ORIGIN_KEYS
        }
    if isinstance(value, list):
        return [_cleaned(item) for item in value]
    return redact(value) if isinstance(value, str) and has_local_path(value) else value


def _text(content: bytes) -> str | None:
    """The content as text, `None` if it is none."""
    try:
        return None if b"\0" in content else content.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _pieces(name: str, text: str) -> Iterator[tuple[str, str]]:
    """The fields of a structured file, the lines of any other."""
    read = {".json": json.loads, ".yaml": yaml.safe_load, ".yml": yaml.safe_load}.get(PurePosixPath(name).suffix)
    try:
        content = read(text) if read is not None else None
    except (ValueError, yaml.YAMLError):
        content = None
    if isinstance(content, dict | list):
        yield from _fields(content)
    else:
        yield from ((f"line {number}", line) for number, line in enumerate(text.splitlines(), start=1))


def _fields(value: Any, place: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield place, str(key)
            yield from _fields(item, f"{place}.{key}" if place else str(key))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _fields(item, f"{place}.{number}" if place else str(number))
    elif isinstance(value, str):
        yield place, value
