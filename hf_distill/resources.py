# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Finding what travels with the package: recipes and card templates."""

from __future__ import annotations

from pathlib import Path


def resource_path(name: str) -> Path:
    """
    Return the folder of a resource, in an installed package as in a checkout.

    Args:
        name (`str`): `"recipes"` or `"model_cards"`.
    """
    package = Path(__file__).resolve().parent
    inside = package / name
    return inside if inside.is_dir() else package.parent / name
