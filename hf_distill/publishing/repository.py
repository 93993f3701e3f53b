# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""What one repository of the Hugging Face Hub shall hold, and how that differs from what it holds."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from huggingface_hub.hf_api import RepoSibling

CARD_FILE = "README.md"
ADDED_BY_HUB = frozenset({".gitattributes", CARD_FILE})
"""What a repository may have before anything is published in it."""
KINDS = {"model": "model", "dataset": "data set", "space": "space"}
"""What each type of repository is called in messages."""
MODEL_FILES = (
    "*.safetensors", "*.safetensors.index.json", "pytorch_model*.bin", "training_args.bin", "*.onnx", "*.onnx_data",
    "openvino_*.bin", "openvino_*.xml", "ort_config.json", "quanto_qmap.json", "tokenizer*.json", "vocab.*",
    "special_tokens_map.json", "added_tokens.json", "merges.txt", "*processor_config.json", "modules.json",
    "sentence_bert_config.json", "config_sentence_transformers.json", "1_Pooling/*", "2_Normalize/*", "recipe.yaml",
    "report/*", "onnx/*", "openvino/*", "quanto/*",
)  # fmt: skip
"""What an earlier state of a model's repository may have had; other files there are somebody's own."""
PIECE = 1 << 22
"""Bytes of a file that are read at once."""


@dataclass(frozen=True)
class Changes:
    """
    What must be done to a repository.

    Args:
        written (`tuple[str, ...]`): Files that are missing there, or are others.
        deleted (`tuple[str, ...]`): Files of an earlier state that there are no more.
    """

    written: tuple[str, ...]
    deleted: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.written or self.deleted)


@dataclass(frozen=True)
class Repository:
    """
    What one repository shall hold.

    Args:
        repo_id (`str`): Its name, `OWNER/NAME`.
        files (`Mapping[str, Path | bytes]`): Each file's content, or the local file that has it, by its path there.
        repo_type (`str`, *optional*, defaults to `"model"`): `"model"`, `"dataset"` or `"space"`.
        replaced (`tuple[str, ...]`, *optional*, defaults to none): Patterns of paths of an earlier state: what fits
            one and is not among the files is deleted there. All else that is there stays.
        known_by (`str`, *optional*): A file that every earlier state of it has: a repository that holds something
            and not this file is not touched.
    """

    repo_id: str
    files: Mapping[str, Path | bytes]
    repo_type: str = "model"
    replaced: tuple[str, ...] = ()
    known_by: str | None = None

    @property
    def title(self) -> str:
        """The repository in words, for messages."""
        return f"the {KINDS[self.repo_type]} {self.repo_id}"

    def holds_something_else(self, names: Iterable[str]) -> bool:
        """Say whether a repository with files of these names is no earlier state of this one."""
        names = set(names)
        return self.known_by is not None and self.known_by not in names and bool(names - ADDED_BY_HUB)

    def changes(self, there: Iterable[RepoSibling]) -> Changes:
        """
        Compare with what a repository holds, without fetching any of it.

        Args:
            there (`Iterable[RepoSibling]`): Its files with their sizes and hashes.
        """
        found = {file.rfilename: file for file in there}
        written = [
            path for path, content in self.files.items() if path not in found or not _is_same(content, found[path])
        ]
        deleted = [path for path in sorted(found) if path not in self.files and self._is_replaced(path)]
        return Changes(tuple(written), tuple(deleted))

    def copied(self, folder: Path) -> Repository:
        """
        Put all files into a folder, as they will lie in the repository.

        Files that are here are linked where the file system can do that; so the copy stays as it is when they are
        written anew.

        Args:
            folder (`Path`): The folder, which is made if it is missing.

        Returns:
            [`Repository`]: The same, with the copies as its files.
        """
        copies: dict[str, Path | bytes] = {}
        for path, content in self.files.items():
            copy = folder / path
            copy.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, bytes):
                copy.write_bytes(content)
            else:
                _link_or_copy(content, copy)
            copies[path] = copy
        return replace(self, files=copies)

    def _is_replaced(self, path: str) -> bool:
        # A pattern fits from the right; only one with as many parts fits the whole path.
        parts = PurePosixPath(path)
        return any(
            parts.match(pattern) and len(parts.parts) == len(PurePosixPath(pattern).parts) for pattern in self.replaced
        )


def shown_pictures(card: str, report: Path) -> dict[str, Path]:
    """
    Return the pictures that a card shows, by their paths in its repository.

    Args:
        card (`str`): The card, beside which the pictures are in the folder `report`.
        report (`Path`): The local folder that has them.
    """
    pictures = {f"report/{path.name}": path for path in sorted(report.glob("*.png"))}
    return {name: path for name, path in pictures.items() if name in card}


def read_content(content: Path | bytes) -> bytes:
    """Return the content of a file of a repository."""
    return content if isinstance(content, bytes) else content.read_bytes()


def _is_same(content: Path | bytes, there: RepoSibling) -> bool:
    """Say whether a file there has this content: large ones are known by their SHA-256, others by git's own hash."""
    size = len(content) if isinstance(content, bytes) else content.stat().st_size
    if there.lfs is not None:
        return there.lfs.size == size and there.lfs.sha256 == _digest(content, hashlib.sha256())
    return there.size == size and there.blob_id == _digest(content, hashlib.sha1(b"blob %d\0" % size))


def _digest(content: Path | bytes, digest: hashlib._Hash) -> str:
    if isinstance(content, bytes):
        digest.update(content)
    else:
        with content.open("rb") as file:
            while piece := file.read(PIECE):
                digest.update(piece)
    return digest.hexdigest()


def _link_or_copy(source: Path, target: Path) -> None:
    # A link to a link would point elsewhere from the copy's folder.
    source = source.resolve()
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
