# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""What is known here, without asking the network, of the checkpoints and data sets of others: their own cards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hf_distill.publishing.metadata import LANGUAGE, LICENSES, hub_id

UNTOLD = frozenset({"other", "unknown"})
"""Names of licences that say nothing of what may be done."""


def known_license(model: str | None) -> str | None:
    """The licence of a checkpoint, as its card says it.

    Args:
        model (`str`, *optional*): Its folder or Hub id.

    Returns:
        `str`, *optional*: The Hub's name of it; `None` if no card is here, or if it names no licence, or several.
    """
    license = _metadata(model, "model").get("license")
    known = isinstance(license, str) and license.lower() in LICENSES - UNTOLD
    return license.lower() if known else None


def known_languages(dataset: str | None) -> list[str]:
    """The languages of a data set, as its card says them.

    Args:
        dataset (`str`, *optional*): Its folder or Hub id.

    Returns:
        `list[str]`: ISO 639 codes; none if no card is here, or if it names none, or other words.
    """
    languages = _metadata(dataset, "dataset").get("language") or []
    languages = [languages] if isinstance(languages, str) else languages
    known = isinstance(languages, list) and all(LANGUAGE.fullmatch(str(name)) for name in languages)
    return [str(name) for name in languages] if known else []


def _metadata(name: str | None, kind: str) -> dict[str, Any]:
    """The metadata of a card in a folder or among what was fetched before."""
    from huggingface_hub import RepoCard, try_to_load_from_cache

    if name is None:
        return {}
    path = Path(name) / "README.md"
    if not path.is_file():
        found = try_to_load_from_cache(name, "README.md", repo_type=kind) if hub_id(name) else None
        if not isinstance(found, str):
            return {}
        path = Path(found)
    # A card of others may be anything; what cannot be read says nothing.
    try:
        return RepoCard.load(path, ignore_metadata_errors=True).data.to_dict()
    except Exception:
        return {}
