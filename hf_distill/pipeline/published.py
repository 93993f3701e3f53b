# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""The recipe in a published model's repository, so that anyone can repeat the run."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from huggingface_hub import hf_hub_download
from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError
from huggingface_hub.utils import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

from hf_distill.errors import InputError
from hf_distill.fetching import fetching
from hf_distill.pipeline.manifest import RECIPE_FILE
from hf_distill.pipeline.recipe import Recipe, apply_change, parse_recipe
from hf_distill.pipeline.strangers import make_harmless

SCHEME = "hub:"
ADDRESS = re.compile(r"hub:(?P<repo_id>[^/@\s]+/[^/@\s]+)(?:@(?P<revision>\S+))?")
LARGEST = 256 * 1024
"""Bytes; recipes have a few thousand."""
DEEPEST = 50
"""Levels of mappings and lists within each other; recipes have about five."""
BEGINNINGS = (
    yaml.BlockMappingStartToken,
    yaml.BlockSequenceStartToken,
    yaml.FlowMappingStartToken,
    yaml.FlowSequenceStartToken,
)
ENDS = (yaml.BlockEndToken, yaml.FlowMappingEndToken, yaml.FlowSequenceEndToken)


@dataclass(frozen=True)
class PublishedRecipe:
    """
    A recipe that was fetched.

    Args:
        name (`str`): The repository's name without its owner.
        recipe ([`Recipe`]): The recipe, without what was dropped of it.
        dropped (`tuple[str, ...]`): What was dropped and why, a line each.
    """

    name: str
    recipe: Recipe
    dropped: tuple[str, ...]


def is_published(recipe: str) -> bool:
    """Say whether this names a published run, `hub:...`."""
    return recipe.startswith(SCHEME)


def load_published(address: str, changes: Sequence[str] = ()) -> PublishedRecipe:
    """
    Fetch the recipe of a published run; nothing else of the repository is fetched.

    What a stranger's recipe could do harm with is dropped, or must be said again by who runs it; see
    [`make_harmless`]. The changes are the user's own and are taken as they are.

    Args:
        address (`str`): `hub:OWNER/NAME`, or `hub:OWNER/NAME@REVISION` for a branch, a tag or a commit.
        changes (`Sequence[str]`, *optional*): `key.key=value` changes, the values in YAML.

    Returns:
        [`PublishedRecipe`]: The recipe, checked.

    Raises:
        InputError: If there is no such recipe, or it cannot be run here as it is; the message says what to give.
    """
    match = ADDRESS.fullmatch(address)
    if match is None:
        raise InputError(
            f"RECIPE: a published run is named hub:OWNER/NAME or hub:OWNER/NAME@REVISION; got {address!r}"
        )
    content = _read(_fetch(match["repo_id"], match["revision"]), address)
    dropped = make_harmless(content, [change.partition("=")[0] for change in changes], address)
    for change in changes:
        apply_change(content, change)
    return PublishedRecipe(match["repo_id"].partition("/")[2], parse_recipe(content, address), tuple(dropped))


def _fetch(repo_id: str, revision: str | None) -> Path:
    with fetching(repo_id, "RECIPE", revision=revision) as where, _without_progress_bars():
        try:
            return Path(hf_hub_download(repo_id, RECIPE_FILE, revision=revision))
        # Without a network it is not known what the repository has.
        except LocalEntryNotFoundError:
            raise
        except EntryNotFoundError as error:
            raise InputError(
                f"RECIPE: {where} has no {RECIPE_FILE}; only runs that hf-distill publish published can be repeated"
            ) from error


@contextmanager
def _without_progress_bars() -> Iterator[None]:
    """Fetch silently: the file is small, and what is wrong with it is to be the only line."""
    before = are_progress_bars_disabled()
    disable_progress_bars()
    try:
        yield
    finally:
        if not before:
            enable_progress_bars()


def _read(path: Path, address: str) -> dict[str, Any]:
    """Return what the file holds, if it is what a recipe may be."""
    if path.stat().st_size > LARGEST:
        raise InputError(f"{address}: its {RECIPE_FILE} has {path.stat().st_size:,} bytes; a recipe has less")
    try:
        text = path.read_text(encoding="utf-8")
        _check_tokens(text, f"{address}: its {RECIPE_FILE}")
        content = yaml.safe_load(text)
    except (UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        raise InputError(f"{address}: its {RECIPE_FILE} is not YAML: {type(error).__name__}") from error
    if not isinstance(content, dict):
        raise InputError(f"{address}: its {RECIPE_FILE} must hold keys such as task, dataset and teacher")
    return content


def _check_tokens(text: str, file: str) -> None:
    """Refuse what takes a reader more time or memory than the size of the file lets one expect."""
    depth = 0
    for token in yaml.scan(text):
        # A few lines of aliases of aliases stand for more than fits into memory.
        if isinstance(token, yaml.AliasToken):
            raise InputError(f"{file} has YAML aliases, which no published recipe has")
        depth += isinstance(token, BEGINNINGS) - isinstance(token, ENDS)
        # At every token, all levels that are open are gone through.
        if depth > DEEPEST:
            raise InputError(f"{file} is nested more than {DEEPEST} levels deep, which no recipe is")
