# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Examples a second: plain fine-tuning, distilling from a recording and from a live teacher, and what peers do.

All of them run in turn in one process, on the same rows, so that a slow moment of the machine meets all alike. The
second table compares what a recipe does by default (a recording, batches of like lengths, bf16 where it is fast) with
plain fine-tuning of rows in random order, on rows of unequal lengths; the last lines compare recording with the
teacher alone. TextBrewer takes part where it is installed.

    python recipes/benchmarks/throughput.py --json throughput.json
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import importlib.util
import io
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState
from datasets import Dataset
from rich.table import Table
from steps import (
    StepTimer,
    make_rows,
    make_teacher,
    measure,
    middle_and_range,
    parser_of,
    shared_arguments,
    show,
    write,
)
from torch.utils.data import DataLoader
from training_step import DocumentedRecipe
from transformers import BertForSequenceClassification, Trainer, TrainingArguments, default_data_collator

from hf_distill import DistillationTrainer, DistillationTrainingArguments, build_student, record_knowledge
from hf_distill.compatibility import bf16_is_fast, training_fields

PLAIN = "fine-tuning, no teacher"
LOGITS = ["logits_kl:temperature=2"]
LAYERS = [[0, 0], [1, 3], [2, 6]]
STATES = [*LOGITS, {"name": "hidden_mse", "layers": LAYERS}]


def as_dataset(rows: list[dict[str, torch.Tensor]]) -> Dataset:
    """Return rows as a data set, which is what recipes train on."""
    return Dataset.from_list([{name: value.tolist() for name, value in row.items()} for row in rows])


def ragged(rows: list[dict[str, torch.Tensor]]) -> list[dict[str, torch.Tensor]]:
    """Cut rows to lengths from an eighth to the whole, all equally frequent."""
    result = []
    for row in rows:
        length = int(torch.randint(len(row["input_ids"]) // 8, len(row["input_ids"]) + 1, ()))
        result.append({name: value[:length] if value.dim() else value for name, value in row.items()})
    return result


def pad(features: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
    """Make a batch of rows of unequal lengths, padded to a multiple of 8."""
    longest = max(len(row["input_ids"]) for row in features)
    longest += -longest % 8
    batch = {
        name: torch.tensor([list(row[name]) + [0] * (longest - len(row[name])) for row in features])
        for name in ("input_ids", "attention_mask")
    }
    return {**batch, "labels": torch.tensor([int(row["labels"]) for row in features])}


class TextBrewerRun:
    """TextBrewer's distiller with the divergence of logits and the same hidden states, to be timed like a trainer."""

    def __init__(self, teacher: BertForSequenceClassification, rows: Any, options: argparse.Namespace, folder: str):
        from textbrewer import DistillationConfig, GeneralDistiller, TrainingConfig

        student = build_student(teacher, num_hidden_layers=2)
        matches = [
            {"layer_T": other, "layer_S": own, "feature": "hidden", "loss": "hidden_mse", "weight": 1}
            for own, other in LAYERS
        ]
        device = str(next(student.parameters()).device)
        config = DistillationConfig(
            temperature=2, hard_label_weight=0.5, kd_loss_weight=1, intermediate_matches=matches
        )

        def adapt(batch: Any, outputs: Any) -> dict[str, Any]:
            return {
                "logits": outputs.logits,
                "hidden": outputs.hidden_states,
                "losses": outputs.loss,
                "inputs_mask": batch["attention_mask"],
            }

        self._distiller = GeneralDistiller(
            TrainingConfig(device=device, output_dir=folder, log_dir=None, ckpt_steps=10**6),
            config,
            copy.deepcopy(teacher),
            student,
            adapt,
            adapt,
        )
        self._optimizer = torch.optim.AdamW(student.parameters(), lr=5e-5)
        self._loader = DataLoader(rows, batch_size=options.batch_size, shuffle=True, collate_fn=default_data_collator)
        self._steps, self._timer = options.steps, StepTimer()

    def add_callback(self, timer: StepTimer) -> None:
        """Take the timer."""
        self._timer = timer

    def remove_callback(self, callback: Any) -> None:
        """There is none."""

    def train(self) -> None:
        """Train, telling the timer when a batch begins."""
        self._timer.on_train_begin()

        def tell(batch: Any) -> Any:
            self._timer.on_step_end()
            return batch

        with contextlib.redirect_stderr(io.StringIO()):
            self._distiller.train(
                self._optimizer,
                self._loader,
                num_steps=self._steps,
                max_grad_norm=1.0,
                batch_postprocessor=tell,
                output_hidden_states=True,
            )


def make_systems(options: argparse.Namespace, folder: str) -> dict[str, Any]:
    """Return every trainer to compare, all with the same student, teacher, rows and training arguments."""
    teacher, rows, shared = make_teacher(), as_dataset(make_rows(options)), shared_arguments(options, folder)

    def ours(objectives: list, source: Any) -> Trainer:
        student = build_student(teacher, num_hidden_layers=2)
        if isinstance(source, str):
            source = record_knowledge(
                teacher_model=teacher,
                train_dataset=rows,
                objectives=objectives,
                student_config=student.config,
                output_dir=Path(folder) / f"{len(objectives)}-{source}",
                data_collator=default_data_collator,
                compression=source,
            )
        arguments = DistillationTrainingArguments(**shared, objectives=objectives, task_weight=0.5)
        return DistillationTrainer(model=student, teacher_model=source, args=arguments, train_dataset=rows)

    student = build_student(teacher, num_hidden_layers=2)
    systems = {
        PLAIN: Trainer(model=student, args=TrainingArguments(**shared), train_dataset=rows),
        "recorded logits": ours(LOGITS, "fp16"),
        "recorded logits and 3 layers, fp16": ours(STATES, "fp16"),
        "recorded logits and 3 layers, int8": ours(STATES, "int8"),
        "recorded logits and 3 layers, int8 of 96 components": ours(STATES, "int8:pca=96"),
        "live teacher, logits and 3 layers": ours(STATES, teacher),
        "live teacher, logits": ours(LOGITS, teacher),
        "documentation's recipe, logits and 2 layers": DocumentedRecipe(
            model=build_student(teacher, num_hidden_layers=2),
            args=TrainingArguments(**shared),
            train_dataset=rows,
            teacher_model=copy.deepcopy(teacher),
            hidden_states=True,
        ),
    }
    if bf16_is_fast():
        systems["live teacher in bf16, logits and 3 layers"] = ours(STATES, copy.deepcopy(teacher).bfloat16())
        systems["live teacher in bf16, logits"] = ours(LOGITS, copy.deepcopy(teacher).bfloat16())
    if importlib.util.find_spec("textbrewer"):
        systems["TextBrewer, logits and 3 layers"] = TextBrewerRun(teacher, rows, options, folder)
    return systems


def make_defaults(options: argparse.Namespace, folder: str) -> dict[str, Any]:
    """Return plain fine-tuning in random order, and what a recipe does, on rows of unequal lengths."""
    teacher, shared = make_teacher(), shared_arguments(options, folder)
    rows = as_dataset(ragged(make_rows(options)))
    student = build_student(teacher, num_hidden_layers=2)
    recording = record_knowledge(
        teacher_model=teacher,
        train_dataset=rows,
        objectives=["logits_mse", "hidden_mse"],
        student_config=student.config,
        output_dir=Path(folder) / "default",
        data_collator=pad,
        compression="int8",
    )
    by_length = training_fields({**shared, "group_by_length": True, "bf16": "auto"})
    in_random_order = TrainingArguments(**shared)
    plain = build_student(teacher, num_hidden_layers=2)
    return {
        "fine-tuning in fp32, random order": Trainer(
            model=plain, args=in_random_order, train_dataset=rows, data_collator=pad
        ),
        "recipe's default": DistillationTrainer(
            model=student,
            teacher_model=recording,
            args=DistillationTrainingArguments(**by_length),
            train_dataset=rows,
            data_collator=pad,
        ),
    }


def time_recording(options: argparse.Namespace, folder: str) -> dict[str, list[float]]:
    """Return, for each way to record, its speed against that of the teacher alone on the same batches, by round."""
    options = argparse.Namespace(**{**vars(options), "steps": options.recorded_rows // options.batch_size})
    teacher, rows = make_teacher().eval(), as_dataset(ragged(make_rows(options)))
    student, device = build_student(teacher, num_hidden_layers=2), PartialState().device
    shards = [rows.select(range(first, min(first + 1024, len(rows)))) for first in range(0, len(rows), 1024)]
    ordered = [sorted(shard, key=lambda row: -len(row["input_ids"])) for shard in shards]
    batches = [pad(shard[first : first + 64]) for shard in ordered for first in range(0, len(shard), 64)]
    precisions = {"fp32": torch.float32, **({"bf16": torch.bfloat16} if bf16_is_fast() else {})}
    teachers = {name: copy.deepcopy(teacher).to(device, dtype) for name, dtype in precisions.items()}
    result: dict[str, list[float]] = {}
    for turn in range(options.rounds + 1):
        for precision, model in teachers.items():
            alone = time.perf_counter()
            with torch.no_grad():
                for batch in batches:
                    model(**{name: batch[name].to(device) for name in ("input_ids", "attention_mask")})
            alone = time.perf_counter() - alone
            for compression in ("fp16", "int8"):
                recorded = time.perf_counter()
                record_knowledge(
                    teacher_model=teacher,
                    train_dataset=rows,
                    objectives=STATES,
                    student_config=student.config,
                    output_dir=Path(folder) / "recording",
                    data_collator=pad,
                    compression=compression,
                    precision=precision,
                )
                recorded = time.perf_counter() - recorded
                shutil.rmtree(Path(folder) / "recording")
                # The first round warms up.
                if turn:
                    result.setdefault(f"recording in {compression}, teacher in {precision}", []).append(
                        alone / recorded
                    )
    return result


def tell(title: str, systems: dict[str, Any], options: argparse.Namespace, whole: bool = False) -> dict[str, Any]:
    """Measure, print a table, and return the figures; the first system is the measure of the others."""
    seconds = measure(systems, options.rounds, statistics.mean if whole else statistics.median)
    first = next(iter(seconds))
    table, figures = Table("system", "examples/s, median", f"against {first}: median", "range", title=title), {}
    for name, values in seconds.items():
        ratios = [own / other for own, other in zip(seconds[first], values)]
        figures[name] = {
            "examples_per_second": options.batch_size / statistics.median(values),
            "ratio": statistics.median(ratios),
        }
        table.add_row(
            name,
            f"{figures[name]['examples_per_second']:.1f}",
            *middle_and_range(ratios, digits=3),
        )
    show(table)
    return figures


def tell_recording(options: argparse.Namespace, folder: str) -> dict[str, Any]:
    """Measure how fast recordings are made, print a line for each, and return the figures."""
    figures = {}
    for name, ratios in time_recording(options, folder).items():
        figures[name] = {"ratio": statistics.median(ratios)}
        print(
            f"{name}: {statistics.median(ratios):.3f} ({min(ratios):.2f} to {max(ratios):.2f}) of the speed of "
            "the teacher alone on the same batches, logits and 3 layers"
        )
    return figures


PARTS = {
    "steps": lambda options, folder: tell("Throughput", make_systems(options, folder), options),
    "default": lambda options, folder: tell(
        "What a recipe does by default", make_defaults(options, folder), options, whole=True
    ),
    "recording": tell_recording,
}


def main() -> None:
    """Measure, print the tables, and write the JSON file if one is named."""
    parser = parser_of(__doc__)
    parser.add_argument("--recorded-rows", type=int, default=4096, help="rows of the recording that is timed")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS), help="what to measure")
    options = parser.parse_args()
    figures = {}
    for part in options.parts:
        with tempfile.TemporaryDirectory() as folder:
            figures |= PARTS[part](options, folder)
    write(figures, options)


if __name__ == "__main__":
    main()
