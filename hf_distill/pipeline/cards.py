# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""The model cards of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hf_distill.data.loading import PACKAGE_PREFIX
from hf_distill.evaluation.report import read_report
from hf_distill.objectives import list_objectives
from hf_distill.pipeline.context import Context
from hf_distill.pipeline.manifest import versions
from hf_distill.pipeline.sections import DatasetSection
from hf_distill.publishing.card import CardContents, hub_id, write_card
from hf_distill.quantization import find_backend


def write_cards(context: Context) -> list[str]:
    """
    Write the cards of the student and of every quantized model.

    Args:
        context ([`Context`]): A run that has been evaluated.

    Returns:
        `list[str]`: The files, relative to the run's folder.
    """
    folder = context.run.folder
    written = [write_card(contents, folder / key) for key, contents in card_contents(context).items()]
    return [str(path.relative_to(folder)) for path in written]


def card_contents(context: Context, repositories: Mapping[str, str] | None = None) -> dict[str, CardContents]:
    """
    Return what the cards of a run say.

    Args:
        context ([`Context`]): A run that has been evaluated.
        repositories (`Mapping[str, str]`, *optional*): Hub ids under which models are published, by their names in
            the report ("student", "quantized/onnxruntime"); a card's code and its base model are these. By default
            models are named after the run's folder.

    Returns:
        `dict[str, CardContents]`: The contents, by the model's name in the report.
    """
    repositories = repositories or {}
    report = read_report(context.run.folder)
    common = _common(context, report)
    name = repositories.get("student", common["model_name"])
    common["model_name"] = name.rpartition("/")[2]
    task, code = context.task, context.task.loading_code(name)
    cards = {
        "student": CardContents(kind="student", model_key="student", loading_code=code, tags=task.card_tags, **common)
    }
    for section in context.recipe.quantization:
        key = f"quantized/{section.backend}"
        if key in report:
            backend = find_backend(section.backend)
            quantized = repositories.get(key, f"{name}-{backend.precision(section.options)}-{section.backend}")
            of_it = {
                **common,
                "model_name": quantized.rpartition("/")[2],
                "student_name": common["model_name"],
                "base_model": repositories.get("student"),
            }
            code = backend.loading_code(quantized, context.task)
            cards[key] = CardContents(kind="quantized", model_key=key, loading_code=code, **of_it)
    return cards


def _common(context: Context, report: dict[str, Any]) -> dict[str, Any]:
    recipe = context.recipe
    stage = context.run.stage("student")
    section = recipe.teacher
    teacher = (section.model or f"a fresh {(section.config or {}).get('model_type')}").removeprefix(PACKAGE_PREFIX)
    before = context.run.stage("intermediate") if recipe.intermediate is not None else {}
    names = {objective["name"] for objective in [*stage["objectives"], *before.get("objectives", [])]}
    return {
        "model_name": context.run.folder.resolve().name,
        "task": context.task.name.replace("-", " "),
        "pipeline_tag": context.task.pipeline_tag,
        "report": report,
        "teacher_name": teacher if section.fine_tune is None else f"{teacher}, fine-tuned on the same data",
        # What local files hold is not known to be what the Hub has under the name.
        "dataset_id": None if recipe.dataset.data_files else hub_id(recipe.dataset.path),
        "dataset_name": _dataset_name(recipe.dataset),
        "dataset_config": recipe.dataset.name,
        "base_model": None if recipe.student.config else hub_id(recipe.student.model or section.model),
        "objectives": stage["objectives"],
        "intermediate": before.get("objectives", []),
        "task_weight": stage["task_weight"],
        "recipe": recipe.to_yaml(),
        "versions": versions(),
        "train_rows": stage.get("train_rows"),
        "labelled_rows": stage.get("labelled_rows"),
        "training_steps": sum(part.get("steps", 0) for part in (before, stage)) or None,
        "training_seconds": sum(part.get("seconds", 0) for part in (before, stage)) or None,
        "citations": {entry.name: entry.paper for entry in list_objectives() if entry.name in names and entry.paper},
    }


def _dataset_name(section: DatasetSection) -> str:
    name = (section.path or "").removeprefix(PACKAGE_PREFIX)
    if section.data_files:
        return f"local files in place of {name}" if name else "local files"
    return name
