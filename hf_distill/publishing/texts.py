# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""The sentences, lists and tables of a model card."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hf_distill.escaping import Markdown, code, markdown, markdown_table, one_line
from hf_distill.evaluation.rows import ComparisonRow, format_score, number_at
from hf_distill.evaluation.tables import comparison_markdown
from hf_distill.publishing.metadata import hub_id

if TYPE_CHECKING:
    from hf_distill.publishing.card import CardContents

NOT_AS_THEY_ARE = {
    "skipped": "rows that could not be read and were left out",
    "cut": "inputs that were too long and were cut",
    "too_long": "inputs that were too long and were left out",
}
"""What happened to rows of the data, by its name in the report."""
CLASSES = 5
"""How many classes are shown of those that lost most."""


def card_texts(contents: CardContents, row: ComparisonRow) -> dict[str, Any]:
    """What the templates of model cards fill in.

    Args:
        contents ([`CardContents`]): What the card says.
        row ([`ComparisonRow`]): The model's line in the report.
    """
    student = contents.base_model or contents.student_name if contents.kind == "quantized" else contents.base_model
    versions = contents.report.get("versions", {})
    return {
        "model_name": one_line(contents.model_name),
        "model_key": contents.model_key,
        "task": contents.task,
        "teacher": _named(contents.teacher_name),
        "dataset": _dataset(contents),
        "start": code(student) if student else None,
        "backend": row.backend,
        "precision": row.precision,
        "parameters": None if row.parameters is None else f"{row.parameters:,}",
        "comparison_picture": contents.comparison_picture,
        "loss_picture": contents.loss_picture,
        "comparison": Markdown(comparison_markdown(contents.report)) if row.scores else None,
        "findings": contents.findings if row.scores else [],
        **_classes(contents, row),
        "loading_code": contents.loading_code,
        "further_code": list(contents.further_code.items()),
        "facts": _facts(contents, row, student),
        "recipe": contents.recipe,
        "arguments": contents.arguments,
        "versions": ", ".join(f"{package} {version}" for package, version in versions.items()),
        "limitations": _limitations(contents, row),
        "license": contents.license,
        "citations": [_labelled(name, paper) for name, paper in contents.citations.items()],
    }


def _named(name: str | None) -> Markdown | None:
    """A model: its id as code, or words."""
    if not name:
        return None
    return code(name) if hub_id(name) else markdown(one_line(name))


def _dataset(contents: CardContents) -> str | None:
    return one_line(contents.dataset_name) if contents.dataset_name else None


def _labelled(name: str, text: str) -> Markdown:
    return Markdown(f"{code(name)}: {markdown(text)}")


def objective_text(objective: Mapping[str, Any]) -> Markdown:
    """An objective with its weight, layer map and other options on one line.

    Args:
        objective (`Mapping[str, Any]`): The objective's "name", "weight" and options.

    Returns:
        [`Markdown`]: A line for a list in a card.
    """
    options = {name: value for name, value in objective.items() if name != "name" and value is not None}
    parts = [f"weight {options.pop('weight')}"] if "weight" in options else []
    layers = options.pop("layers", None)
    if isinstance(layers, str):
        parts.append(f"layer map {layers}")
    elif layers:
        pairs = ", ".join(f"{student} from {teacher}" for student, teacher in layers)
        parts.append(f"layer map (student from teacher) {pairs}")
    parts += [f"{name} {value}" for name, value in options.items()]
    return _labelled(objective["name"], "; ".join(parts)) if parts else code(objective["name"])


def _facts(contents: CardContents, row: ComparisonRow, start: str | None) -> list[str]:
    """What is known of how the model was made, a fact a line."""
    training, teacher = contents.report.get("training", {}), _named(contents.teacher_name)
    quantized = contents.kind == "quantized"
    facts = [Markdown(f"Teacher{' of the student' if quantized else ''}: {teacher}")] if teacher else []
    facts += [Markdown(f"Weights start from: {code(start)}")] if start and not quantized else []
    for kind, objectives in (("Objective of the first stage", "intermediate"), ("Objective", "objectives")):
        facts += [Markdown(f"{kind} {objective_text(objective)}") for objective in training.get(objectives, [])]
    if training.get("task_weight") is not None:
        facts.append(f"The task's own loss: weight {training['task_weight']}")
    facts += [f"Data: {_dataset(contents)}{_rows_text(training)}"] if contents.dataset_name else []
    facts += [f"Steps: {training['steps']:,}"] if number_at(training, "steps") is not None else []
    facts += [f"Training time: {training['seconds']:,.0f} seconds"] if number_at(training, "seconds") else []
    facts += [f"Trained on: {training['hardware']}"] if training.get("hardware") else []
    facts += [_energy_text(training["energy"])] if training.get("energy") else []
    facts += [f"Seed: {contents.report['seed']}"] if contents.report.get("seed") is not None else []
    if quantized:
        facts.append(f"Quantization: {row.precision}{f' with {row.backend}' if row.backend else ''}")
    return facts


def _rows_text(training: Mapping[str, Any]) -> str:
    """How many examples the student learnt from, and how many of them had a label if not all had."""
    rows, labelled = (number_at(training, name) for name in ("rows", "labelled_rows"))
    if rows is None:
        return ""
    some = f", {labelled:,} of them with a label" if labelled is not None and labelled < rows else ""
    return f" ({rows:,} training examples{some})"


def _energy_text(energy: Mapping[str, Any]) -> str:
    """What the training took, and what that emitted where the country is known."""
    emitted, country = energy.get("emissions_kg"), energy.get("country")
    emissions = f", {emitted:.3g} kg of CO2 equivalents with the electricity of {country}" if emitted else ""
    return f"Energy of the training: {energy['kwh']:.3g} kWh{emissions}, estimated by {energy['source']}"


def _classes(contents: CardContents, row: ComparisonRow) -> dict[str, Any]:
    """The table of the classes whose F1 is furthest below the teacher's, and the sentence above it."""
    of_teacher, of_model = (
        contents.report.get(key, {}).get("per_class") or {} for key in ("teacher", contents.model_key)
    )
    lost = {name: of_teacher[name]["f1"] - of_model[name]["f1"] for name in of_teacher if name in of_model}
    # Rounded as it is shown: what looks equal is not lost.
    worst = sorted((name for name in lost if round(lost[name], 4) > 0), key=lambda name: -lost[name])[:CLASSES]
    if row.model == "teacher" or not worst:
        return {"classes": None, "classes_note": None}
    headers = ["Class", "Examples", "F1 of the teacher", "F1", "Lost (points)", "Precision", "Recall"]
    lines = [
        [
            one_line(name, 60),
            f"{of_model[name]['support']:,}",
            format_score(of_teacher[name]["f1"]),
            *(format_score(of_model[name]["f1"]), f"{100 * lost[name]:.2f}"),
            *(format_score(of_model[name][score]) for score in ("precision", "recall")),
        ]
        for name in worst
    ]
    below = sum(round(points, 4) > 0 for points in lost.values())
    of_all = f"{len(lost):,} class{'' if len(lost) == 1 else 'es'}"
    note = f"Of {of_all}, {below:,} {'has' if below == 1 else 'have'} a lower F1 than with the teacher"
    note += f"; the {len(worst)} that lost most:" if below > len(worst) else ":"
    return {"classes": markdown_table(headers, lines), "classes_note": note}


def _limitations(contents: CardContents, row: ComparisonRow) -> list[str]:
    """What follows from the data and the way of measuring, and nothing else."""
    report, lines = contents.report, []
    rows = f" ({report['rows']:,} rows)" if isinstance(report.get("rows"), int) else ""
    if contents.dataset_name and row.scores:
        split = f"the {contents.dataset_split} split of " if contents.dataset_split else ""
        lines.append(
            f"The scores were measured on {split}{_dataset(contents)}{rows}; other data may give other scores."
        )
    for split, kinds in report.get("data", {}).items():
        told = [f"{NOT_AS_THEY_ARE[kind]}: {number:,}" for kind, number in kinds.items()]
        lines.append(f"Of the {split} split, {'; '.join(told)}.")
    if contents.languages:
        lines.append(f"The data are in: {', '.join(contents.languages)}. Nothing was measured in other languages.")
    if report.get("seed") is not None and row.scores:
        lines.append(
            f"One run with seed {report['seed']} was measured; how much scores vary with the seed is unknown."
        )
    if report.get("hardware"):
        lines.append(f"Latencies were measured on {report['hardware']}; other hardware gives other ones.")
    return lines
