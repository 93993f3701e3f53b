# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""The training arguments of a distillation."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field

from transformers import TrainingArguments

from hf_distill.errors import InputError
from hf_distill.objectives import Objective, build_objective

DEFAULT_OBJECTIVES = ["logits_mse:weight=1", "hidden_mse:weight=1,layers=uniform"]


@dataclass
class DistillationTrainingArguments(TrainingArguments):
    """
    [`~transformers.TrainingArguments`] and what the student learns from the teacher.

    Args:
        objectives (`list`, *optional*): The objectives, each a `"name:weight=1,temperature=2"` string, a
            `{"name": ..., "weight": ..., option: ...}` dictionary or an [`~hf_distill.objectives.Objective`].
        task_weight (`float`, *optional*, defaults to 0.5): Factor of the task loss (the student against the labels) in
            the total loss, at least 0.

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

    def __post_init__(self) -> None:
        super().__post_init__()
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

    def make_objectives(self) -> list[Objective]:
        """Return the objectives as fresh objects, not yet bound to models."""
        return copy.deepcopy(self._objectives)
