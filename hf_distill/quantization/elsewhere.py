# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""The command that quantizes in an environment of its own, where a backend cannot live with what is installed here."""

from __future__ import annotations

import json
import shlex
from importlib import metadata


def command_elsewhere(extra: str, target: str, backend: str) -> str:
    """
    Return a shell command that needs nothing but `uv`.

    Args:
        extra (`str`): The extra of this package that the backend needs.
        target (`str`): The run or checkpoint.
        backend (`str`): The backend.
    """
    source = _installed_from()
    package = f"hf-distill[{extra}]{' @ ' if source else ''}{source}"
    return shlex.join(["uvx", "--from", package, "hf-distill", "quantize", target, "--backend", backend])


def _installed_from() -> str:
    """Return where this package was installed from, if that was no index: a folder, a file or a repository."""
    content = metadata.distribution("hf-distill").read_text("direct_url.json")
    if content is None:
        return ""
    origin = json.loads(content)
    repository = origin.get("vcs_info")
    return f"{repository['vcs']}+{origin['url']}@{repository['commit_id']}" if repository else origin["url"]
