# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import hashlib
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from hf_distill.publishing.repository import Changes, Repository


def there(path: str, content: bytes, large: bool = False) -> SimpleNamespace:
    """A file as the Hub's client tells of it."""
    lfs = SimpleNamespace(size=len(content), sha256=hashlib.sha256(content).hexdigest()) if large else None
    git = hashlib.sha1(b"blob %d\0%b" % (len(content), content)).hexdigest()
    return SimpleNamespace(rfilename=path, size=len(content), blob_id="pointer" if large else git, lfs=lfs)


@pytest.mark.parametrize("large", [True, False])
@pytest.mark.parametrize("here", [b"content", b"changed", b"longer content"])
def test_a_file_is_written_if_it_is_another(tmp_path: Path, here: bytes, large: bool) -> None:
    (tmp_path / "file").write_bytes(here)
    repository = Repository("ada/model", {"a": tmp_path / "file", "b": here, "new": b""})
    changes = repository.changes([there("a", b"content", large), there("b", b"content", large)])
    assert changes == Changes(("new",) if here == b"content" else ("a", "b", "new"), ())
    assert changes


def test_what_fits_a_pattern_and_is_no_more_is_deleted() -> None:
    repository = Repository("ada/model", {"onnx/kept": b""}, replaced=("*.safetensors", "onnx/*"))
    names = ["model.safetensors", "onnx/kept", "onnx/old", "deep/model.safetensors", "a/onnx/old", "notes.txt"]
    assert repository.changes([there(name, b"") for name in names]).deleted == ("model.safetensors", "onnx/old")
    assert not repository.changes([there("onnx/kept", b"")])


@pytest.mark.parametrize(
    ("names", "other"),
    [([".gitattributes", "README.md"], False), (["recording.json", "rows"], False), (["rows", "README.md"], True)],
)
def test_a_repository_of_something_else_is_known(names: list[str], other: bool) -> None:
    repository = Repository("ada/rows", {}, "dataset", known_by="recording.json")
    assert repository.holds_something_else(names) is other


def test_a_copy_stays_as_it_was_when_the_file_is_written_anew(tmp_path: Path) -> None:
    source = tmp_path / "file"
    source.write_text("before")
    copied = Repository("ada/model", {"deep/file": source, "made": b"bytes"}).copied(tmp_path / "copy")
    (tmp_path / "other").write_text("after")
    os.replace(tmp_path / "other", source)
    assert copied.files["deep/file"].read_text() == "before"
    assert (tmp_path / "copy" / "made").read_bytes() == b"bytes"
