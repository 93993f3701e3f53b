# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Training a model of a run: the teacher, the student and the baseline alike."""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

from datasets import Dataset
from transformers import PreTrainedModel, TrainerCallback

from hf_distill.checkpoints import newest_checkpoint
from hf_distill.compatibility import forget_earlier_arguments, training_fields, write_tensorboard_to
from hf_distill.energy import measured_energy
from hf_distill.errors import InputError
from hf_distill.evaluation.losses import losses_of, note_losses
from hf_distill.files import folder_written_aside
from hf_distill.knowledge.source import KnowledgeSource
from hf_distill.pipeline.context import Context
from hf_distill.processes import from_main, processes
from hf_distill.tasks import Task
from hf_distill.trainer import DistillationTrainer
from hf_distill.training_args import DistillationTrainingArguments
from hf_distill.versions import training_hardware

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

MACHINE_OPTIONS = (
    "seed", "data_seed", "bf16", "fp16", "use_cpu", "dataloader_num_workers", "group_by_length", "report_to",
    "auto_find_batch_size", "torch_compile", "gradient_checkpointing", "gradient_checkpointing_kwargs", "disable_tqdm",
)  # fmt: skip
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
    forget_earlier_arguments()
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
    during: AbstractContextManager | None = None,
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
        rows (`Dataset`): Encoded rows.
        during (`AbstractContextManager`, *optional*): What holds while it is trained, and not of the model as written.

    Returns:
        `dict[str, Any]`: What the manifest says: optimizer steps, training rows, objectives, hardware and, where it
        is known, energy.
    """
    checkpoints = context.run.checkpoints(stage, inputs)
    if context.recipe.training.get("bf16") == "auto" and processes().is_main_process:
        logger.warning("bf16: auto means %s here: the device is %s in it", args.bf16, "fast" if args.bf16 else "slow")
    write_tensorboard_to(args, str(context.run.folder / "logs" / stage))
    args.run_name = f"{context.run.folder.name}-{stage}"
    task, names = context.task, context.data.names
    if task.collator_reads_columns:
        args.remove_unused_columns = False

    # What only the task's own loss reads, the model's forward does not name.
    args.remove_unused_columns = args.remove_unused_columns and task.loss is None
    score = partial(task.compute_metrics, names=names) if task.scored_in_training else None
    collator = task.collator(context.processor)
    trainer = DistillationTrainer(
        model=model,
        teacher_model=teacher,
        args=args,
        train_dataset=rows,
        eval_dataset=context.data.validation,
        data_collator=collator,
        processing_class=context.processor,
        compute_metrics=score,
        task_loss=task.loss,
    )
    if isinstance(collator, TrainerCallback):
        trainer.add_callback(collator)
    checkpoint = from_main(newest_checkpoint(checkpoints) if processes().is_main_process else None)
    if checkpoint is not None and processes().is_main_process:
        logger.warning("Continuing %s from %s", stage, checkpoint.name)
    with during or nullcontext(), measured_energy() as energy:
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    _write_model(trainer, context.run.folder / stage, task)
    if processes().is_main_process:
        note_losses(context.run.folder / "report", stage, losses_of(trainer.state.log_history))
        context.run.remove_checkpoints(stage)
    # As the trainer has them: a layer map that was measured is told.
    objectives = [objective.to_dict() for objective in trainer.objectives]
    told = {"steps": trainer.state.global_step, "train_rows": len(rows), "objectives": objectives}
    told["hardware"] = training_hardware(args.device, args.world_size)
    # Of a training that goes on, this start has seen a part.
    return {**told, "energy": energy} if energy and checkpoint is None else told


def _write_model(trainer: DistillationTrainer, folder: Path, task: Task) -> None:
    """Write the trained model, what makes its inputs and what else its readers look for."""
    # Where processes hold parts of the model, all of them must give theirs.
    sharded = trainer.is_fsdp_enabled or trainer.is_deepspeed_enabled
    weights = trainer.accelerator.get_state_dict(trainer.model_wrapped) if sharded else None
    if processes().is_main_process:
        with folder_written_aside(folder) as aside:
            trainer.model.save_pretrained(aside, state_dict=weights)
            trainer.processing_class.save_pretrained(aside)
            task.complete(aside)
    processes().wait_for_everyone()
