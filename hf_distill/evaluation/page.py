# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""The report of one or several runs as a page for the browser, in one file that loads nothing from elsewhere."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from hf_distill.escaping import one_line, visible
from hf_distill.evaluation.disagreements import STUDENT, Disagreements, read_disagreements
from hf_distill.evaluation.findings import findings
from hf_distill.evaluation.losses import PICTURE_FILE as LOSS_PICTURE
from hf_distill.evaluation.report import read_report
from hf_distill.evaluation.rows import KINDS, comparison_rows, format_score, model_keys, number_at
from hf_distill.evaluation.tables import (
    NOT_MEASURED,
    common_primary_metric,
    comparison_cells,
    general_note,
    measurement_note,
)
from hf_distill.files import write_atomically

TEMPLATE = Path(__file__).parent / "page_template"
MOST_CHOICES = 30
"""Of how many different answers there is a list to choose from; of more, only the search finds one."""
MULTIPLES = {"M": 1e6}


@dataclass(frozen=True)
class ClassTable:
    """
    How well the models do on each class.

    Args:
        metric (`str`): The metric.
        headers (`list[str]`): The header of each column.
        rows (`list[list[str]]`): The cells of each class.
    """

    metric: str
    headers: list[str]
    rows: list[list[str]]


@dataclass(frozen=True)
class RunView:
    """
    What the page shows of one run.

    Args:
        name (`str`): What it is called.
        findings (`list[str]`): What follows from its numbers.
        note (`str`): How it was measured.
        losses (`str`, *optional*): The picture of its losses, as an address with the data in it.
        classes ([`ClassTable`], *optional*): How well the models do on each class.
        disagreements ([`Disagreements`], *optional*): Where teacher and student differ.
        choices (`dict[str, list[str]]`): What examples can be chosen by, and what there is to choose from.
    """

    name: str
    findings: list[str]
    note: str
    losses: str | None
    classes: ClassTable | None
    disagreements: Disagreements | None
    choices: dict[str, list[str]]


def write_page(runs: Mapping[str, Path], path: Path, picture: Path | None = None) -> Path:
    """
    Write the page of one or several runs.

    Args:
        runs (`Mapping[str, Path]`): The folder of each run, by what it is called.
        path (`Path`): The HTML file to write.
        picture (`Path`, *optional*): The PNG picture of score against latency of all of them.

    Returns:
        `Path`: `path`.

    Raises:
        InputError: If a run has no report or a damaged one, or if the primary metrics of the runs differ.
    """
    reports = {name: read_report(folder) for name, folder in runs.items()}
    metric = common_primary_metric(reports)
    views = [_view(name, reports[name], folder) for name, folder in runs.items()]
    headers, rows = comparison_cells(reports)
    note = general_note([row for report in reports.values() for row in comparison_rows(report)])
    several = len(views) > 1
    if not several:
        headers, rows, note = headers[1:], [row[1:] for row in rows], views[0].note
    style, script = ((TEMPLATE / file).read_text(encoding="utf-8") for file in ("style.css", "script.js"))
    text = _environment().get_template("index.html.jinja").render(
        title=f"{len(views)} runs compared" if several else views[0].name,
        metric=metric,
        several=several,
        headers=headers,
        rows=rows,
        note=note,
        picture=_address(picture),
        runs=views,
        policy=_policy(style, script),
        style=Markup(style),
        script=Markup(script),
    )  # fmt: skip
    return write_atomically(Path(path), text)


def _environment() -> Environment:
    """Templates in which every value is escaped, and every character of it can be seen."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_seen,
    )
    environment.globals |= {"kind_of": _kind_of, "number_in": _number_in}
    return environment


def _seen(value: Any) -> str:
    """Return a text in which every character can be seen; most, such as pictures, are such already."""
    if isinstance(value, Markup):
        return value
    text = str(value)
    return text if text.isascii() and text.isprintable() else visible(text, keep="\n")


def _policy(style: str, script: str) -> str:
    """Forbid the page everything but its own style, its own script, and pictures that are in it."""
    of_style, of_script = (f"'sha256-{_base64(hashlib.sha256(text.encode()).digest())}'" for text in (style, script))
    return (
        f"default-src 'none'; img-src data:; style-src {of_style}; script-src {of_script}; "
        "base-uri 'none'; form-action 'none'"
    )


def _view(name: str, report: Mapping[str, Any], folder: Path) -> RunView:
    found = read_disagreements(folder)
    return RunView(
        name=one_line(name),
        findings=findings(report),
        note=measurement_note(report),
        losses=_address(Path(folder) / "report" / LOSS_PICTURE),
        classes=_classes(report),
        disagreements=found,
        choices=_choices(found),
    )


def _choices(found: Disagreements | None) -> dict[str, list[str]]:
    """Return what there is to choose from, of the kinds of answers that come again."""
    examples = found.examples if found is not None and not found.numbers else []
    values = {
        "outcome": [example.outcome for example in examples],
        "reference": [example.reference for example in examples],
        "student": [example.answers[STUDENT].text for example in examples if STUDENT in example.answers],
    }
    kinds = {name: sorted(set(filter(None, of_examples))) for name, of_examples in values.items()}
    return {name: kind if len(kind) <= MOST_CHOICES else [] for name, kind in kinds.items()}


def _classes(report: Mapping[str, Any]) -> ClassTable | None:
    """Return a row for each class: how many there are, and the F1 of each model, or the first metric without it."""
    by_model = {model: report[model].get("per_class") for model in model_keys(report)}
    by_model = {model: classes for model, classes in by_model.items() if isinstance(classes, Mapping) and classes}
    first = next((scores for classes in by_model.values() for scores in classes.values() if scores), None)
    if not isinstance(first, Mapping):
        return None
    metric = "f1" if "f1" in first else next(iter(first))
    # The same of all models, for what is right does not depend on them.
    supports = {name: number_at(classes, name, "support") for classes in by_model.values() for name in classes}
    rows = [
        [
            name,
            *(_text(number_at(by_model[model], name, metric), format_score) for model in by_model),
            _text(support, lambda number: f"{number:,.0f}"),
        ]
        for name, support in supports.items()
    ]
    return ClassTable(metric=metric, headers=["Class", *by_model, "Number in the data"], rows=rows)


def _text(value: float | None, form: Callable[[float], str]) -> str:
    return NOT_MEASURED if value is None else form(value)


def _address(picture: Path | None) -> str | None:
    """Return a PNG file as an address with the data in it; `None` if there is no such file."""
    if picture is None or not picture.is_file():
        return None
    return f"data:image/png;base64,{_base64(picture.read_bytes())}"


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _kind_of(model: str) -> str:
    kind = model.partition("/")[0]
    return kind if kind in KINDS else "other"


def _number_in(cell: str) -> float | str:
    """Return the number that a cell shows, such as 22.7 M, 1,234 or 5.02x; nothing where there is none."""
    found = re.match(r"(-?[\d,]*\.?\d+)(?: ([A-Z]))?", cell)
    return float(found[1].replace(",", "")) * MULTIPLES.get(found[2], 1) if found else ""
