# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Whether the parts of a recipe fit each other: its task, objectives, recording and training."""

from __future__ import annotations

import dataclasses
import itertools
import typing
from typing import TYPE_CHECKING, Any, Literal

from pydantic import ConfigDict, TypeAdapter, ValidationError

from hf_distill.errors import InputError, nearest_name

if TYPE_CHECKING:
    from hf_distill.pipeline.recipe import Recipe
    from hf_distill.tasks import Task

RESERVED_TRAINING_FIELDS = frozenset({"output_dir", "objectives", "task_weight", "push_to_hub", "hub_token"})

OPTIONS_OF_TASKS = {
    "dataset": ("max_length", "max_seconds", "stride", "too_long", "whole_words"),
    "evaluation": ("max_answer_length",),
}
"""The keys of these sections that not every task reads."""

OF_A_RUNNING_TEACHER = frozenset({"teacher_dtype", "teacher_compile"})


def check_fit(recipe: Recipe) -> None:
    """
    Check a recipe's parts against each other, and fill in what follows from the task.

    Args:
        recipe ([`Recipe`]): The recipe, each key of which is right by itself.

    Raises:
        InputError: If objectives, task, recording or training do not fit; the message names the field.
    """
    # Imported here: these take seconds, and a recipe's own keys are checked without them.
    from hf_distill.knowledge.compression import Compression
    from hf_distill.objectives import build_objective
    from hf_distill.tasks import find_task

    task = find_task(recipe.task)
    if recipe.objectives is None and task.default_objectives is not None:
        recipe.objectives = list(task.default_objectives)
    stages = [recipe.objectives or [], recipe.intermediate.objectives if recipe.intermediate else []]
    for specification in itertools.chain(*stages):
        build_objective(specification).fit_head(task.head)
    _check_task(recipe, task)
    if recipe.recording is not None:
        Compression.parse(recipe.recording.compression)
    _check_training(recipe, task)


def _check_training(recipe: Recipe, task: type[Task]) -> None:
    """Check the arguments of all trainings, and give them the types that they have in Python."""
    from hf_distill.compatibility import OLD_TRAINING_FIELDS
    from hf_distill.training_args import DistillationTrainingArguments

    known = {entry.name for entry in dataclasses.fields(DistillationTrainingArguments) if entry.init}
    known = (known | OLD_TRAINING_FIELDS) - RESERVED_TRAINING_FIELDS
    types = {**typing.get_type_hints(DistillationTrainingArguments), "bf16": bool | Literal["auto"]}
    sections = {"training": recipe.training, "teacher.fine_tune": recipe.teacher.fine_tune or {}}
    if recipe.baseline is not None:
        sections["baseline.training"] = recipe.baseline.training
    if recipe.intermediate is not None:
        sections["intermediate.training"] = recipe.intermediate.training
    if recipe.finishing is not None:
        sections["finishing.training"] = recipe.finishing.training
    for section, options in sections.items():
        for option in options:
            if option in RESERVED_TRAINING_FIELDS:
                raise InputError(f"{section}.{option}: is set by the run itself; leave it out")
            if option not in known:
                raise InputError(f"{section}.{option}: unknown key{nearest_name(option, known)}")
            options[option] = _as_type(types.get(option, float | bool), options[option], f"{section}.{option}")
            if task.collator_reads_columns and options[option] and "group_by_length" in (option, options[option]):
                raise InputError(f"{section}.{option}: all inputs of {task.name} are of one length; leave it out")
            if recipe.recording is not None and option in OF_A_RUNNING_TEACHER and options[option]:
                raise InputError(f"{section}.{option}: is for a teacher that is not recorded; add recording: null")


def _check_task(recipe: Recipe, task: type[Task]) -> None:
    """Check what some tasks can be asked and others cannot."""
    from hf_distill.features.heads import Head

    if recipe.dataset.teacher_labels is not None and (task.head is not Head.CLASSES or not task.one_label):
        raise InputError(f"dataset.teacher_labels: {task.name} has no one class for each row; leave it out")
    for name, options in OPTIONS_OF_TASKS.items():
        section = getattr(recipe, name)
        for option in set(options) - set(task.options):
            if getattr(section, option) != type(section).model_fields[option].default:
                raise InputError(f"{name}.{option}: {task.name} does not read it; leave it out")
    if recipe.recording is not None and task.draws_rows:
        raise InputError(
            f"recording: {task.name} draws new masks in every epoch, and what the teacher says of one draw does not "
            "hold for the next; add recording: null"
        )
    if task.head is Head.VECTORS:
        _check_task_weight(recipe, task)


def _check_task_weight(recipe: Recipe, task: type[Task]) -> None:
    """Refuse a task loss where the task's models compute none beside objectives, and write down that there is none."""
    weights = {"task_weight": recipe.task_weight if recipe.objectives else None}
    if recipe.intermediate is not None:
        weights["intermediate.task_weight"] = recipe.intermediate.task_weight
    for field, weight in weights.items():
        if weight:
            raise InputError(f"{field}: {task.name} has no task loss beside objectives; leave it out")
    if recipe.objectives:
        recipe.task_weight = 0.0


def _as_type(kind: Any, value: Any, field: str) -> Any:
    # YAML reads 2e-4 as a text, since it wants a dot before the e; a number is what was meant.
    try:
        return TypeAdapter(kind, config=ConfigDict(arbitrary_types_allowed=True)).validate_python(value)
    except ValidationError as error:
        reason = error.errors()[0]["msg"]
        raise InputError(f"{field}: {reason[0].lower()}{reason[1:]}; got {value!r}") from error
