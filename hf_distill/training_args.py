# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""The training arguments of a distillation."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field

import torch
from transformers import TrainingArguments

from hf_distill.compatibility import checkpoint_as_in_5
from hf_distill.errors import InputError
from hf_distill.features.maps import DIRECTIONS, KINDS, STARTS, MapOptions
from hf_distill.knowledge.precision import PRECISIONS
from hf_distill.launch import is_launched
from hf_distill.objectives import Objective, build_objective
from hf_distill.weighting import WEIGHTINGS

DEFAULT_OBJECTIVES = ["logits_mse:weight=1", "hidden_mse:weight=1,layers=uniform"]

CHOICES = {
    "objective_weighting": tuple(WEIGHTINGS),
    "projection": KINDS,
    "projection_start": STARTS,
    "projection_direction": DIRECTIONS,
}
"""The values of the arguments that have few."""


@dataclass
class DistillationTrainingArguments(TrainingArguments):
    """
    [`~transformers.TrainingArguments`] and what the student learns from the teacher.

    Args:
        objectives (`list`, *optional*): The objectives, each a `"name:weight=1,temperature=2"` string, a
            `{"name": ..., "weight": ..., option: ...}` dictionary or an [`~hf_distill.objectives.Objective`].
        task_weight (`float`, *optional*, defaults to 0.5): Factor of the task loss (the student against the labels) in
            the total loss, at least 0.
        objective_weighting (`str`, *optional*, defaults to `"fixed"`): `"fixed"`: the weights as they are given;
            `"uncertainty"`: learned factors beside them; `"gradient_norm"`: factors that let each component pull as
            hard as its weight says.
        projection (`str`, *optional*, defaults to `"linear"`): Learned maps between widths: `"linear"`, where the
            widths differ, or `"mlp"`, for all layers that are compared.
        projection_start (`str`, *optional*, defaults to `"orthogonal"`): Their initial weights: `"orthogonal"` or
            `"random"`.
        projection_shared (`bool`, *optional*, defaults to `False`): Whether one map serves all pairs of layers.
        projection_direction (`str`, *optional*, defaults to `"student_to_teacher"`): Whose states are mapped into
            whose width: that, or `"teacher_to_student"`.
        projection_learning_rate (`float`, *optional*): Learning rate of what is learned beside the student, above 0;
            the student's if left out.
        teacher_dtype (`str`, *optional*): What a teacher that runs computes in, whatever the student computes in:
            `"fp32"`, `"bf16"`, `"fp16"` or `"auto"`, which is bf16 where the machine is fast in it, else fp32. Left
            out, its weights stay as they are given, and it computes under the student's autocast.
        teacher_compile (`bool`, *optional*, defaults to `False`): Whether the layers of a teacher that runs are
            compiled, with `torch_compile_backend` if that is given, else with inductor.

    Raises:
        ValueError: If an objective, an option or a weight is wrong, or if nothing has a weight.

    Example:

    ```python
    >>> from hf_distill import DistillationTrainingArguments
    >>> args = DistillationTrainingArguments(output_dir="out", objectives=["logits_kl:temperature=2"], task_weight=0.5)
    >>> args.objectives[0]["temperature"]
    2
    ```
    """

    # Annotated with what a flag can give, for HfArgumentParser; Python and JSON may give dictionaries and objects too.
    objectives: list[str] = field(
        default_factory=lambda: list(DEFAULT_OBJECTIVES),
        metadata={
            "help": "What the student learns from the teacher: name:option=value,... texts, dictionaries or objects."
        },
    )
    task_weight: float = field(
        default=0.5,
        metadata={"help": "Factor of the task loss (student against labels) in the total loss; at least 0."},
    )

    objective_weighting: str = field(
        default="fixed",
        metadata={"help": "How components are weighed: fixed, uncertainty (learned factors) or gradient_norm."},
    )
    projection: str = field(
        default="linear", metadata={"help": "Learned maps: linear, where widths differ, or mlp, everywhere."}
    )
    projection_start: str = field(
        default="orthogonal", metadata={"help": "Initial weights of the learned maps: orthogonal or random."}
    )
    projection_shared: bool = field(default=False, metadata={"help": "Whether one map serves all pairs of layers."})
    projection_direction: str = field(
        default="student_to_teacher",
        metadata={"help": "Whose states are mapped: student_to_teacher or teacher_to_student."},
    )
    projection_learning_rate: float | None = field(
        default=None, metadata={"help": "Learning rate of what is learned beside the student; above 0."}
    )
    teacher_dtype: str | None = field(
        default=None,
        metadata={"help": "What the teacher computes in: fp32, bf16, fp16 or auto; left out, as it is given."},
    )
    teacher_compile: bool = field(default=False, metadata={"help": "Whether the teacher's layers are compiled."})

    def __post_init__(self) -> None:
        if is_launched() and not torch.accelerator.is_available():
            # Processes that were started without an accelerator know of each other only if they are told.
            self.use_cpu = True
        super().__post_init__()
        checkpoint_as_in_5(self)
        if not isinstance(self.objectives, (list, tuple, type(None))):
            raise InputError(f"objectives: expected a list; got {self.objectives!r}")
        self._objectives = [build_objective(specification) for specification in self.objectives or []]
        # Plain dictionaries, so that the arguments can be written as JSON and made again from it.
        self.objectives = [objective.to_dict() for objective in self._objectives]
        names = [objective.name for objective in self._objectives]
        for name in names:
            if names.count(name) > 1:
                raise InputError(f"objectives: {name} is given {names.count(name)} times; give it once")
        number = isinstance(self.task_weight, (int, float)) and not isinstance(self.task_weight, bool)
        if not number or not 0 <= self.task_weight < float("inf"):
            raise InputError(f"task_weight: must be a number at least 0; got {self.task_weight!r}")
        if self.task_weight == 0 and not any(objective.largest_weight > 0 for objective in self._objectives):
            raise InputError("task_weight: is 0 and so is every objective's weight; the student would learn nothing")

        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                raise InputError(f"{name}: must be {' or '.join(choices)}; got {getattr(self, name)!r}")
        rate = self.projection_learning_rate
        if rate is not None and (not isinstance(rate, (int, float)) or isinstance(rate, bool) or not 0 < rate < 1e9):
            raise InputError(f"projection_learning_rate: must be a number above 0, or left out; got {rate!r}")
        if self.teacher_dtype not in (None, *PRECISIONS):
            names = " or ".join(PRECISIONS)
            raise InputError(f"teacher_dtype: must be {names}, or left out; got {self.teacher_dtype!r}")
        if not isinstance(self.teacher_compile, bool):
            raise InputError(f"teacher_compile: must be true or false; got {self.teacher_compile!r}")

    @property
    def map_options(self) -> MapOptions:
        """What the maps between widths are."""
        return MapOptions(self.projection, self.projection_start, self.projection_shared, self.projection_direction)

    @property
    def teacher_compiler(self) -> str | None:
        """What compiles the teacher's layers, if anything does."""
        return (self.torch_compile_backend or "inductor") if self.teacher_compile else None

    def make_objectives(self) -> list[Objective]:
        """Return the objectives as fresh objects, not yet bound to models."""
        return copy.deepcopy(self._objectives)
