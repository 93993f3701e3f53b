# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""The stages in which a model learns, and that in which the teacher's knowledge is written down for it."""

from __future__ import annotations

import logging
from abc import abstractmethod
from contextlib import AbstractContextManager
from typing import Any, ClassVar

from transformers import PreTrainedModel

from hf_distill.errors import InputError
from hf_distill.files import move_folder
from hf_distill.knowledge.record import record_knowledge
from hf_distill.knowledge.recorded import RecordedTeacher
from hf_distill.knowledge.shards import read_json
from hf_distill.pipeline.context import Context, new_head_model
from hf_distill.pipeline.general import with_general_body
from hf_distill.pipeline.models import make_student, resolve_model
from hf_distill.pipeline.recipe import Recipe
from hf_distill.pipeline.stage import Stage
from hf_distill.pipeline.teacher_labels import label_by_teacher
from hf_distill.pipeline.training import make_arguments, shared_budget, teacher_options, train
from hf_distill.processes import processes
from hf_distill.training_args import DistillationTrainingArguments

logger = logging.getLogger(__name__)


def check_labelled(context: Context, field: str, remedy: str) -> None:
    """
    Check that there is something to learn from without a teacher.

    Raises:
        InputError: If no training row has a label; `field` is the recipe's, `remedy` what would be right.
    """
    if len(context.data.labelled) == 0:
        raise InputError(
            f"{field}: learns from training rows with a {context.task.label_column}, and there are none; {remedy}"
        )


class TeacherStage(Stage):
    """Fine-tune the teacher on the labelled rows."""

    name = "teacher"
    result = "teacher/config.json"

    def is_wanted(self, context: Context) -> bool:
        """Say whether the recipe has `teacher.fine_tune`."""
        return context.recipe.teacher.fine_tune is not None

    def check(self, context: Context) -> None:
        """Make the training arguments once."""
        check_labelled(context, "teacher.fine_tune", "leave it out")
        self._arguments(context, context.run.folder)

    def inputs(self, context: Context) -> Any:
        """The checkpoint, the training options and the data."""
        return [context.teacher_origin, teacher_options(context), context.data.fingerprint]

    def _arguments(self, context: Context, folder: Any) -> DistillationTrainingArguments:
        options = teacher_options(context)
        return make_arguments("teacher.fine_tune", options, folder, objectives=[], task_weight=1.0)

    def run(self, context: Context, inputs: str) -> dict[str, Any]:
        """Fine-tune the teacher."""
        context = context.read_by("teacher")
        args = self._arguments(context, context.run.checkpoints(self.name, inputs))
        model = new_head_model(context.teacher_origin, context, "teacher.model", args.seed)
        return train(context, self.name, inputs, model, None, args, context.data.labelled)


def _first_student(context: Context, teacher: PreTrainedModel, seed: int) -> PreTrainedModel:
    """Return the student as it is before it learns the task."""
    student = make_student(context.recipe, teacher, context.task, context.data.names, seed)
    return with_general_body(student, context)


class DistillationStage(Stage):
    """A stage in which the student learns from the teacher."""

    def check(self, context: Context) -> None:
        """Make the training arguments once."""
        if not self._arguments(context, context.run.folder).objectives:
            check_labelled(context, "objectives", "name some, which need no labels")

    def inputs(self, context: Context) -> Any:
        """Everything of the recipe that teaches."""
        args = self._arguments(context, context.run.folder)
        return [
            context.teacher_origin,
            context.recipe.student.model_dump(),
            args.objectives,
            args.task_weight,
            self._options(context.recipe),
            context.data.fingerprint,
            context.recipe.dataset.teacher_labels,
        ]

    def objectives(self, context: Context) -> list[dict[str, Any]]:
        """Return what the student learns from the teacher in it."""
        return self._arguments(context, context.run.folder).objectives

    @abstractmethod
    def _options(self, recipe: Recipe) -> dict[str, Any]:
        """Return the training options."""

    @abstractmethod
    def _arguments(self, context: Context, folder: Any) -> DistillationTrainingArguments:
        """Return the training arguments."""

    def _start(self, context: Context, teacher: PreTrainedModel, seed: int) -> PreTrainedModel:
        """Return the student as it is before this stage."""
        return _first_student(context, teacher, seed)

    def _during(self, context: Context, student: PreTrainedModel) -> AbstractContextManager | None:
        """Return what holds while the student is trained, beside what always does."""
        return None

    def run(self, context: Context, inputs: str) -> dict[str, Any]:
        """Distil the student."""
        args = self._arguments(context, context.run.checkpoints(self.name, inputs))
        teacher = context.load(context.teacher_path, "teacher.model")
        student = self._start(context, teacher, args.seed)
        context = context.read_by("both") if args.objectives else context
        rows, labelled = context.data.train, len(context.data.labelled)
        if context.recipe.dataset.teacher_labels is not None:
            rows, more = label_by_teacher(context, teacher, rows)
            labelled += more
            if processes().is_main_process:
                logger.warning("%s: %d rows without a label got the teacher's", self.name, more)
        recording = context.run.folder / RecordingStage.name
        if RecordingStage().is_wanted(context):
            teacher = RecordedTeacher(recording, teacher)
        # A row without a label teaches nothing where there is no objective.
        rows = rows if args.objectives else context.task.supervised(rows)
        done = train(context, self.name, inputs, student, teacher, args, rows, self._during(context, student))
        # Where labels are of pairs, and the student learns from texts, it reads none of them.
        reads_labels = context.task.loss is None or not args.objectives
        told = {"labelled_rows": labelled} if reads_labels else {}
        return {**done, **told, "task_weight": args.task_weight}


class IntermediateStage(DistillationStage):
    """Distil the student with the objectives of the intermediate stage."""

    name = "intermediate"
    after = ("teacher", "general", "recording")
    result = "intermediate/config.json"

    def is_wanted(self, context: Context) -> bool:
        """Say whether the recipe has an intermediate stage."""
        return context.recipe.intermediate is not None

    def _options(self, recipe: Recipe) -> dict[str, Any]:
        return {**shared_budget(recipe.training, recipe.intermediate.share), **recipe.intermediate.training}

    def _arguments(self, context: Context, folder: Any) -> DistillationTrainingArguments:
        section = context.recipe.intermediate
        options = self._options(context.recipe)
        given = {"objectives": section.objectives, "task_weight": section.task_weight}
        return make_arguments("intermediate.training", options, folder, **given)


class StudentStage(DistillationStage):
    """Distil the student."""

    name = "student"
    after = ("teacher", "general", "recording", "intermediate")
    result = "student/config.json"
    section: ClassVar[str] = "training"
    """The section of the recipe that says how it is trained."""

    def _options(self, recipe: Recipe) -> dict[str, Any]:
        if recipe.intermediate is None:
            return recipe.training
        return shared_budget(recipe.training, 1 - recipe.intermediate.share)

    def _arguments(self, context: Context, folder: Any) -> DistillationTrainingArguments:
        recipe = context.recipe
        given = {"objectives": recipe.objectives, "task_weight": recipe.task_weight}
        given = {name: value for name, value in given.items() if value is not None}
        return make_arguments(self.section, self._options(recipe), folder, **given)

    def _start(self, context: Context, teacher: PreTrainedModel, seed: int) -> PreTrainedModel:
        if context.recipe.intermediate is None:
            return super()._start(context, teacher, seed)
        return context.load(context.run.folder / "intermediate")


class RecordingStage(Stage):
    """Write down what the teacher says of the training rows."""

    name = "recording"
    after = ("teacher", "general")
    result = "recording/recording.json"

    def is_wanted(self, context: Context) -> bool:
        """Say whether the recipe has a recording, and objectives to record for."""
        return context.recipe.recording is not None and bool(self._objectives(context))

    def _objectives(self, context: Context) -> list[dict[str, Any]]:
        stages = [stage for stage in (IntermediateStage(), StudentStage()) if stage.is_wanted(context)]
        return [objective for stage in stages for objective in stage.objectives(context)]

    def inputs(self, context: Context) -> Any:
        """What the teacher is asked, of which rows, and for which student."""
        recipe = context.recipe
        sections = [recipe.recording.model_dump(), recipe.student.model_dump()]
        return [context.teacher_origin, *sections, self._objectives(context), context.data.fingerprint]

    def run(self, context: Context, inputs: str) -> dict[str, Any]:
        """Record, continuing an interrupted start."""
        # With the student's rows each of these is found again by what the teacher reads of it.
        context = context.read_by("teacher")
        # Loaded with the run's own path, so that no path of this machine is written down.
        teacher = context.load(context.teacher_path, "teacher.model")
        unfinished = context.run.checkpoints(self.name, inputs)
        record_knowledge(
            teacher_model=teacher,
            train_dataset=context.data.train,
            objectives=self._objectives(context),
            output_dir=unfinished / self.name,
            student=_first_student(context, teacher, context.seed),
            data_collator=context.task.collator(context.processor),
            processing_class=context.processor,
            **context.recipe.recording.model_dump(),
        )
        if processes().is_main_process:
            move_folder(unfinished / self.name, context.run.folder / self.name)
            context.run.remove_checkpoints(self.name)
        processes().wait_for_everyone()
        recorded = read_json(context.run.folder / self.result)
        return {"rows": recorded["rows"], "bytes": sum(shard["bytes"] for shard in recorded["shards"])}


class BaselineStage(Stage):
    """Train the same student for as many steps without the teacher."""

    name = "baseline"
    after = ("teacher", "intermediate", "student")
    result = "baseline/config.json"

    def is_wanted(self, context: Context) -> bool:
        """Say whether the recipe has a baseline."""
        return context.recipe.baseline is not None

    def check(self, context: Context) -> None:
        """Make the training arguments once."""
        check_labelled(context, "baseline", "write baseline: null")
        self._arguments(context, context.run.folder, steps=1)

    def inputs(self, context: Context) -> Any:
        """What changes its training."""
        return [context.recipe.baseline.model_dump(), context.data.fingerprint]

    def _arguments(self, context: Context, folder: Any, steps: int) -> DistillationTrainingArguments:
        recipe = context.recipe
        options = {**recipe.training, "max_steps": steps, **recipe.baseline.training}
        return make_arguments("baseline.training", options, folder, objectives=[], task_weight=1.0)

    def run(self, context: Context, inputs: str) -> dict[str, Any]:
        """Train the baseline."""
        steps = sum(context.run.stage(name).get("steps", 0) for name in ("intermediate", "student"))
        args = self._arguments(context, context.run.checkpoints(self.name, inputs), steps)
        student = self._start(context, args.seed)
        return train(context, self.name, inputs, student, None, args, context.data.labelled)

    def _start(self, context: Context, seed: int) -> PreTrainedModel:
        start = context.recipe.baseline.start
        fine_tuned_here = context.recipe.teacher.fine_tune is not None
        if start == "student" or (start == "pretrained" and not fine_tuned_here):
            origin = context.load(context.teacher_path, "teacher.model")
        elif start == "pretrained":
            origin = new_head_model(context.teacher_origin, context, "teacher.model", seed)
        else:
            origin = new_head_model(resolve_model(start, "baseline.start"), context, "baseline.start", seed)
        return make_student(context.recipe, origin, context.task, context.data.names, seed)
