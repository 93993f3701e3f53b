# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""What every stage of a run may read: the recipe, the run's folder, the data and where the models are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch
from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

from hf_distill.data.two_tokenizers import TwoTokenizers
from hf_distill.errors import InputError
from hf_distill.objectives import Objective, build_objective
from hf_distill.objectives.across_tokenizers import check_across_tokenizers
from hf_distill.objectives.sentences import SentenceObjective
from hf_distill.pipeline.data import TaskData, load_raw, prepare_data, settle_labels
from hf_distill.pipeline.fresh import check_has_class, fresh_config, fresh_model, fresh_processor
from hf_distill.pipeline.manifest import Run
from hf_distill.pipeline.models import (
    check_same_inputs,
    load_config,
    load_model,
    load_processor,
    resolve_model,
    tokenizers_differ,
)
from hf_distill.pipeline.recipe import Recipe
from hf_distill.pipeline.sections import QuantizationSection, TeacherSection
from hf_distill.quantization import find_backend
from hf_distill.students.build import student_config
from hf_distill.tasks import Task
from hf_distill.tasks.base import PADDING_MULTIPLE, Processor
from hf_distill.training_args import DEFAULT_OBJECTIVES


@dataclass
class Context:
    """
    A run in progress.

    Args:
        recipe ([`Recipe`]): The recipe.
        run ([`Run`]): The run's folder.
        data ([`TaskData`]): The data, encoded.
        teacher_origin (`str` or `dict`): Folder or Hub id that the teacher is loaded from, before any fine-tuning, or
            the fields of the configuration that it is made from.
        backend (`str`, *optional*): The backend that is to quantize, if it is not all of the recipe's; others need not
            work here.
    """

    recipe: Recipe
    run: Run
    data: TaskData
    teacher_origin: str | dict[str, Any]
    backend: str | None = None

    @property
    def to_quantize(self) -> list[QuantizationSection]:
        """The sections of the recipe whose models are to be made."""
        return _chosen(self.recipe, self.backend)

    @property
    def task(self) -> Task:
        """The task."""
        return self.data.task

    @property
    def processor(self) -> Processor:
        """What makes the inputs of all models of the run, or of those that read what the student reads."""
        return self.data.processor

    def read_by(self, reader: Literal["teacher", "both"]) -> Context:
        """
        Return the run with its rows as another reader has them; itself, unless the teacher has another tokenizer.

        Args:
            reader (`str`): The teacher alone, or both: a student that learns from the teacher.
        """
        return replace(self, data=self.data.others.get(reader, self.data))

    @property
    def teacher_path(self) -> str:
        """Folder or Hub id of the teacher that teaches."""
        fine_tuned = self.recipe.teacher.fine_tune is not None
        return str(self.run.folder / "teacher") if fine_tuned else self.teacher_origin

    def load(self, path: str | Path, field: str = "run") -> PreTrainedModel:
        """Load a model of the run."""
        return load_model(str(path), self.task, self.data.names, field)

    @property
    def seed(self) -> int:
        """The seed of training."""
        return int(self.recipe.training.get("seed", 42))


def new_head_model(origin: str | dict[str, Any], context: Context, field: str, seed: int) -> PreTrainedModel:
    """
    Load a checkpoint with a head for the run's labels, drawn with `seed` unless it has one for them.

    Args:
        origin (`str` or `dict`): Folder or Hub id, or a configuration's fields: then all of the model is drawn.
        context ([`Context`]): The run.
        field (`str`): The recipe's field that names it, for the message.
        seed (`int`): Seed of the head.
    """
    if isinstance(origin, dict):
        return fresh_model(origin, context.task, context.data.names, "teacher.config", seed)
    # from_pretrained draws from the global generator.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return load_model(origin, context.task, context.data.names, field, new_head=True)


def prepare(recipe: Recipe, run: Run, backend: str | None = None) -> Context:
    """
    Check all that can be checked before time is spent, and load the data.

    Args:
        recipe ([`Recipe`]): The recipe.
        run ([`Run`]): The run's folder.
        backend (`str`, *optional*): The backend that is to quantize, if it is not all of the recipe's.

    Raises:
        InputError: If anything of the recipe cannot work; nothing has been trained then.
    """
    to_quantize = _chosen(recipe, backend)
    for section in to_quantize:
        find_backend(section.backend).check(str(run.folder))
    origin, config = _teacher_start(recipe.teacher)
    task, raw, names = load_raw(recipe)
    task.read_teacher(origin)
    if recipe.teacher.fine_tune is None and not task.has_head(config):
        head = (config.architectures or ["none"])[0]
        raise InputError(
            f"teacher.model: {recipe.teacher.model!r} was saved as {head}, which has no head for {task.name}; "
            "name a checkpoint that has one, or add teacher.fine_tune to train one"
        )
    by_id, order = settle_labels(names, config if recipe.teacher.fine_tune is None else None)
    processor = _processor(origin, config, recipe.teacher, task)
    own = _student_processor(recipe, task, processor)
    student = _check_student(recipe, config, task, processor)
    for section in to_quantize:
        find_backend(section.backend).check_model(student, section.options)
    if own is not processor:
        check_across_tokenizers(_objectives(recipe))
        limits = longest_input(task, processor, config, "teacher"), longest_input(task, own, student, "student")
        task.max_length, processor = min(limits), TwoTokenizers(student=own, teacher=processor)
    elif isinstance(processor, PreTrainedTokenizerBase):
        task.max_length = longest_input(task, processor, config, "teacher")
    data = prepare_data(recipe, task, raw, names, order, by_id, processor)
    return Context(recipe, run, data, origin, backend)


def _chosen(recipe: Recipe, backend: str | None) -> list[QuantizationSection]:
    return [section for section in recipe.quantization if backend in (None, section.backend)]


def _teacher_start(section: TeacherSection) -> tuple[str | dict[str, Any], PretrainedConfig]:
    """Return where the teacher starts from, and its configuration."""
    if section.config is not None:
        return section.config, fresh_config(section.config, "teacher.config")
    origin = resolve_model(section.model, "teacher.model")
    return origin, load_config(origin, "teacher.model")


def _processor(
    origin: str | dict[str, Any], config: PretrainedConfig, section: TeacherSection, task: Task
) -> Processor:
    """Return what makes the inputs of all models of the run."""
    if isinstance(origin, str):
        return load_processor(origin, task, "teacher.model")
    check_has_class(config, task, "teacher.config")
    processor = fresh_processor(section.processor or {}, config, task, "teacher.processor")
    task.check_inputs(config, processor, "teacher.config")
    return processor


def _check_student(recipe: Recipe, teacher: PretrainedConfig, task: Task, processor: Processor) -> PretrainedConfig:
    """Check what the recipe says of the student, and return its configuration."""
    section = recipe.student
    origin = teacher
    baseline = recipe.baseline.start if recipe.baseline is not None else "student"
    if baseline not in ("pretrained", "student"):
        load_config(resolve_model(baseline, "baseline.start"), "baseline.start")
    if section.model is not None:
        path = resolve_model(section.model, "student.model")
        origin = load_config(path, "student.model")
    if section.config is not None:
        student = fresh_config(section.config, "student.config")
        check_has_class(student, task, "student.config")
        task.check_inputs(student, processor, "student.config")
    else:
        student = student_config(origin, **section.shape)
    for objective in _objectives(recipe):
        objective.bind(student, teacher)
        if isinstance(objective, SentenceObjective) and task.pooling not in (None, objective.pooling):
            raise InputError(
                f"objectives: {objective.name} compares vectors by pooling {objective.pooling}, and the teacher's are "
                f"by {task.pooling}; write pooling: {task.pooling}"
            )
    return student


def _objectives(recipe: Recipe) -> list[Objective]:
    """Return what the student is to learn from the teacher, in all stages."""
    intermediate = recipe.intermediate.objectives if recipe.intermediate is not None else []
    objectives = DEFAULT_OBJECTIVES if recipe.objectives is None else recipe.objectives
    return [build_objective(specification) for specification in [*objectives, *intermediate]]


def _student_processor(recipe: Recipe, task: Task, teacher: Processor) -> Processor:
    """Return what makes the student's inputs: what makes the teacher's, unless its tokenizer is another."""
    if recipe.student.model is None:
        return teacher
    path = resolve_model(recipe.student.model, "student.model")
    own = load_processor(path, task, "student.model")
    difference = tokenizers_differ(teacher, own)
    if difference is None:
        check_same_inputs(teacher, own)
        return teacher
    if not task.across_tokenizers:
        raise InputError(
            f"student.model: its tokenizer differs from the teacher's ({difference}), and rows of {task.name} are "
            "what one tokenizer has cut texts into; choose a student with the teacher's tokenizer"
        )
    return own


def longest_input(task: Task, tokenizer: PreTrainedTokenizerBase, config: object, model: str) -> int:
    """Return the longest input that tokenizer and model take, or what the recipe says if that is less."""
    positions = getattr(config, "max_position_embeddings", None) or 512
    # RoBERTa's positions begin after the padding id.
    positions -= (config.pad_token_id or 0) + 1 if config.model_type in ("roberta", "xlm-roberta", "camembert") else 0
    # Batches are padded to a multiple, which must not go beyond the last position.
    most = min(positions - positions % PADDING_MULTIPLE, tokenizer.model_max_length)
    if task.max_length is not None and task.max_length > most:
        raise InputError(
            f"dataset.max_length: {task.max_length} is more than the {most} tokens that the {model} takes"
        )
    return task.max_length or min(most, 512)
