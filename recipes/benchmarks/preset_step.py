# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Time of a training step with the objectives of each preset, against one with logits_kl and hidden_mse.

All of them run in turn in one process, on the same batches, so that a slow moment of the machine meets all alike.

    python recipes/benchmarks/preset_step.py --json preset_step.json
"""

from __future__ import annotations

import argparse
import statistics
import tempfile

from rich.table import Table
from steps import make_rows, make_teacher, measure, middle_and_range, parser_of, shared_arguments, show, write
from transformers import Trainer

from hf_distill import DistillationTrainer, DistillationTrainingArguments, build_student
from hf_distill.presets import PRESETS

REFERENCE = "logits_kl and hidden_mse"


def stages() -> dict[str, list]:
    """Return the objectives of every stage to compare, by name."""
    result = {REFERENCE: ["logits_kl:temperature=2", "hidden_mse"]}
    for preset in PRESETS.values():
        if preset.intermediate:
            result[f"{preset.name}, first stage"] = list(preset.intermediate)
        if preset.objectives:
            result[preset.name + (", second stage" if preset.intermediate else "")] = list(preset.objectives)
    result["minilm on 2 layers"] = ["minilm:layers=uniform"]
    result["minilm_v2 on 2 layers"] = ["minilm_v2:layers=uniform"]
    return result


def make_systems(options: argparse.Namespace, folder: str) -> dict[str, Trainer]:
    """Return a trainer for every stage, all with the same student, teacher, data and training arguments."""
    teacher, rows, shared = make_teacher(), make_rows(options), shared_arguments(options, folder)
    return {
        name: DistillationTrainer(
            model=build_student(teacher, num_hidden_layers=2),
            args=DistillationTrainingArguments(**shared, objectives=objectives, task_weight=0.5),
            train_dataset=rows,
            teacher_model=teacher,
        )
        for name, objectives in stages().items()
        if name in (REFERENCE, *(options.only or stages()))
    }


def main() -> None:
    """Measure, print the table, and write the JSON file if one is named."""
    parser = parser_of(__doc__)
    parser.add_argument("--only", nargs="+", choices=list(stages())[1:], metavar="NAME", help="rows of the table")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        seconds = measure(make_systems(options, folder), options.rounds)
    table = Table("objectives", "step, median (ms)", f"time against {REFERENCE}: median", "range", title="Step")
    figures = {}
    for name, values in seconds.items():
        ratios = [own / other for own, other in zip(values, seconds[REFERENCE])]
        figures[name] = {"step_ms": 1000 * statistics.median(values), "time": statistics.median(ratios)}
        table.add_row(
            name,
            f"{figures[name]['step_ms']:.1f}",
            *middle_and_range(ratios),
        )
    show(table)
    write(figures, options)


if __name__ == "__main__":
    main()
