# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Recordings on the Hugging Face Hub: how they are named, and how they come to this machine."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from huggingface_hub import snapshot_download

from hf_distill.errors import InputError
from hf_distill.fetching import fetching
from hf_distill.knowledge.shards import RECORDING_FILE, REDUCTIONS_FILE

SCHEME = "hf://"
ADDRESS = re.compile(r"hf://datasets/(?P<repo_id>[^/@\s]+/[^/@\s]+)(?:@(?P<revision>\S+))?")
SHARDS = "data/*.arrow"
FILES = [RECORDING_FILE, REDUCTIONS_FILE, "dataset_info.json", "state.json", SHARDS]
"""What a recording is made of."""


def is_address(teacher_model: Any) -> bool:
    """Say whether this names something on the Hub by an address, `hf://...`."""
    return isinstance(teacher_model, str) and teacher_model.startswith(SCHEME)


def fetch_address(address: str) -> Path:
    """
    Return the folder of the recording that a trainer's `teacher_model` names on the Hub.

    Args:
        address (`str`): `hf://datasets/OWNER/NAME` or `hf://datasets/OWNER/NAME@REVISION`.

    Raises:
        InputError: If it has another form, or if the Hub has no such recording.
    """
    match = ADDRESS.fullmatch(address)
    if match is None:
        raise InputError(
            "teacher_model: a recording on the Hub is named hf://datasets/OWNER/NAME or "
            f"hf://datasets/OWNER/NAME@REVISION; got {address!r}"
        )
    return _fetch(match["repo_id"], match["revision"], None, "teacher_model")


def fetch_recording(repo_id: str, revision: str | None = None, token: str | None = None) -> Path:
    """
    Fetch a recording from the Hugging Face Hub; what is here already is not fetched again.

    Args:
        repo_id (`str`): The data set that [`push_recording`] made.
        revision (`str`, *optional*): A branch, a tag or a commit; the main branch by default.
        token (`str`, *optional*): A token of the Hub; the one that is saved on this machine by default.

    Returns:
        `Path`: A folder in the Hub's cache, which [`DistillationTrainer`] takes as its `teacher_model`.

    Raises:
        InputError: If the Hub has no such recording, or does not show it to this token.
    """
    return _fetch(repo_id, revision, token, "repo_id")


def _fetch(repo_id: str, revision: str | None, token: str | None, argument: str) -> Path:
    with fetching(repo_id, argument, "data set", revision) as where:
        folder = Path(
            snapshot_download(repo_id, repo_type="dataset", revision=revision, token=token, allow_patterns=FILES)
        )
    if not (folder / RECORDING_FILE).is_file():
        raise InputError(f"{argument}: {where} is no recording: it has no {RECORDING_FILE}")
    return folder
