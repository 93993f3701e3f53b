# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Checkpoints that are whole or not there, and the newest of them that is as it was written."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path

from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR

from hf_distill.errors import InputError
from hf_distill.files import damage, measure_file, move_folder, write_atomically

logger = logging.getLogger(__name__)

SEAL_FILE = "complete.json"
"""The last file of a checkpoint to be written: what all others hold."""


def seal(checkpoint: Path, folder: Path) -> None:
    """
    Give a checkpoint that was written aside its name, once its files are on the disk.

    Args:
        checkpoint (`Path`): The checkpoint, with all of its files.
        folder (`Path`): Where it is to be found from now on.
    """
    files = {}
    for path in sorted(path for path in checkpoint.rglob("*") if path.is_file() and path.name != SEAL_FILE):
        files[path.relative_to(checkpoint).as_posix()] = measure_file(path)
        # A machine that is switched off forgets what was only given to be written.
        with path.open("rb") as file:
            os.fsync(file.fileno())
    write_atomically(checkpoint / SEAL_FILE, json.dumps({"files": files}, indent=2) + "\n")
    move_folder(checkpoint, folder)


def damage_of_checkpoint(checkpoint: Path) -> str | None:
    """
    Say what is wrong with a checkpoint.

    Args:
        checkpoint (`Path`): The checkpoint's folder.

    Returns:
        `str`, *optional*: What is wrong, in a line that names the file; `None` if all is as it was written.
    """
    path = checkpoint / SEAL_FILE
    try:
        files = json.loads(path.read_text(encoding="utf-8"))["files"]
    except OSError:
        return f"{path} is missing"
    except (ValueError, KeyError):
        return f"{path} is damaged"
    for name, measured in files.items():
        found = damage(checkpoint / name, measured)
        if found is not None:
            return f"{checkpoint / name} {found}"
    return None


def newest_checkpoint(folder: Path) -> Path | None:
    """
    Return the newest checkpoint that is as it was written; those that are not are named and passed over.

    Args:
        folder (`Path`): The folder of the checkpoints.

    Returns:
        `Path`, *optional*: The checkpoint; `None` if there is none.
    """
    steps = {}
    for path in folder.glob(f"{PREFIX_CHECKPOINT_DIR}-*"):
        step = path.name.rpartition("-")[2]
        if step.isdecimal():
            steps[int(step)] = path
    for step in sorted(steps, reverse=True):
        found = damage_of_checkpoint(steps[step])
        if found is None:
            return steps[step]
        logger.warning("%s; this checkpoint is passed over", found)
    return None


def checkpoint_to_resume(chosen: str | bool | None, folder: Path) -> Path | None:
    """
    Return the checkpoint that a training goes on from.

    Args:
        chosen (`str` or `bool`, *optional*): A checkpoint; `True` for the newest in `folder` that is as it was
            written; otherwise none.
        folder (`Path`): The folder of the checkpoints.

    Raises:
        InputError: If there is none in `folder`, or if the one that was chosen is not as it was written.
    """
    if chosen is None or chosen is False:
        return None
    if chosen is not True:
        # One that another trainer has written has no seal, and its owner must know.
        found = damage_of_checkpoint(Path(chosen)) if (Path(chosen) / SEAL_FILE).exists() else None
        if found is not None:
            raise InputError(f"resume_from_checkpoint: {found}; choose an earlier checkpoint")
        return Path(chosen)
    newest = newest_checkpoint(folder)
    if newest is None:
        raise InputError(f"resume_from_checkpoint: {folder} has no complete checkpoint; leave it out to start anew")
    return newest
