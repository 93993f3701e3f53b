# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""The run folder and its manifest: what was done, from which inputs, with which versions."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from hf_distill.errors import InputError
from hf_distill.files import ASIDE, write_atomically
from hf_distill.processes import from_main, processes
from hf_distill.versions import versions

RECIPE_FILE = "recipe.yaml"
MANIFEST_FILE = "manifest.json"
LOCK_FILE = ".lock"
PATIENCE = 60
"""Seconds that a start waits for another one on the same folder, which may be writing its last checkpoint."""


def fingerprint(content: Any) -> str:
    """Return a short hash of anything that JSON can hold."""
    text = json.dumps(content, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class Run:
    """
    A run's folder. All processes of a run read it, the main one writes it.

    Args:
        folder (`Path`): The folder. It need not exist until something is written.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.read()

    def read(self) -> None:
        """Read the manifest as it is now."""
        path = self.folder / MANIFEST_FILE
        self.manifest: dict[str, Any] = _read_json(path) if path.is_file() else {"stages": {}, "versions": {}}

    @contextlib.contextmanager
    def locked(self, announce: Callable[[str], None]) -> Iterator[None]:
        """
        Keep other starts away from the folder; the lock ends with the process that has it, however that ends.

        Args:
            announce (`Callable`): Told if there is another start to wait for.

        Raises:
            InputError: If another start is still at work after a minute.
        """
        lock = FileLock(self.folder / LOCK_FILE)
        problem = self._take(lock, announce) if processes().is_main_process else None
        problem = from_main(problem)
        if problem is not None:
            raise InputError(problem)
        try:
            self.read()
            yield
        finally:
            if lock.is_locked:
                # Whoever waits for it sees that it is gone, and takes a new one.
                Path(lock.lock_file).unlink(missing_ok=True)
                lock.release()

    def _take(self, lock: FileLock, announce: Callable[[str], None]) -> str | None:
        try:
            lock.acquire(timeout=0)
        except Timeout:
            announce(f"waiting for another process that works on {self.folder}")
            try:
                lock.acquire(timeout=PATIENCE)
            except Timeout:
                return (
                    f"--output-dir {self.folder}: another process works on it; wait for it, or choose another folder"
                )
        return None

    @classmethod
    def create(cls, folder: Path, recipe_yaml: str) -> Run:
        """
        Take a folder for a run, or open the one of an earlier start of the same recipe; nothing is written yet.

        Raises:
            InputError: If the folder holds another recipe's run, or something that is no run.
        """
        recipe_file = folder / RECIPE_FILE
        if recipe_file.is_file():
            difference = _first_difference(recipe_file.read_text(encoding="utf-8"), recipe_yaml)
            if difference:
                raise InputError(
                    f"--output-dir {folder}: holds the run of another recipe ({difference}); "
                    "choose another folder, or remove this one"
                )
        elif folder.exists() and (not folder.is_dir() or any(not path.match(ASIDE) for path in folder.iterdir())):
            raise InputError(f"--output-dir {folder}: is not empty and not a run; choose another folder")
        return cls(folder)

    def write_recipe(self, recipe_yaml: str, anew: bool = False) -> None:
        """Write the recipe, which makes the folder a run; that of an earlier start is left as it is, unless `anew`."""
        if processes().is_main_process and (anew or not (self.folder / RECIPE_FILE).is_file()):
            write_atomically(self.folder / RECIPE_FILE, recipe_yaml)

    @classmethod
    def open(cls, folder: Path) -> Run:
        """
        Open a run that exists.

        Raises:
            InputError: If the folder is not a run.
        """
        if not (folder / RECIPE_FILE).is_file():
            raise InputError(f"{folder}: is not a run (it has no {RECIPE_FILE}); make one with hf-distill run RECIPE")
        return cls(folder)

    def stage(self, name: str) -> dict[str, Any]:
        """Return what the manifest says of a stage."""
        return self.manifest["stages"].get(name, {})

    def is_done(self, name: str, inputs: str) -> bool:
        """Say whether a stage was finished with inputs of this fingerprint."""
        entry = self.stage(name)
        return entry.get("state") == "done" and entry.get("fingerprint") == inputs

    def record(self, name: str, **entry: Any) -> None:
        """Write a stage's line in the manifest."""
        self.manifest["stages"][name] = {**self.stage(name), **entry}
        self.manifest["versions"] = versions()
        if processes().is_main_process:
            self.save()

    def save(self) -> None:
        """Write the manifest."""
        write_atomically(self.folder / MANIFEST_FILE, json.dumps(self.manifest, indent=2) + "\n")

    def checkpoints(self, stage: str, inputs: str) -> Path:
        """Return the folder of a stage's checkpoints, emptied if they were made from other inputs."""
        folder = self.folder / "checkpoints" / stage
        mark = folder / "fingerprint"
        if processes().is_main_process and not (mark.is_file() and mark.read_text() == inputs):
            shutil.rmtree(folder, ignore_errors=True)
            write_atomically(mark, inputs)
        processes().wait_for_everyone()
        return folder

    def remove_checkpoints(self, stage: str) -> None:
        """Remove a stage's checkpoints, once it is done."""
        shutil.rmtree(self.folder / "checkpoints" / stage)
        with contextlib.suppress(OSError):  # Another stage may have checkpoints there.
            (self.folder / "checkpoints").rmdir()


def _read_json(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{path}: is damaged ({error}); remove it to start the run again") from error


def _first_difference(old_yaml: str, new_yaml: str) -> str | None:
    import yaml

    old, new = _flat(yaml.safe_load(old_yaml)), _flat(yaml.safe_load(new_yaml))
    for key in sorted(set(old) | set(new)):
        if old.get(key) != new.get(key):
            return f"{key} is {old.get(key)!r} there, {new.get(key)!r} here"
    return None


def _flat(content: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(content, dict) or not content:
        return {prefix: content}
    result = {}
    for key, value in content.items():
        result.update(_flat(value, f"{prefix}.{key}" if prefix else str(key)))
    return result
