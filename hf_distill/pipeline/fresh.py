# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Models that a recipe gives the configuration of, and no checkpoint: their weights start at random."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from transformers import AutoConfig, PretrainedConfig, PreTrainedModel

from hf_distill.errors import InputError, nearest_name
from hf_distill.tasks import Task
from hf_distill.tasks.base import Processor


def fresh_config(fields: Mapping[str, Any], field: str, **options: Any) -> PretrainedConfig:
    """
    Make a configuration.

    Args:
        fields (`Mapping[str, Any]`): `model_type` and what differs from that architecture's defaults.
        field (`str`): The recipe's field that has them, for the message.
        options: Fields that the run sets itself.

    Raises:
        InputError: If transformers has no such architecture, or it has no such field, or a value is wrong.
    """
    given = copy.deepcopy(dict(fields))
    kind = given.pop("model_type", None)
    try:
        default = AutoConfig.for_model(kind)
    except ValueError as error:
        raise InputError(f"{field}.model_type: transformers has no architecture {kind!r}") from error
    known = default.to_dict().keys() | default.attribute_map.keys()
    wrong = next((name for name in given if name not in known), None)
    if wrong is not None:
        raise InputError(f"{field}.{wrong}: {kind} has no such field{nearest_name(wrong, known)}")
    try:
        return AutoConfig.for_model(kind, **{**given, **options})
    except (ValueError, TypeError) as error:
        raise InputError(f"{field}: {' '.join(str(error).split())}") from error


def check_has_class(config: PretrainedConfig, task: Task, field: str) -> None:
    """Raise an [`InputError`] if transformers has no class with the task's head for an architecture."""
    if type(config) not in task.model_class._model_mapping:
        raise InputError(f"{field}.model_type: {config.model_type} has no head for {task.name} in transformers")


def fresh_processor(given: Mapping[str, Any], config: PretrainedConfig, task: Task, field: str) -> Processor:
    """
    Make what makes the inputs of a model that has no checkpoint.

    Args:
        given (`Mapping[str, Any]`): What differs from what the task makes of the model's configuration.
        config ([`~transformers.PretrainedConfig`]): That configuration.
        task ([`Task`]): The task.
        field (`str`): The recipe's field that has `given`, for the message.

    Raises:
        InputError: If the task cannot, or something of `given` is wrong.
    """
    fields = task.processor_fields(config, given, field)
    kind = next(name for name in fields if name.endswith("_type"))
    default = _load_processor({kind: fields[kind]}, task, field)
    wrong = next((name for name in given if name != kind and not hasattr(default, name)), None)
    if wrong is not None:
        known = default.to_dict()
        raise InputError(f"{field}.{wrong}: {fields[kind]} has no such field{nearest_name(wrong, known)}")
    return _load_processor(fields, task, field)


def _load_processor(fields: Mapping[str, Any], task: Task, field: str) -> Processor:
    # Loaded as from a checkpoint, so that it is what later stages find in the run's folder.
    with TemporaryDirectory() as folder:
        (Path(folder) / "preprocessor_config.json").write_text(json.dumps(fields), encoding="utf-8")
        try:
            return task.load_processor(folder)
        except (OSError, ValueError, TypeError) as error:
            raise InputError(f"{field}: {json.dumps(fields)} makes no {task.processor_argument}") from error


def fresh_model(fields: Mapping[str, Any], task: Task, names: list[str], field: str, seed: int) -> PreTrainedModel:
    """
    Make a model with the task's head and these label names.

    Args:
        fields (`Mapping[str, Any]`): See `fresh_config`.
        task ([`Task`]): The task.
        names (`list[str]`): Label names by id.
        field (`str`): The recipe's field that has `fields`, for the message.
        seed (`int`): Seed of the weights.

    Raises:
        InputError: As `fresh_config` does.
    """
    config = fresh_config(fields, field, **task.head_options(names))
    # Weights are drawn from the global generator.
    # Where there are several classes for a task, the first is the usual one.
    classes = task.model_class._model_mapping[type(config)]
    if isinstance(classes, tuple) and not config.architectures:
        config.architectures = [classes[0].__name__]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return task.model_class.from_config(config, dtype=torch.float32)
