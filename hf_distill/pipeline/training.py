# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Training a model of a run: the teacher, the student and the baseline alike."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path
from typing import Any

from datasets import Dataset
from transformers import PreTrainedModel

from hf_distill.compatibility import forget_mixed_precision, training_fields
from hf_distill.errors import InputError
from hf_distill.files import folder_written_aside
from hf_distill.knowledge.source import KnowledgeSource
from hf_distill.pipeline.context import Context
from hf_distill.trainer import DistillationTrainer
from hf_distill.training_args import DistillationTrainingArguments

logger = logging.getLogger(__name__)

DEFAULTS: dict[str, Any] = {
    "report_to": "none",
    "logging_steps": 0.1,
    "save_strategy": "steps",
    "save_steps": 0.2,
    "save_total_limit": 1,
    "warmup_ratio": 0.06,
    "weight_decay": 0.01,
}
"""Training options of a run that its recipe does not name."""

MACHINE_OPTIONS = ("seed", "data_seed", "bf16", "fp16", "use_cpu", "dataloader_num_workers", "group_by_length")
"""Options of `training` that hold for the teacher's fine-tuning too: they say how, not how much."""


def make_arguments(
    section: str, options: dict[str, Any], output_dir: Path, **distillation: Any
) -> DistillationTrainingArguments:
    """
    Make training arguments from a section of a recipe.

    Args:
        section (`str`): Name of the section, for the message.
        options (`dict[str, Any]`): Its fields.
        output_dir (`Path`): Folder for checkpoints.
        distillation: `objectives` and `task_weight`.

    Raises:
        InputError: If a value is wrong.
    """
    forget_mixed_precision()
    merged = {**DEFAULTS, **options}
    try:
        return DistillationTrainingArguments(output_dir=str(output_dir), **training_fields(merged), **distillation)
    except InputError:
        raise
    except (ValueError, TypeError) as error:
        raise InputError(f"{section}: {str(error).splitlines()[0]}") from error


def teacher_options(context: Context) -> dict[str, Any]:
    """Return the training options of the teacher's fine-tuning."""
    training = context.recipe.training
    shared = {name: training[name] for name in MACHINE_OPTIONS if name in training}
    return {**shared, **(context.recipe.teacher.fine_tune or {})}


def shared_budget(options: dict[str, Any], share: float) -> dict[str, Any]:
    """
    Return training options with a share of the epochs, or of the steps where they are given.

    Args:
        options (`dict[str, Any]`): Options of the whole training.
        share (`float`): The share, from 0 to 1.
    """
    if options.get("max_steps", -1) > 0:
        return {**options, "max_steps": max(round(share * options["max_steps"]), 1)}
    return {**options, "num_train_epochs": share * options.get("num_train_epochs", 3.0)}


def train(
    context: Context,
    stage: str,
    inputs: str,
    model: PreTrainedModel,
    teacher: PreTrainedModel | KnowledgeSource | None,
    args: DistillationTrainingArguments,
    rows: Dataset,
) -> dict[str, Any]:
    """
    Train a model and write it to the run's folder, continuing from a checkpoint of an interrupted start.

    Args:
        context ([`Context`]): The run.
        stage (`str`): Name of the stage, also of the folder.
        inputs (`str`): Fingerprint of the stage's inputs.
        model ([`~transformers.PreTrainedModel`]): Who learns.
        teacher ([`~transformers.PreTrainedModel`] or [`KnowledgeSource`], *optional*): Who teaches.
        args ([`DistillationTrainingArguments`]): How.
        rows (`Dataset`): Tokenized rows.

    Returns:
        `dict[str, Any]`: What the manifest says: optimizer steps, training rows and objectives.
    """
    checkpoints = context.run.checkpoints(stage, inputs)
    task, names = context.task, context.data.names
    trainer = DistillationTrainer(
        model=model,
        teacher_model=teacher,
        args=args,
        train_dataset=rows,
        eval_dataset=context.data.validation,
        data_collator=task.collator(context.tokenizer),
        processing_class=context.tokenizer,
        compute_metrics=lambda prediction: task.compute_metrics(prediction, names),
    )
    checkpoint = newest_checkpoint(checkpoints)
    if checkpoint is not None:
        logger.warning("Continuing %s from %s", stage, checkpoint.name)
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    with folder_written_aside(context.run.folder / stage) as folder:
        trainer.model.save_pretrained(folder)
        context.tokenizer.save_pretrained(folder)
    context.run.remove_checkpoints(stage)
    # As the trainer has them: a layer map that was measured is told.
    objectives = [objective.to_dict() for objective in trainer.objectives]
    return {"steps": trainer.state.global_step, "train_rows": len(rows), "objectives": objectives}


def newest_checkpoint(folder: Path) -> Path | None:
    """
    Return the newest complete checkpoint, and remove incomplete ones.

    The trainer's state is the last file of a checkpoint to be written; one without it was cut off.

    Args:
        folder (`Path`): Folder of the checkpoints.
    """
    newest: tuple[int, Path] | None = None
    for checkpoint in folder.glob("checkpoint-*"):
        try:
            step = json.loads((checkpoint / "trainer_state.json").read_text(encoding="utf-8"))["global_step"]
        except (OSError, ValueError, KeyError):
            logger.warning("%s is incomplete and is removed", checkpoint)
            shutil.rmtree(checkpoint)
            continue
        newest = max(newest or (step, checkpoint), (step, checkpoint))
    return newest[1] if newest else None
