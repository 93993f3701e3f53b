# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""
What may be taken over from a recipe that somebody else wrote.

To run one is to load models and data that it names, from the Hub, and to train. Everything else that a recipe can ask
for is dropped, or must be said by who runs it: to import modules (`package:`), to read this machine's files, to write
outside of the run's folder, to upload or report anything, and to run code that comes with a model.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from huggingface_hub import HfApi
from huggingface_hub.errors import HFValidationError, OfflineModeIsEnabled
from huggingface_hub.utils import validate_repo_id
from transformers import TrainingArguments

from hf_distill.data.loading import PACKAGE_PREFIX
from hf_distill.errors import InputError
from hf_distill.training_args import DistillationTrainingArguments

OWN_DATA = ("package:hf_distill.data.docstrings",)
"""Modules that come with this package; others would be imported."""
TRAINING = ("training", "teacher.fine_tune", "baseline.training", "intermediate.training", "finishing.training")
"""The sections with fields of training arguments."""
WORDS = frozenset(
    {
        "optim",
        "lr_scheduler_type",
        "lr_scheduler_kwargs",
        "eval_strategy",
        "save_strategy",
        "logging_strategy",
        "metric_for_best_model",
        "train_sampling_strategy",
        "gradient_checkpointing_kwargs",
        "bf16",
    }
)
"""Fields of transformers that say in words how is trained; of the others only numbers and switches are taken over."""
UPLOADS = ("hub_", "push_to_hub")
"""How fields begin that upload."""
CONFIGS = ("teacher.config", "teacher.processor", "student.config")
"""The sections with fields of a configuration."""
CODE = ("auto_map", "attn_implementation", "experts_implementation", "custom_", "trust_remote_code", "quantization")
"""What fields of a configuration are called that may name code, or models, of elsewhere."""
STARTS = ("pretrained", "student")
"""What `baseline.start` may say that is no checkpoint."""


class Question(NamedTuple):
    """
    Something that who runs the recipe must say.

    Args:
        key (`str`): The recipe's key.
        value (`Any`): What the recipe says.
        reason (`str`): Why that is not enough.
    """

    key: str
    value: Any
    reason: str


def make_harmless(content: dict[str, Any], given: Collection[str], source: str) -> list[str]:
    """
    Drop what must not be taken over from a stranger's recipe.

    Args:
        content (`dict[str, Any]`): The recipe, which is changed.
        given (`Collection[str]`): Keys that the user gives other values for.
        source (`str`): Where the recipe is from, for the message.

    Returns:
        `list[str]`: What was dropped and why, a line each.

    Raises:
        InputError: If it names what only who runs it can answer for, and this is not given; the message names all.
    """
    dropped = list(_drop(content, ""))
    asked = [question for question in _questions(content, given, "") if not _is_given(question.key, given)]
    if asked:
        keys = " ".join(f"{question.key}=..." for question in asked)
        reasons = "; ".join(f"{question.key} is {question.value!r}, {question.reason}" for question in asked)
        raise InputError(f"{source}: add {keys} ({reasons})")
    return dropped


def _is_given(key: str, given: Collection[str]) -> bool:
    return any(key == name or key.startswith(f"{name}.") for name in given)


def _drop(content: dict[str, Any], prefix: str) -> Iterator[str]:
    if content.pop("publish", None) is not None:
        yield f"{prefix}publish: dropped, for to repeat a run is not to publish it"
    for place in TRAINING:
        section = _section(content, place)
        for name in [name for name, value in section.items() if not _is_of_training(name, value)]:
            del section[name]
            yield f"{prefix}{place}.{name}: dropped, for it does not change what is learnt, or not safely"
    for place in CONFIGS:
        section = _section(content, place)
        for name in [name for name in section if _names_code(name)]:
            del section[name]
            yield f"{prefix}{place}.{name}: dropped, for it may name code of elsewhere"
    if isinstance(content.get("general"), dict):
        yield from _drop(content["general"], f"{prefix}general.")


def _is_of_training(name: Any, value: Any) -> bool:
    """Say whether a training field changes no more than how is trained."""
    if not isinstance(name, str) or name.startswith(UPLOADS):
        return False
    ours = {entry.name for entry in dataclasses.fields(DistillationTrainingArguments)}
    ours -= {entry.name for entry in dataclasses.fields(TrainingArguments)}
    if name in WORDS or name in ours or value is None or isinstance(value, (bool, int, float)):
        return True
    # YAML reads 2e-4 as a text; that of a field whose default is a number can only be one.
    return isinstance(value, str) and isinstance(getattr(TrainingArguments, name, None), (int, float))


def _names_code(name: Any) -> bool:
    return not isinstance(name, str) or name.startswith("_") or any(word in name for word in CODE)


def _questions(content: dict[str, Any], given: Collection[str], prefix: str) -> Iterator[Question]:
    for place in ("dataset", "dataset.transfer"):
        yield from _questions_of_data(_section(content, place), given, f"{prefix}{place}")
    for place, key in (("teacher", "model"), ("student", "model"), ("baseline", "start")):
        name = _section(content, place).get(key)
        if name is not None and not (place == "baseline" and name in STARTS):
            reason = _why_no_model(name)
            if reason:
                yield Question(f"{prefix}{place}.{key}", name, reason)
    if isinstance(content.get("general"), dict):
        yield from _questions(content["general"], given, f"{prefix}general.")


def _questions_of_data(section: dict[str, Any], given: Collection[str], place: str) -> Iterator[Question]:
    files, path = section.get("data_files"), section.get("path")
    reason = "of the machine where it ran; give your file"
    if isinstance(files, dict):
        yield from (Question(f"{place}.data_files.{split}", value, reason) for split, value in files.items())
    elif files:
        yield Question(f"{place}.data_files", files, reason)
    # Where there are files, the path is not read.
    if path is not None and (not files or _is_given(f"{place}.data_files", given)):
        reason = _why_no_data(path)
        if reason:
            yield Question(f"{place}.path", path, reason)


def _why_no_data(path: Any) -> str | None:
    if path in OWN_DATA:
        return None
    if isinstance(path, str) and path.startswith(PACKAGE_PREFIX):
        return "a module that would be imported; give it if you trust it, or other data"
    return _why_not_on_hub(path, "dataset", "your data set")


def _why_no_model(name: Any) -> str | None:
    if isinstance(name, str) and name.startswith(PACKAGE_PREFIX):
        parts = PurePosixPath(name.removeprefix(PACKAGE_PREFIX)).parts
        return "outside of its package; give your folder" if ".." in parts or "/" in parts else None
    return _why_not_on_hub(name, "model", "your folder or a Hub id")


def _why_not_on_hub(name: Any, kind: str, wanted: str) -> str | None:
    """Say why a name is not one of a repository that everyone means the same by, if so."""
    try:
        validate_repo_id(name)
    except HFValidationError:
        return f"no Hub id; give {wanted}"
    if Path(name).exists():
        return "also a file or folder here; say which, such as ./NAME for the folder"
    try:
        known = HfApi().repo_exists(name, repo_type=kind)
    except OfflineModeIsEnabled:
        # Then it is loaded from what was fetched before, or not at all.
        known = True
    return None if known else f"nothing that the Hub has or shows; give {wanted}"


def _section(content: Any, place: str) -> dict[str, Any]:
    """Return a section within a recipe, an empty one where there is none."""
    for key in place.split("."):
        content = content.get(key) if isinstance(content, dict) else None
    return content if isinstance(content, dict) else {}
