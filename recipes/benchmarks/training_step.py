# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Time of a training step: plain fine-tuning, the Trainer recipe of the transformers documentation, and ours.

All of them run in turn in one process, on the same batches, so that a slow moment of the machine meets all alike.

    python recipes/benchmarks/training_step.py --json training_step.json
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from typing import Any

import torch
import torch.nn.functional as F
from rich.table import Table
from steps import make_rows, make_teacher, measure, middle_and_range, parser_of, shared_arguments, show, write
from transformers import Trainer, TrainingArguments

from hf_distill import DistillationTrainer, DistillationTrainingArguments, build_student

LAYER_PAIRS = [(1, 3), (2, 6)]


class DocumentedRecipe(Trainer):
    """The distillation recipe of the transformers documentation, with hidden states beside the logits if asked."""

    def __init__(self, *args: Any, teacher_model: torch.nn.Module, hidden_states: bool, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.teacher = teacher_model.eval().to(self.args.device)
        self.hidden_states = hidden_states

    def compute_loss(
        self, model: torch.nn.Module, inputs: dict, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Mix the task loss with the divergence from the teacher."""
        temperature, share = 2.0, 0.5
        student = model(**inputs, output_hidden_states=self.hidden_states)
        with torch.no_grad():
            teacher = self.teacher(**inputs, output_hidden_states=self.hidden_states)
        loss = F.kl_div(
            F.log_softmax(student.logits / temperature, dim=-1),
            F.softmax(teacher.logits / temperature, dim=-1),
            reduction="batchmean",
        ) * (temperature**2)
        if self.hidden_states:
            mask = inputs["attention_mask"].unsqueeze(-1)
            for own, other in LAYER_PAIRS:
                difference = (student.hidden_states[own] - teacher.hidden_states[other]) ** 2 * mask
                loss = loss + difference.sum() / mask.sum() / difference.shape[-1] / len(LAYER_PAIRS)
        total = (1 - share) * student.loss + share * loss
        return (total, student) if return_outputs else total


def make_systems(options: argparse.Namespace, folder: str) -> dict[str, Trainer]:
    """Return every trainer to compare, all with the same student, teacher, data and training arguments."""
    teacher = make_teacher()
    rows = make_rows(options)
    shared = shared_arguments(options, folder)
    kl, hidden = "logits_kl:temperature=2,weight=0.5", "hidden_mse:weight=0.5"

    def documented(hidden_states: bool) -> Trainer:
        return DocumentedRecipe(
            model=build_student(teacher, num_hidden_layers=2),
            args=TrainingArguments(**shared),
            train_dataset=rows,
            teacher_model=teacher,
            hidden_states=hidden_states,
        )

    def ours(objectives: list[str]) -> Trainer:
        return DistillationTrainer(
            model=build_student(teacher, num_hidden_layers=2),
            args=DistillationTrainingArguments(**shared, objectives=objectives, task_weight=0.5),
            train_dataset=rows,
            teacher_model=teacher,
        )

    plain = Trainer(
        model=build_student(teacher, num_hidden_layers=2), args=TrainingArguments(**shared), train_dataset=rows
    )
    return {
        "fine-tuning, no teacher": plain,
        "documentation's recipe, logits": documented(False),
        "hf_distill, logits_kl": ours([kl]),
        "documentation's recipe, logits and hidden states": documented(True),
        "hf_distill, logits_kl and hidden_mse": ours([kl, hidden]),
    }


def main() -> None:
    """Measure, print the table, and write the JSON file if one is named."""
    options = parser_of(__doc__).parse_args()
    with tempfile.TemporaryDirectory() as folder:
        seconds = measure(make_systems(options, folder), options.rounds)
    plain = seconds["fine-tuning, no teacher"]
    table = Table("system", "step, median (ms)", "speed against fine-tuning: median", "range", title="Training step")
    figures = {}
    for name, values in seconds.items():
        ratios = [own / other for own, other in zip(plain, values)]
        figures[name] = {"step_ms": 1000 * statistics.median(values), "speed": statistics.median(ratios)}
        table.add_row(
            name,
            f"{figures[name]['step_ms']:.1f}",
            *middle_and_range(ratios),
        )
    for kind, own, other in (
        ("logits", "hf_distill, logits_kl", "documentation's recipe, logits"),
        (
            "logits and hidden states",
            "hf_distill, logits_kl and hidden_mse",
            "documentation's recipe, logits and hidden states",
        ),
    ):
        ratios = [b / a for a, b in zip(seconds[own], seconds[other])]
        figures[f"hf_distill against the documentation's recipe, {kind}"] = statistics.median(ratios)
        table.caption = f"{table.caption or ''}hf_distill / documentation, {kind}: {statistics.median(ratios):.2f}\n"
    show(table)
    write(figures, options)


if __name__ == "__main__":
    main()
