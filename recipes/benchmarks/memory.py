# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Peak memory of training steps: what a teacher and its captured layers cost beside plain fine-tuning.

Every system has a process of its own. On a processor, the peak is that of the process's memory after a step to warm
up, with every large tensor given back when it is freed; on a GPU, it is what PyTorch has allocated there.

    python recipes/benchmarks/memory.py --json memory.json
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from rich.table import Table
from steps import make_rows, make_teacher, parser_of, shared_arguments, show, write
from transformers import TrainerCallback

from hf_distill import DistillationTrainer, DistillationTrainingArguments, build_student

SYSTEMS = {
    "fine-tuning, no teacher": [],
    "live teacher, logits": ["logits_mse"],
    "live teacher, logits and 2 layers": ["logits_mse", "hidden_mse"],
    "live teacher, logits and 4 layers": ["logits_mse", "hidden_mse:layers=[[0,0],[1,2],[1,4],[2,6]]"],
}
CAPTURED = (0, 0, 2, 4)
"""Layers that are captured of the teacher."""
MEGABYTE = 1e6


class Peak(TrainerCallback):
    """Forgets the peak after the first step."""

    def on_step_end(self, args: object, state: object, control: object, **kwargs: object) -> None:
        """Begin to measure when everything has been allocated once."""
        if state.global_step == 1:
            reset_peak()


def reset_peak() -> None:
    """Let the peak begin with what is held now."""
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    else:
        Path("/proc/self/clear_refs").write_text("5")


def read_peak() -> float:
    """Return the peak in bytes."""
    if torch.cuda.is_available():
        return float(torch.cuda.max_memory_allocated())
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024.0 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


def work(options: argparse.Namespace) -> None:
    """Train with one system in this process, and write the peak."""
    torch.set_num_threads(1)
    objectives = SYSTEMS[options.system]
    torch.manual_seed(0)
    teacher = make_teacher()
    student = build_student(teacher, num_hidden_layers=2)
    rows = make_rows(options)
    if not objectives:
        teacher = None
    trainer = DistillationTrainer(
        model=student,
        teacher_model=teacher,
        args=DistillationTrainingArguments(**shared_arguments(options, str(options.folder)), objectives=objectives),
        train_dataset=rows,
        callbacks=[Peak()],
    )
    trainer.train()
    (options.folder / "peak.json").write_text(json.dumps(read_peak()))


def in_own_process(script: str, system: str, options: argparse.Namespace) -> float:
    """Return the peak that a script writes when it is started again for one system."""
    with tempfile.TemporaryDirectory() as folder:
        sizes = {"steps": options.steps, "batch-size": options.batch_size, "tokens": options.tokens}
        own = [text for name, value in sizes.items() for text in (f"--{name}", str(value))]
        # Otherwise freed memory may stay with the process.
        frank = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536", "OMP_NUM_THREADS": "1"}
        subprocess.run(
            [sys.executable, script, "--folder", folder, "--system", system, *own],
            check=True,
            env={**os.environ, **frank},
            stdout=subprocess.DEVNULL,
        )
        return json.loads((Path(folder) / "peak.json").read_text())


def main() -> None:
    """Measure, print the table, and write the JSON file if one is named."""
    parser = parser_of(__doc__)
    parser.set_defaults(steps=4, rounds=3)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--system", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.folder is not None:
        return work(options)
    # The least of several: what else happens in a process can only add.
    peaks = {name: min(in_own_process(__file__, name, options) for _ in range(options.rounds)) for name in SYSTEMS}
    teacher = sum(weight.numel() * weight.element_size() for weight in make_teacher().parameters())
    layer = 4 * options.batch_size * options.tokens * make_teacher().config.hidden_size
    plain = peaks["fine-tuning, no teacher"]
    table = Table("system", "peak (MB)", "over fine-tuning (MB)", "teacher and captured layers (MB)", title="Memory")
    figures = {}
    for (name, peak), layers in zip(peaks.items(), CAPTURED):
        allowed = (teacher + layers * layer) if SYSTEMS[name] else 0
        figures[name] = {"peak": peak, "over": peak - plain, "allowed": allowed}
        table.add_row(name, *(f"{value / MEGABYTE:.1f}" for value in (peak, peak - plain, allowed)))
    show(table)
    write(figures, options)


if __name__ == "__main__":
    main()
