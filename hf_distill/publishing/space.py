# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""A Space of the Hugging Face Hub in which published models answer side by side."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import metadata
from typing import Any

from huggingface_hub import SpaceCardData

from hf_distill.compatibility import GRADIO
from hf_distill.publishing.card import hub_id
from hf_distill.publishing.redaction import redact
from hf_distill.quantization.elsewhere import installed_from

PINNED = ("torch", "transformers", "huggingface_hub")
"""What a Space has in the versions that are installed here."""
OF_BACKENDS = {
    "onnxruntime": ("onnx", ("optimum-onnx", "onnxruntime")),
    "openvino": ("openvino", ("optimum-intel", "openvino")),
    "quanto": ("quanto", ("optimum-quanto",)),
}
"""The extra of each backend, and the packages that are pinned for it."""
APP = '''"""Teacher, student and quantized models side by side, with hf_distill."""

from hf_distill.demo import DemoSource, build_page, serve

SOURCE = DemoSource(
    task={task!r},
    models={models},
    options={options!r},
)

page = build_page(SOURCE, title={title!r})

if __name__ == "__main__":
    serve(page)
'''
README = """---
{metadata}
---

Published models side by side on one input: what each says, and how long it takes. Made with hf_distill.
"""


def space_files(
    repositories: Mapping[str, str],
    task: str,
    options: Mapping[str, Any] | None = None,
    title: str = "Teacher and student",
    license: str | None = None,
) -> dict[str, str]:
    """
    Return the files of a Space that shows published models side by side.

    Args:
        repositories (`Mapping[str, str]`): Hub id of each model by its name in the report: `"student"`, and
            `"teacher"`, `"quantized/onnxruntime"` and the like where there are such; a quantized model may be in a
            folder of a repository, as in `OWNER/NAME/onnx`.
        task (`str`): Name of their task.
        options (`Mapping[str, Any]`, *optional*): The options of a recipe's `dataset` that change how inputs are
            read, such as `max_length`.
        title (`str`, *optional*): What the page is called.
        license (`str`, *optional*): The Hub's name of the licence.

    Returns:
        `dict[str, str]`: `app.py`, `requirements.txt` and `README.md`, by their paths.
    """
    title = " ".join(str(redact(title)).split())
    models = "".join(f"        {name!r}: {location!r},\n" for name, location in repositories.items())
    app = APP.format(task=task, models=f"{{\n{models}    }}", options=dict(options or {}), title=title)
    card = SpaceCardData(
        title=title,
        emoji="⚗️",
        sdk="gradio",
        sdk_version=GRADIO,
        python_version=f"{sys.version_info.major}.{sys.version_info.minor}",
        app_file="app.py",
        license=license,
        models=_ids(repositories) or None,
        tags=["distillation", "hf_distill"],
    )
    return {
        "app.py": app,
        "requirements.txt": "\n".join(_requirements(repositories)) + "\n",
        "README.md": README.format(metadata=card.to_yaml()),
    }


def _ids(repositories: Mapping[str, str]) -> list[str]:
    """Return the repositories without folders in them, each once."""
    ids = ["/".join(location.split("/")[:2]) for location in repositories.values()]
    return [name for name in dict.fromkeys(ids) if hub_id(name)]


def _requirements(repositories: Mapping[str, str]) -> list[str]:
    """Return what the app needs beside Gradio, which the Hub installs."""
    backends = [name.partition("/")[2] for name in repositories if name.startswith("quantized/")]
    known = [OF_BACKENDS[backend] for backend in backends if backend in OF_BACKENDS]
    extras = f"[{','.join(extra for extra, _ in known)}]" if known else ""
    origin = redact(installed_from())
    # A folder of this machine is nowhere else.
    source = f" @ {origin}" if origin.startswith("git+") else f"=={metadata.version('hf-distill')}"
    return [f"hf-distill{extras}{source}", *_pins([*PINNED, *(name for _, packages in known for name in packages)])]


def _pins(packages: list[str]) -> list[str]:
    """Return the installed versions, without what tells one build from another."""
    versions = {package: _version(package) for package in packages}
    return [f"{package}=={version}" for package, version in versions.items() if version]


def _version(package: str) -> str | None:
    try:
        return metadata.version(package).partition("+")[0]
    except metadata.PackageNotFoundError:
        return None
