# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""The model cards of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hf_distill.data.loading import PACKAGE_PREFIX
from hf_distill.evaluation.losses import PICTURE_FILE as LOSS_PICTURE
from hf_distill.evaluation.plots import PICTURE_FILE as COMPARISON_PICTURE
from hf_distill.evaluation.report import read_report
from hf_distill.objectives import list_objectives
from hf_distill.pipeline.context import Context
from hf_distill.pipeline.models import resolve_model
from hf_distill.pipeline.sections import DatasetSection
from hf_distill.publishing.card import CardContents, write_card
from hf_distill.publishing.known import known_languages, known_license
from hf_distill.publishing.metadata import hub_id
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


def card_contents(
    context: Context,
    repositories: Mapping[str, str] | None = None,
    folders: Mapping[str, str] | None = None,
) -> dict[str, CardContents]:
    """
    Return what the cards of a run say.

    Every number comes from the run's `report/metrics.json`.

    Args:
        context ([`Context`]): A run that has been evaluated.
        repositories (`Mapping[str, str]`, *optional*): Hub ids under which models are published, by their names in
            the report ("student", "quantized/onnxruntime"); a card's code and its base model are these, and its
            pictures are in the folder `report` beside it. By default models are named after the run's folder, and the
            pictures are where the run has them.
        folders (`Mapping[str, str]`, *optional*): Folders of the student's repository that quantized models are
            published in, by their names in the report; they have no card of their own, the student's runs them too.

    Returns:
        `dict[str, CardContents]`: The contents, by the model's name in the report.
    """
    repositories, folders = repositories or {}, folders or {}
    report = read_report(context.run.folder)
    common = _common(context, report)
    name = repositories.get("student", common["model_name"])
    common["model_name"] = name.rpartition("/")[2]
    task, further, quantized = context.task, {}, {}
    for section in context.recipe.quantization:
        key, backend = f"quantized/{section.backend}", find_backend(section.backend)
        if key in folders:
            title = f"The {backend.precision(section.options)} version, for {section.backend}"
            further[title] = backend.loading_code(name, task, folders[key])
        elif key in report:
            own_name = repositories.get(key, f"{name}-{backend.precision(section.options)}-{section.backend}")
            of_it = {
                **common,
                "model_name": own_name.rpartition("/")[2],
                "student_name": common["model_name"],
                "base_model": repositories.get("student"),
                "loading_code": backend.loading_code(own_name, task),
                **_pictures(context, "report" if repositories else "../../report"),
            }
            quantized[key] = CardContents(kind="quantized", model_key=key, **of_it)
    student = CardContents(
        kind="student",
        model_key="student",
        loading_code=task.loading_code(name),
        further_code=further,
        tags=task.card_tags,
        **common,
        **_pictures(context, "report" if repositories else "../report"),
    )
    return {"student": student, **quantized}


def _pictures(context: Context, folder: str) -> dict[str, str]:
    """Return where a card finds the pictures that there are."""
    there = context.run.folder / "report"
    files = {"comparison_picture": COMPARISON_PICTURE, "loss_picture": LOSS_PICTURE}
    return {name: f"{folder}/{file}" for name, file in files.items() if (there / file).is_file()}


def _common(context: Context, report: dict[str, Any]) -> dict[str, Any]:
    recipe = context.recipe
    section, training = recipe.teacher, report.get("training", {})
    teacher = (section.model or f"a fresh {(section.config or {}).get('model_type')}").removeprefix(PACKAGE_PREFIX)
    names = {objective["name"] for stage in ("objectives", "intermediate") for objective in training.get(stage, [])}
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
        "license": recipe.card.license or known_license(_start(context)),
        "languages": recipe.card.languages or known_languages(_data(recipe.dataset)),
        "recipe": recipe.to_yaml(),
        "citations": {entry.name: entry.paper for entry in list_objectives() if entry.name in names and entry.paper},
    }


def _start(context: Context) -> str | None:
    """Return the folder or Hub id of the checkpoint that the student's weights start from."""
    section = context.recipe.student
    if section.config is not None:
        return None
    if section.model is not None:
        return resolve_model(section.model, "student.model")
    return context.teacher_origin if isinstance(context.teacher_origin, str) else None


def _data(section: DatasetSection) -> str | None:
    """Return the folder or Hub id of the data set."""
    if section.data_files or (section.path or "").startswith(PACKAGE_PREFIX):
        return None
    return section.path


def _dataset_name(section: DatasetSection) -> str:
    name = (section.path or "").removeprefix(PACKAGE_PREFIX)
    if section.data_files:
        return f"local files in place of {name}" if name else "local files"
    return name
