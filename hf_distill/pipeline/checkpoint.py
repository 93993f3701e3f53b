# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Quantizing a checkpoint that comes from elsewhere, without data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from transformers import PretrainedConfig

from hf_distill.errors import InputError
from hf_distill.files import folder_written_aside, scratch_folder
from hf_distill.pipeline.measure import size_on_disk
from hf_distill.pipeline.models import load_config, load_processor, resolve_model
from hf_distill.pipeline.recipe import parse_backend
from hf_distill.quantization import find_backend
from hf_distill.tasks import Task, list_tasks


def quantize_checkpoint(model: str, options: dict[str, Any], folder: Path | None = None) -> str:
    """
    Quantize any checkpoint whose head is of a known task.

    Args:
        model (`str`): Folder or Hub id.
        options (`dict[str, Any]`): Keys of a section of a recipe's `quantization`.
        folder (`Path`, *optional*): Folder to write; by default one in the working folder, named after model and
            backend.

    Returns:
        `str`: What was written, how large it is, and the Python lines that load and run it.

    Raises:
        InputError: If the model is none, its head is of no known task, the options ask for data, or the folder is
            there already or cannot be written.
    """
    section = parse_backend(options)
    if "max_drop" in options:
        raise InputError("max_drop: needs data to measure it on; quantize a run, or leave it out")
    backend = find_backend(section.backend)
    origin = resolve_model(model, "MODEL")
    if Path(origin).is_dir() and not (Path(origin) / "config.json").is_file():
        raise InputError(
            f"MODEL: {model} is not a run (it has no recipe.yaml), nor a checkpoint (it has no config.json)"
        )
    config = load_config(origin, "MODEL")
    task = _task_of(config, model)
    task.read_teacher(origin)
    backend.check(model)
    backend.check_model(config, section.options)
    load_processor(origin, task, "MODEL")
    precision = backend.precision(section.options)
    folder = folder or Path(f"{Path(origin).resolve().name}-{precision}-{backend.name}")
    if folder.exists():
        raise InputError(f"--output-dir {folder}: is there already; choose another, or remove it")
    try:
        with folder_written_aside(folder) as written, scratch_folder(folder) as aside:
            checkpoint = _at_hand(origin, task, aside)
            backend.quantize(checkpoint, written, task, section.options)
            backend.complete(written, task)
            before, now = size_on_disk(checkpoint), size_on_disk(written)
    except OSError as error:
        # transformers has no number for what is wrong with a checkpoint, as the system has for what is with a disk.
        if error.errno is None:
            raise InputError(f"MODEL: {model!r} cannot be loaded: {str(error).splitlines()[0]}") from error
        raise InputError(f"--output-dir {folder}: cannot be written: {error.strerror}") from error
    return (
        f"{folder}: {precision} with {backend.name}, {now / 1e6:.1f} MB, was {before / 1e6:.1f}. What it loses is not "
        f"known: that takes data, and a recipe.\n\n{backend.loading_code(str(folder), task)}"
    )


def _at_hand(origin: str, task: Task, aside: Path) -> Path:
    """Return a folder with the checkpoint, which may be on the Hub."""
    if Path(origin).is_dir():
        return Path(origin)
    task.model_class.from_pretrained(origin).save_pretrained(aside)
    load_processor(origin, task, "MODEL").save_pretrained(aside)
    return aside


def _task_of(config: PretrainedConfig, model: str) -> Task:
    for kind in list_tasks():
        task = kind()
        if task.has_head(config):
            return task
    head = (config.architectures or ["nothing"])[0]
    known = ", ".join(kind.name for kind in list_tasks())
    raise InputError(f"MODEL: {model!r} was saved as {head}, which has no head of a known task ({known})")
