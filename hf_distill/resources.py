# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Where the recipes and card templates are, in an installed package and in a checkout."""

from __future__ import annotations

from pathlib import Path


def resource_path(name: str) -> Path:
    """Find a folder of files that come with the package.

    Args:
        name (`str`): Name of the folder: "recipes" or "model_cards".

    Returns:
        `Path`: The folder inside the installed package, or else at the root of the repository.

    Raises:
        `FileNotFoundError`: If it is in neither.
    """
    package = Path(__file__).resolve().parent
    for folder in (package / name, package.parent / name):
        if folder.exists():
            return folder
    raise FileNotFoundError(f"{name}: not found in {package} nor beside it; reinstall hf_distill")
