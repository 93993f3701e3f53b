# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""What uploads, without torch: `python uploader.py '[["put", {...}], ...]'` prints the results as JSON."""

from __future__ import annotations

import os
import time
import urllib.request
from typing import Any

from steps import take

from hf_distill.publishing.repository import Repository
from hf_distill.publishing.upload import UploadOptions, full_repo_id, upload

WAITED: list[float] = []
sleep = time.sleep


def wait_shortly(seconds: float) -> None:
    """Note how long somebody wants to wait, and do not."""
    WAITED.append(seconds)
    sleep(min(seconds, 0.02))


time.sleep = wait_shortly


def put(
    repo_id: str,
    files: dict[str, str],
    token: str | None = None,
    repo_type: str = "model",
    replaced: tuple[str, ...] = (),
    known_by: str | None = None,
    **options: Any,
) -> dict[str, Any]:
    """Upload files with these texts."""
    contents = {path: text.encode() for path, text in files.items()}
    repository = Repository(repo_id, contents, repo_type, tuple(replaced), known_by)
    commit = upload(repository, UploadOptions(**options), token)
    return {"url": str(commit.repo_url), "commit": commit.oid, "pull_request": commit.pr_url}


def plan(*faults: str) -> None:
    """Let the stand-in do these faults from now on."""
    body = "\n".join(faults).encode()
    urllib.request.urlopen(urllib.request.Request(f"{os.environ['HF_ENDPOINT']}/_faults", data=body)).read()


def faulty(faults: list[str], **options: Any) -> dict[str, Any]:
    """Plan faults, and upload."""
    plan(*faults)
    return put(**options)


def named(repo_id: str, token: str | None = None, faults: tuple[str, ...] = ()) -> str:
    """Ask for a repository's whole name."""
    plan(*faults)
    return full_repo_id(repo_id, token)


def waited() -> list[float]:
    """How long was waited since this was asked last."""
    result = list(WAITED)
    WAITED.clear()
    return result


def forget_token() -> None:
    """Log out."""
    del os.environ["HF_TOKEN"]


if __name__ == "__main__":
    take(globals())
