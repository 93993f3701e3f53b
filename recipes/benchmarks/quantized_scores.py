# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""What the students of finished runs lose by quantization with every backend that works here, nothing kept in floats.

python recipes/benchmarks/quantized_scores.py runs/sst2-0 runs/banking77-0 --json scores.json
"""

from __future__ import annotations

import argparse
import io
import tempfile
from contextlib import redirect_stdout
from pathlib import Path
from statistics import mean
from typing import Any

from rich.table import Table
from steps import show, write

from hf_distill.errors import InputError
from hf_distill.evaluation.predict import forward_function, predict
from hf_distill.pipeline.context import Context, prepare
from hf_distill.pipeline.manifest import RECIPE_FILE, Run
from hf_distill.pipeline.measure import size_on_disk
from hf_distill.pipeline.recipe import load_recipe
from hf_distill.quantization import QuantizationBackend, QuantizationOptions, list_backends

OPTIONS = {
    "onnxruntime": [
        QuantizationOptions(),
        QuantizationOptions(mode="static"),
        QuantizationOptions(mode="static", calibration_method="percentile"),
        QuantizationOptions(mode="half"),
    ],
    "openvino": [
        QuantizationOptions(),
        QuantizationOptions(weights="int4"),
        QuantizationOptions(mode="static"),
    ],
    "quanto": [
        QuantizationOptions(),
        QuantizationOptions(weights="int4"),
        QuantizationOptions(weights="fp8"),
        QuantizationOptions(mode="static"),
    ],
}


def measure(context: Context) -> dict[str, dict[str, float]]:
    """Return what each quantized model loses in points, how alike it predicts and its share of the student's size."""
    task, rows, data = context.task, context.data.evaluation, context.data
    student, collator, references = (
        context.run.folder / "student",
        task.collator(context.processor),
        task.references(rows),
    )

    def predictions(model: Any) -> list:
        return predict(forward_function(model, task), rows, task, collator, context.recipe.evaluation.batch_size)

    def score(found: list) -> float:
        return task.score(found, references, data.names)[task.primary_metric]

    before, found = predictions(context.load(student)), {}
    for backend, options in variants():
        with tempfile.TemporaryDirectory() as path, redirect_stdout(io.StringIO()):
            folder = Path(path) / "model"
            folder.mkdir()
            backend.quantize(student, folder, task, options, data.train)
            after = predictions(backend.load(folder, task))
            found[title(backend, options)] = {
                "points": 100 * (score(before) - score(after)),
                "agreement": task.agreement(after, before),
                "size": size_on_disk(folder) / size_on_disk(student),
            }
    return found


def open_student(run: Path) -> Context:
    """Open a run, whatever backends its recipe names."""
    return prepare(load_recipe(run / RECIPE_FILE, ["quantization=[]"]), Run.open(run))


def variants() -> list[tuple[QuantizationBackend, QuantizationOptions]]:
    """Return what is tried here."""
    found = []
    for kind in list_backends():
        try:
            kind().check()
        except InputError:
            continue
        found += [(kind(), options) for options in OPTIONS[kind.name]]
    return found


def title(backend: QuantizationBackend, options: QuantizationOptions) -> str:
    """Return the name of a variant."""
    method = f", {options.calibration_method}" if options.calibration_method != "minmax" else ""
    return f"{backend.name} {backend.precision(options)}, {backend.mode(options)}{method}"


def main() -> None:
    """Measure, print the table, and write the JSON file if one is named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path, help="folders of finished runs")
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    options = parser.parse_args()
    figures = {run.resolve().name: measure(open_student(run)) for run in options.runs}
    table = Table(
        "model", "lost, points: mean (worst)", "predicts alike: mean (least)", "size: least to most",
        title=f"Students of {len(figures)} runs",
    )  # fmt: skip
    for name in next(iter(figures.values())):
        points, alike, size = ([run[name][key] for run in figures.values()] for key in ("points", "agreement", "size"))
        table.add_row(
            name,
            f"{mean(points):.2f} ({max(points):.2f})",
            f"{mean(alike):.4f} ({min(alike):.4f})",
            f"{min(size):.3f} to {max(size):.3f}",
        )
    show(table)
    write(figures, options)


if __name__ == "__main__":
    main()
