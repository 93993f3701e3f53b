# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""General distillation: before its task the student learns language on plain text, in a run within the run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import PretrainedConfig, PreTrainedModel

from hf_distill.errors import InputError
from hf_distill.pipeline.context import Context, prepare
from hf_distill.pipeline.manifest import Run
from hf_distill.pipeline.models import check_same_inputs, load_config, resolve_model
from hf_distill.pipeline.recipe import Recipe, parse_recipe
from hf_distill.pipeline.stage import Stage
from hf_distill.tasks import find_task

NOT_OF_IT = ("student", "baseline", "quantization", "finishing", "general", "card", "publish")
"""Keys of a recipe that the run within the run does not have."""
SHAPE = ("model_type", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "vocab_size")
"""What two teachers must have in common for their students to be of one shape."""


def general_recipe(recipe: Recipe) -> Recipe:
    """
    Return the recipe of the run within the run.

    Args:
        recipe ([`Recipe`]): The recipe of the whole, which has `general`.

    Raises:
        InputError: If a key or a value of `general` is wrong.
    """
    given = recipe.general
    wrong = next((key for key in NOT_OF_IT if key in given), None)
    if wrong is not None:
        raise InputError(f"general.{wrong}: is that of the whole recipe, or not done here; leave it out")
    dataset = given.get("dataset")
    if not isinstance(dataset, dict):
        raise InputError("general.dataset: is missing; name the plain text to learn from")
    # Nothing is measured here, so that texts without a split for it will do.
    defaults: dict[str, Any] = {
        "task": "fill-mask",
        "teacher": {"model": recipe.teacher.model},
        "evaluation": {"max_samples": 8},
        "recording": None,
    }
    content = {
        **defaults,
        **given,
        "dataset": {"splits": {"train": "train", "test": "train"}, **dataset},
        "student": recipe.student.model_dump(),
        "baseline": None,
    }
    return parse_recipe(content, "general")


class GeneralStage(Stage):
    """Distil the student on plain text, before any task."""

    name = "general"
    result = "general/student/config.json"

    def is_wanted(self, context: Context) -> bool:
        """Say whether the recipe has `general`."""
        return context.recipe.general is not None

    def check(self, context: Context) -> None:
        """Check the run within the run, and that its student is that of the task."""
        if context.data.others and "teacher" not in context.recipe.general:
            raise InputError(
                "general.teacher: is missing, and teacher.model has another tokenizer than student.model, which "
                "masked words cannot be compared across; name a masked language model with the student's tokenizer"
            )
        recipe = general_recipe(context.recipe)
        try:
            inner = prepare(recipe, Run(context.run.folder / self.name))
            check_same_inputs(context.processor, inner.processor)
        except InputError as error:
            raise InputError(f"general: {error}") from error
        if context.recipe.student.model is None and context.recipe.student.config is None:
            own, other = (
                load_config(start, "teacher.model") for start in (context.teacher_origin, inner.teacher_origin)
            )
            _check_same_shape(own, other)

    def inputs(self, context: Context) -> Any:
        """The recipe of the run within the run."""
        return general_recipe(context.recipe).model_dump(mode="json")

    def run(self, context: Context, inputs: str) -> dict[str, Any]:
        """Run it, continuing an interrupted start."""
        # Imported here: a run is made of stages, of which this is one.
        from hf_distill.pipeline.run import run_recipe

        folder = run_recipe(general_recipe(context.recipe), context.run.folder / self.name, until="student")
        return {"steps": Run.open(folder).stage("student").get("steps", 0)}


def _check_same_shape(own: PretrainedConfig, other: PretrainedConfig) -> None:
    for name in SHAPE:
        one, another = (getattr(config, name, None) for config in (own, other))
        if one != another:
            raise InputError(
                f"general.teacher.model: its {name} is {another}, and that of teacher.model {one}; choose one of the "
                "same shape, so that both teach the same student"
            )


def with_general_body(student: PreTrainedModel, context: Context) -> PreTrainedModel:
    """
    Let the student start from what it has learnt on plain text; its head stays as it is.

    Args:
        student ([`~transformers.PreTrainedModel`]): The student as it would start without.
        context ([`Context`]): The run; if its recipe has no `general`, nothing is changed.
    """
    recipe = context.recipe
    if recipe.general is None:
        return student
    task = find_task(general_recipe(recipe).task)()
    folder: Path = context.run.folder / GeneralStage.name / "student"
    learnt = task.model_class.from_pretrained(resolve_model(str(folder), "general"), dtype=torch.float32)
    # What only the task's body has, such as a pooler, is left as it is.
    body = {**student.base_model.state_dict(), **learnt.base_model.state_dict()}
    student.base_model.load_state_dict(body)
    return student
