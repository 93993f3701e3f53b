# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Publishes, and fetches recipes: `{"publish": {"OWNER/NAME": {...}}, "load": ["hub:OWNER/NAME", ...]}` on stdin."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi

from hf_distill.errors import InputError
from hf_distill.pipeline.published import load_published


def publish(repo_id: str, wanted: dict[str, Any]) -> None:
    """Make a repository, with files of a text each or those of a local folder."""
    api, kind = HfApi(), wanted.get("type", "model")
    api.create_repo(repo_id, repo_type=kind, private=wanted.get("private", False))
    files: dict[str, Any] = {path: text.encode() for path, text in wanted.get("files", {}).items()}
    if "folder" in wanted:
        files |= {file.name: file for file in Path(wanted["folder"]).iterdir()}
    for path, content in files.items():
        api.upload_file(path_or_fileobj=content, path_in_repo=path, repo_id=repo_id, repo_type=kind)


def load(address: str) -> str:
    """Say what becomes of a published recipe."""
    try:
        return f"read {load_published(address).name}"
    except InputError as error:
        return str(error)


def main() -> None:
    """Publish first, and print as JSON what becomes of what is loaded."""
    wanted = json.load(sys.stdin)
    for repo_id, repository in wanted.get("publish", {}).items():
        publish(repo_id, repository)
    print(json.dumps([load(address) for address in wanted.get("load", [])]))


if __name__ == "__main__":
    main()
