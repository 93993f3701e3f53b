# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Time of a training step: plain fine-tuning, the Trainer recipe of the transformers documentation, and ours.

All of them run in turn in one process, on the same batches, so that a slow moment of the machine meets all alike.

    python recipes/benchmarks/training_step.py --json training_step.json
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
import transformers
from rich.console import Console
from rich.table import Table
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainerCallback, TrainingArguments

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


class StepTimer(TrainerCallback):
    """Collects the seconds from the end of one step to the end of the next."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.last: float | None = None

    def on_train_begin(self, *args: Any, **kwargs: Any) -> None:
        """Forget the end of the round before."""
        self.last = None

    def on_step_end(self, *args: Any, **kwargs: Any) -> None:
        """Note the time since the step before."""
        now = time.perf_counter()
        if self.last is not None:
            self.seconds.append(now - self.last)
        self.last = now


def make_systems(options: argparse.Namespace, folder: str) -> dict[str, Trainer]:
    """Return every trainer to compare, all with the same student, teacher, data and training arguments."""
    torch.manual_seed(0)
    config = BertConfig(
        hidden_size=384, num_hidden_layers=6, num_attention_heads=12, intermediate_size=1536, num_labels=4
    )
    teacher = BertForSequenceClassification(config)
    rows = [
        {
            "input_ids": torch.randint(1000, 30000, (options.tokens,)),
            "attention_mask": torch.ones(options.tokens, dtype=torch.long),
            "labels": torch.randint(0, 4, ()),
        }
        for _ in range(options.batch_size * options.steps)
    ]
    shared: dict[str, Any] = {
        "output_dir": folder,
        "per_device_train_batch_size": options.batch_size,
        "max_steps": options.steps,
        "save_strategy": "no",
        "report_to": "none",
        "logging_steps": options.steps,
        "disable_tqdm": True,
        "bf16": options.bf16,
    }
    if not torch.accelerator.is_available():
        shared["use_cpu"] = True
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


def measure(systems: dict[str, Trainer], rounds: int) -> dict[str, list[float]]:
    """Train with every system in turn, `rounds` times after one to warm up; return the median step of each round."""
    result: dict[str, list[float]] = {name: [] for name in systems}
    timers = {name: StepTimer() for name in systems}
    for name, trainer in systems.items():
        trainer.add_callback(timers[name])
        trainer.remove_callback(transformers.PrinterCallback)
    for turn in range(rounds + 1):
        for name, trainer in systems.items():
            timers[name].seconds.clear()
            trainer.train()
            if turn:
                result[name].append(statistics.median(timers[name].seconds))
    return result


def main() -> None:
    """Measure, print the table, and write the JSON file if one is named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=15, help="training steps of a round")
    parser.add_argument("--rounds", type=int, default=5, help="rounds")
    parser.add_argument("--batch-size", type=int, default=32, help="rows of a batch")
    parser.add_argument("--tokens", type=int, default=64, help="tokens of a row")
    parser.add_argument("--bf16", action="store_true", help="train in bf16")
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    options = parser.parse_args()
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
            f"{figures[name]['speed']:.2f}",
            f"{min(ratios):.2f} to {max(ratios):.2f}",
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
    Console(width=130).print(table)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
