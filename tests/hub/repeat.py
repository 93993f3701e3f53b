# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""What one publishes and another repeats: `{"OWNER/NAME": {"type": ..., "files": {...}}}` on stdin."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from huggingface_hub import HfApi


def main() -> None:
    """Make the repositories, with files of a text each or of a local folder."""
    api = HfApi()
    for repo_id, wanted in json.load(sys.stdin).items():
        kind = wanted.get("type", "model")
        api.create_repo(repo_id, repo_type=kind, private=wanted.get("private", False))
        for path, text in wanted.get("files", {}).items():
            api.upload_file(path_or_fileobj=text.encode(), path_in_repo=path, repo_id=repo_id, repo_type=kind)
        if "folder" in wanted:
            for file in sorted(Path(wanted["folder"]).iterdir()):
                api.upload_file(path_or_fileobj=file, path_in_repo=file.name, repo_id=repo_id, repo_type=kind)


if __name__ == "__main__":
    main()
