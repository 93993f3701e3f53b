# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Throughput of two processes against one, with the same batch for each process and one thread each.

One process and two are started in turn, so that a slow moment of the machine meets both.

    python recipes/benchmarks/processes.py --json processes.json
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from rich.table import Table
from steps import make_rows, make_teacher, measure, middle_and_range, parser_of, shared_arguments, show, write
from transformers import Trainer

from hf_distill import DistillationTrainer, DistillationTrainingArguments, build_student, record_knowledge
from hf_distill.processes import processes

OBJECTIVES = ["logits_mse", "hidden_mse"]


def make_systems(options: argparse.Namespace, folder: Path) -> dict[str, Trainer]:
    """Return every trainer to compare, all with the same student, teacher, data and training arguments."""
    # Every process takes its share of the rows.
    options.batch_size *= processes().num_processes
    teacher, rows = make_teacher(), make_rows(options)
    options.batch_size //= processes().num_processes
    given = {"train_dataset": rows, "objectives": OBJECTIVES}
    config = build_student(teacher, num_hidden_layers=2).config
    recording = record_knowledge(teacher, output_dir=folder / "recording", student_config=config, **given)

    def ours(source: object, objectives: list[str]) -> Trainer:
        return DistillationTrainer(
            model=build_student(teacher, num_hidden_layers=2),
            args=DistillationTrainingArguments(**shared_arguments(options, str(folder)), objectives=objectives),
            train_dataset=rows,
            teacher_model=source,
        )

    return {
        "fine-tuning, no teacher": ours(None, []),
        "hf_distill, live teacher": ours(teacher, OBJECTIVES),
        "hf_distill, recording": ours(recording, OBJECTIVES),
    }


def work(options: argparse.Namespace) -> None:
    """Measure in this process, and let the main one write samples per second."""
    torch.set_num_threads(1)
    systems = make_systems(options, options.folder)
    seconds = measure(systems, rounds=1)
    number = processes().num_processes
    found = {}
    for name, trainer in systems.items():
        before = sent()
        trainer.train()
        found[name] = {
            "samples_per_second": number * options.batch_size / seconds[name][0],
            "bytes_a_step": (sent() - before) / options.steps,
        }
    if processes().is_main_process:
        (options.folder / "found.json").write_text(json.dumps(found))


def sent() -> int:
    """Return the bytes that processes of this machine have sent each other, where the system tells."""
    counters = Path("/proc/net/dev")
    lines = counters.read_text().splitlines() if counters.is_file() else []
    return next((int(line.split()[9]) for line in lines if line.strip().startswith("lo:")), 0)


def start(number: int, options: argparse.Namespace) -> dict[str, dict[str, float]]:
    """Measure in so many processes."""
    with tempfile.TemporaryDirectory() as folder:
        launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(number)]
        sizes = {"steps": options.steps, "batch-size": options.batch_size, "tokens": options.tokens}
        own = [text for name, value in sizes.items() for text in (f"--{name}", str(value))]
        cpu = {} if torch.accelerator.is_available() else {"ACCELERATE_USE_CPU": "true"}
        subprocess.run(
            [*launcher, __file__, "--folder", folder, *own],
            check=True,
            env={**os.environ, "OMP_NUM_THREADS": "1", **cpu},
            stdout=subprocess.DEVNULL,
        )
        return json.loads((Path(folder) / "found.json").read_text())


def main() -> None:
    """Measure, print the table, and write the JSON file if one is named."""
    parser = parser_of(__doc__)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.folder is not None:
        return work(options)
    found = [(start(1, options), start(2, options)) for _ in range(options.rounds)]
    names = ("system", "1 process (samples/s)", "2 processes", "ratio: median", "range", "sent in a step (MB)")
    table = Table(*names, title="Processes")
    figures = {}
    for name in found[0][0]:
        one, two = ([pair[place][name]["samples_per_second"] for pair in found] for place in (0, 1))
        moved = statistics.median(pair[1][name]["bytes_a_step"] for pair in found)
        ratios = [b / a for a, b in zip(one, two)]
        figures[name] = {"one": statistics.median(one), "two": statistics.median(two), "ratios": ratios}
        figures[name]["bytes_a_step"] = moved
        table.add_row(
            name,
            f"{figures[name]['one']:.1f}",
            f"{figures[name]['two']:.1f}",
            *middle_and_range(ratios),
            f"{moved / 1e6:.1f}",
        )
    show(table)
    write(figures, options)


if __name__ == "__main__":
    main()
