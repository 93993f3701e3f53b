# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""The folder of a recording: shards that are written whole, found again after a crash, and checked when read."""

from __future__ import annotations

import errno
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import datasets
import numpy as np
import pyarrow as pa
import xxhash
from datasets import Dataset, DatasetInfo, Features, Value, concatenate_datasets

from hf_distill.errors import InputError
from hf_distill.files import ASIDE, MeasuredFile, damage, measure_content, write_atomically
from hf_distill.knowledge.columns import ROW_COLUMN

PLAN_FILE = "plan.json"
"""What is to be recorded, until it is."""
RECORDING_FILE = "recording.json"
"""What was recorded; the last file to be written."""
REDUCTIONS_FILE = "reductions.safetensors"
"""What is kept of hidden states, if that is a part of them."""
ROWS_OF_A_BATCH = 64
"""Rows that lie together in a shard: what is read at once."""


def features_of(names: Sequence[str]) -> Features:
    """Return the types of a recording's columns."""
    return Features({ROW_COLUMN: Value("int64"), **{name: Value("large_binary") for name in names}})


def shard_name(number: int, shards: int) -> str:
    """Return the file of a shard, within the recording's folder."""
    return f"data/train-{number:05}-of-{shards:05}.arrow"


def write_shard(
    folder: Path, name: str, hashes: np.ndarray, columns: Mapping[str, pa.Array], places: np.ndarray
) -> None:
    """
    Write a shard, then the note that says that it is complete.

    Args:
        folder (`Path`): The recording's folder.
        name (`str`): The shard's file within it.
        hashes (`np.ndarray`): What tells the rows.
        columns (`Mapping[str, pyarrow.Array]`): What was recorded of them, in any order.
        places (`np.ndarray`): Where each row is in these columns.

    Raises:
        OSError: If the disk is full; what was finished before stays.
    """
    schema, note = features_of(list(columns)).arrow_schema, {"rows": len(hashes)}

    def write(file: BinaryIO) -> None:
        measured = MeasuredFile(file)
        with pa.ipc.new_stream(measured, schema) as stream:
            # A part at a time is put in order, so that no memory is taken for a second whole.
            for first in range(0, len(hashes), ROWS_OF_A_BATCH):
                part = slice(first, first + ROWS_OF_A_BATCH)
                ordered = [column.take(pa.array(places[part])) for column in columns.values()]
                stream.write_batch(pa.record_batch([pa.array(hashes[part]), *ordered], schema=schema))
        note.update(measured.measured())

    try:
        write_atomically(folder / name, write)
        write_atomically(_note_of(folder / name), json.dumps(note) + "\n")
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        size = sum(column.nbytes for column in columns.values())
        raise OSError(
            error.errno,
            f"the disk of {folder} is full; the shards before {name} are kept, so free {size / 1e6:.0f} MB "
            "for each that is missing and start again",
        ) from error


def is_finished(folder: Path, name: str) -> bool:
    """Say whether a shard is there as it was written; one that is not is to be written again."""
    try:
        note = json.loads(_note_of(folder / name).read_text(encoding="utf-8"))
        check_file(folder, name, note)
    except (OSError, ValueError, KeyError):
        return False
    return True


def check_file(folder: Path, name: str, note: Mapping[str, Any]) -> None:
    """
    Check that a file of a recording is what was written.

    Raises:
        InputError: If it is missing, cut off or altered.
    """
    found = damage(folder / name, note)
    if found is not None:
        remedy = "record again into another folder, or fetch the file anew"
        raise InputError(f"teacher_model: the file {folder / name} {found}; {remedy}")


def finish(folder: Path, names: Sequence[str], columns: Sequence[str], content: dict[str, Any]) -> None:
    """
    Make a data set of the shards, and write last what says that the recording is complete.

    Args:
        folder (`Path`): The recording's folder.
        names (`Sequence[str]`): The shards, in order.
        columns (`Sequence[str]`): The columns, beside that of the rows.
        content (`dict`): What is known of the recording.
    """
    shards = [{"file": name, **json.loads(_note_of(folder / name).read_text(encoding="utf-8"))} for name in names]
    state = {
        "_data_files": [{"filename": name} for name in names],
        "_fingerprint": xxhash.xxh3_64(json.dumps(shards).encode()).hexdigest(),
        "_format_columns": None,
        "_format_kwargs": {},
        "_format_type": None,
        "_output_all_columns": False,
        "_split": "train",
    }
    if (folder / REDUCTIONS_FILE).is_file():
        content = {**content, "reductions": measure_content((folder / REDUCTIONS_FILE).read_bytes())}
    DatasetInfo(features=features_of(columns)).write_to_directory(folder)
    write_atomically(folder / datasets.config.DATASET_STATE_JSON_FILENAME, json.dumps(state, indent=2) + "\n")
    write_atomically(folder / RECORDING_FILE, json.dumps({**content, "shards": shards}, indent=2) + "\n")
    tidy(folder)


def tidy(folder: Path) -> None:
    """Remove what is of use only until a recording is complete, and what a start that was killed has left."""
    for pattern in (PLAN_FILE, "data/*.json", f"data/{ASIDE}", ASIDE):
        for path in folder.glob(pattern):
            path.unlink()


def open_shards(folder: Path, shards: Sequence[Mapping[str, Any]]) -> Dataset:
    """
    Return the rows of a complete recording, mapped into memory.

    Raises:
        InputError: If a shard is missing, cut off or altered.
    """
    for number, shard in enumerate(shards):
        # Where a recording comes from elsewhere, its list of files is no reason to read others.
        if shard["file"] != shard_name(number, len(shards)):
            raise InputError(
                f"teacher_model: {folder / RECORDING_FILE} names a shard {shard['file']!r}, which is none"
            )
        check_file(folder, shard["file"], shard)
    return concatenate_datasets([Dataset.from_file(str(folder / shard["file"])) for shard in shards])


def read_json(path: Path) -> dict[str, Any]:
    """
    Read a file of a recording.

    Raises:
        InputError: If it is damaged.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise InputError(
            f"teacher_model: {path} cannot be read ({error}); record again into another folder"
        ) from error


def _note_of(path: Path) -> Path:
    return path.with_suffix(".json")
