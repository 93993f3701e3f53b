# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""The command that quantizes in an environment of its own, where a backend cannot live with what is installed here."""

from __future__ import annotations

import json
import shlex
from importlib import metadata


def refusal(backend: str, reason: str, extra: str, target: str) -> str:
    """
    Return the line that says why a backend does not work here, with a shell command that needs nothing but `uv`.

    Args:
        backend (`str`): The backend.
        reason (`str`): Why, such as "needs optimum-onnx, which is not installed".
        extra (`str`): The extra of this package that the backend needs.
        target (`str`): The run or checkpoint that is to be quantized.
    """
    source = installed_from()
    package = f"hf-distill[{extra}]{' @ ' if source else ''}{source}"
    command = shlex.join(["uvx", "--from", package, "hf-distill", "quantize", target, "--backend", backend])
    return (
        f"quantization: the backend {backend} {reason}; a run leaves it out with --set quantization=[]; "
        f"this quantizes in an environment of its own: {command}"
    )


def installed_from() -> str:
    """Return where this package was installed from, if that was no index: a folder, a file or a repository."""
    content = metadata.distribution("hf-distill").read_text("direct_url.json")
    if content is None:
        return ""
    origin = json.loads(content)
    repository = origin.get("vcs_info")
    return f"{repository['vcs']}+{origin['url']}@{repository['commit_id']}" if repository else origin["url"]
