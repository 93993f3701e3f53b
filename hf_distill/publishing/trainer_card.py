# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""The model card of a student that was trained in a script of one's own, filled from what its trainer knows."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sized
from dataclasses import MISSING, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from transformers import PreTrainedModel, TrainingArguments

from hf_distill.energy import energy_of
from hf_distill.evaluation.losses import PICTURE_FILE, losses_of, note_losses, plot_losses
from hf_distill.evaluation.rows import is_error
from hf_distill.features.heads import Head
from hf_distill.features.inputs import has_adapter
from hf_distill.objectives import list_objectives
from hf_distill.publishing.card import CardContents, write_card
from hf_distill.publishing.known import known_license
from hf_distill.tasks import Task, list_tasks
from hf_distill.versions import training_hardware, versions

if TYPE_CHECKING:
    from hf_distill.trainer import DistillationTrainer

REPORT_FOLDER = "report"
"""Where the picture of the losses and its numbers are, beside the card."""
NO_SCORES = ("runtime", "per_second", "_time")
"""How names of an evaluation's numbers end that tell how long it took."""
NOT_SHOWN = (
    "accelerator_config", "deepspeed", "disable_tqdm", "fsdp_config", "local_rank", "logging_dir", "objectives",
    "output_dir", "push_to_hub", "report_to", "run_name", "seed", "task_weight",
)  # fmt: skip
"""Training arguments that say nothing of the student, or are said elsewhere in the card."""


def write_trainer_card(
    trainer: DistillationTrainer,
    language: str | list[str] | None = None,
    license: str | None = None,
    tags: str | list[str] | None = None,
    model_name: str | None = None,
    finetuned_from: str | None = None,
    tasks: str | list[str] | None = None,
    dataset_tags: str | list[str] | None = None,
    dataset: str | list[str] | None = None,
    dataset_args: str | list[str] | None = None,
) -> Path:
    """
    Write the card into a trainer's output folder, and the picture of its losses into `report/` there.

    Args:
        trainer ([`DistillationTrainer`]): The trainer.
        language (`str` or `list[str]`, *optional*): ISO 639 codes of the data's languages.
        license (`str`, *optional*): The Hub's name of the licence; by default that of the checkpoint that the
            student's weights start from, where its card is on this machine.
        tags (`str` or `list[str]`, *optional*): Tags beside those of every card.
        model_name (`str`, *optional*): The student's name; by default that of its repository or folder.
        finetuned_from (`str`, *optional*): Hub id of the checkpoint that the student's weights start from; by default
            what its configuration says.
        tasks (`str` or `list[str]`, *optional*): The Hub's name of the task; by default that of the student's head.
        dataset_tags (`str` or `list[str]`, *optional*): Hub ids of the data sets.
        dataset (`str` or `list[str]`, *optional*): Their names in words.
        dataset_args (`str` or `list[str]`, *optional*): Their configurations.

    Returns:
        `Path`: The card.

    Raises:
        InputError: If the licence or a language is none.
    """
    args, folder = trainer.args, Path(trainer.args.output_dir)
    student = trainer.accelerator.unwrap_model(trainer.model)
    start = finetuned_from or getattr(student.config, "_name_or_path", None)
    address = trainer.hub_model_id or args.hub_model_id or model_name or folder.resolve().name
    task, kinds, ids, names = _task_of(student), _listed(tasks), _listed(dataset_tags), _listed(dataset)
    report = _report(trainer, student)
    learnt = {objective["name"] for objective in report["training"]["objectives"]}
    contents = CardContents(
        kind="student",
        model_key="student",
        model_name=model_name or address.rpartition("/")[2],
        task=kinds[0].replace("-", " ") if kinds else task and task.name.replace("-", " "),
        pipeline_tag=kinds[0] if kinds else task and task.pipeline_tag,
        report=report,
        teacher_name=_teacher_name(trainer),
        languages=_listed(language),
        license=license or known_license(start),
        dataset_id=next(iter(ids), None),
        further_datasets=ids[1:],
        dataset_name=", ".join(names) or None,
        dataset_config=", ".join(_listed(dataset_args)) or None,
        base_model=start,
        library_name="peft" if has_adapter(student) else None,
        arguments=_arguments(args),
        # Without a teacher there is nothing of a distillation to be said.
        findings=None if trainer.teacher else [],
        loading_code=_code(task, address) if not has_adapter(student) else "",
        citations={entry.name: entry.paper for entry in list_objectives() if entry.name in learnt and entry.paper},
        tags=_listed(tags),
        loss_picture=_draw_losses(trainer, folder / REPORT_FOLDER),
    )
    return write_card(contents, folder)


def _listed(value: str | Iterable[str] | None) -> list[str]:
    return [value] if isinstance(value, str) else list(value or [])


def _report(trainer: DistillationTrainer, student: PreTrainedModel) -> dict[str, Any]:
    """What was measured, in the form of a run's report."""
    scores, args = _scores(trainer), trainer.args
    best = (args.metric_for_best_model or "").removeprefix("eval_")
    primary = best if best in scores else next((name for name in scores if not is_error(name)), "loss")
    history = trainer.state.log_history
    training = {
        "objectives": [objective.to_dict() for objective in trainer.objectives],
        "task_weight": args.task_weight if trainer.objectives else None,
        "rows": len(trainer.train_dataset) if isinstance(trainer.train_dataset, Sized) else None,
        "steps": trainer.state.global_step or None,
        "seconds": next((line["train_runtime"] for line in reversed(history) if "train_runtime" in line), None),
        "hardware": training_hardware(args.device, args.world_size),
        "energy": _energy(trainer),
    }
    rows = trainer.eval_dataset
    return {
        "primary_metric": primary,
        "student": {"metrics": scores, "parameters": sum(weight.numel() for weight in student.parameters())},
        "training": {name: value for name, value in training.items() if value is not None},
        "rows": len(rows) if isinstance(rows, Sized) and not isinstance(rows, dict) else None,
        "seed": args.seed,
        "versions": versions(),
    }


def _scores(trainer: DistillationTrainer) -> dict[str, float]:
    """The metrics of the last evaluation."""
    for line in reversed(trainer.state.log_history):
        scores = {name.removeprefix("eval_"): value for name, value in line.items() if name.startswith("eval_")}
        if scores:
            return {name: value for name, value in scores.items() if not name.endswith(NO_SCORES)}
    return {}


def _energy(trainer: DistillationTrainer) -> dict[str, Any] | None:
    """What codecarbon measured, if the training reported to it."""
    trackers = (getattr(callback, "tracker", None) for callback in trainer.callback_handler.callbacks)
    return next((energy_of(tracker) for tracker in trackers if hasattr(tracker, "final_emissions_data")), None)


def _teacher_name(trainer: DistillationTrainer) -> str | None:
    if trainer.teacher is None:
        return None
    return trainer.teacher.name or f"a {trainer.teacher.config.model_type} model"


def _task_of(student: PreTrainedModel) -> Task | None:
    """The task that the student's head is for."""
    base = student.get_base_model() if has_adapter(student) else student
    config = copy.copy(base.config)
    config.architectures = [type(base).__name__]
    return next((task() for task in list_tasks() if task().has_head(config)), None)


def _code(task: Task | None, address: str) -> str:
    """Code that runs the student; how vectors are pooled is not known."""
    return task.loading_code(address) if task is not None and task.head is not Head.VECTORS else ""


def _arguments(args: TrainingArguments) -> str | None:
    """The training arguments that are not as they are by default, in YAML."""
    told, values = {}, args.to_dict()
    for entry in fields(args):
        default = entry.default if entry.default_factory is MISSING else entry.default_factory()
        value = values.get(entry.name)
        hidden = not entry.init or entry.name in NOT_SHOWN or "hub" in entry.name or "token" in entry.name
        if not hidden and value != getattr(default, "value", default) and (value or default):
            told[entry.name] = value
    return yaml.safe_dump(told, sort_keys=True, allow_unicode=True) if told else None


def _draw_losses(trainer: DistillationTrainer, folder: Path) -> str | None:
    """Write the picture and its numbers; return where it is, seen from the card."""
    losses = losses_of(trainer.state.log_history)
    if not losses:
        return None
    note_losses(folder, "student", losses)
    drawn = plot_losses([losses], folder / PICTURE_FILE)
    return f"{REPORT_FOLDER}/{PICTURE_FILE}" if drawn else None
