# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Running a recipe: every stage once, in order, skipping what is done."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from hf_distill.errors import InputError, nearest_name
from hf_distill.pipeline.context import Context, prepare
from hf_distill.pipeline.manifest import RECIPE_FILE, Run, fingerprint
from hf_distill.pipeline.recipe import Recipe, load_recipe, with_backend
from hf_distill.pipeline.sections import DEFAULT_BACKEND
from hf_distill.pipeline.stage import Stage
from hf_distill.pipeline.stages import STAGES
from hf_distill.processes import from_main, main_first, processes

logger = logging.getLogger(__name__)

Announce = Callable[[str], None]


def run_recipe(recipe: Recipe, folder: str | Path, until: str | None = None, announce: Announce = logger.info) -> Path:
    """
    Run a recipe, or continue a run of it.

    Args:
        recipe ([`Recipe`]): The recipe.
        folder (`str` or `Path`): The run's folder.
        until (`str`, *optional*): Last stage to run; all of them by default.
        announce (`Callable`, *optional*): Told, in a line each, which stage begins or is skipped.

    Returns:
        `Path`: The run's folder.

    Raises:
        InputError: If something of the recipe cannot work.
    """
    names = [stage.name for stage in STAGES]
    if until is not None and until not in names:
        raise InputError(f"--until: there is no stage {until!r}{nearest_name(until, names)}")
    folder = Path(folder)
    announce = announce if processes().is_main_process else _say_nothing
    context, wanted = main_first(lambda: _prepare(recipe, folder))
    context.run.write_recipe(recipe.to_yaml())
    prints = _fingerprints(context, wanted)
    last = names.index(until) if until is not None else len(names)
    with context.run.locked(announce):
        for stage in (stage for stage in wanted if names.index(stage.name) <= last):
            done = context.run.is_done(stage.name, prints[stage.name]) and (folder / stage.result).exists()
            if from_main(done):
                announce(f"{stage.name}: done already")
            else:
                announce(f"{stage.name}: {stage.__doc__.splitlines()[0]}")
                _run_stage(stage, context, prints[stage.name])
    return folder


def _prepare(recipe: Recipe, folder: Path) -> tuple[Context, list[Stage]]:
    """Check all that can be checked, and return the stages that the recipe asks for."""
    context = prepare(recipe, Run.create(folder, recipe.to_yaml()))
    wanted = [stage for stage in STAGES if stage.is_wanted(context)]
    for stage in wanted:
        stage.check(context)
    return context, wanted


def _fingerprints(context: Context, wanted: Sequence[Stage]) -> dict[str, str]:
    """Return a hash, for each stage, of all that its result depends on."""
    prints: dict[str, str] = {}
    for stage in wanted:
        prints[stage.name] = fingerprint([stage.inputs(context), [prints.get(before) for before in stage.after]])
    return prints


def _say_nothing(line: str) -> None:
    """Leave the announcements to the main process."""


def _run_stage(stage: Stage, context: Context, inputs: str) -> None:
    run = context.run
    run.record(stage.name, state="running", fingerprint=inputs)
    start = time.monotonic()
    try:
        works = stage.in_all_processes or processes().is_main_process
        result = stage.run(context, inputs) if works else {}
    except BaseException:
        run.record(stage.name, state="stopped")
        raise
    run.record(stage.name, state="done", seconds=round(time.monotonic() - start, 1), **from_main(result))


def open_run(folder: str | Path, backend: dict[str, Any] | None = None) -> Context:
    """
    Open a finished or half-finished run, to do a stage of it again.

    Args:
        folder (`str` or `Path`): The run's folder.
        backend (`dict[str, Any]`, *optional*): Keys of a section of `quantization` that its recipe gets; without any,
            what it has already, or else the default.

    Raises:
        InputError: If the folder is not a run, or a key or value of `backend` is wrong.
    """
    run = Run.open(Path(folder))
    recipe = load_recipe(run.folder / RECIPE_FILE)
    if backend is None or (not backend and recipe.quantization):
        return prepare(recipe, run)
    context = prepare(with_backend(recipe, backend), run, backend.get("backend", DEFAULT_BACKEND))
    run.write_recipe(context.recipe.to_yaml(), anew=True)
    return context


def repeat_stages(context: Context, names: list[str]) -> None:
    """
    Run stages of an existing run again.

    Args:
        context ([`Context`]): The run.
        names (`list[str]`): The stages.

    Raises:
        InputError: If the run has no student yet, or its recipe does not ask for the first of the stages.
    """
    if context.run.stage("student").get("state") != "done":
        raise InputError(f"{context.run.folder}: has no student yet; finish it with hf-distill run")
    first = next(stage for stage in STAGES if stage.name == names[0])
    if not first.is_wanted(context):
        raise InputError(f"{context.run.folder}: its recipe asks for no {first.name}; run a recipe that does")
    prints = _fingerprints(context, [stage for stage in STAGES if stage.is_wanted(context)])
    with context.run.locked(logger.warning):
        for stage in STAGES:
            if stage.name in names and stage.name in prints:
                _run_stage(stage, context, prints[stage.name])
