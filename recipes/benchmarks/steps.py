# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""What the benchmarks of training steps share: a teacher, rows, arguments, and the timing of trainers in turn."""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
import transformers
from rich.console import Console
from rich.table import Table
from transformers import BertConfig, BertForSequenceClassification, TrainerCallback


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


def parser_of(description: str) -> argparse.ArgumentParser:
    """Return the command line that all these benchmarks have."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=15, help="training steps of a round")
    parser.add_argument("--rounds", type=int, default=5, help="rounds")
    parser.add_argument("--batch-size", type=int, default=32, help="rows of a batch")
    parser.add_argument("--tokens", type=int, default=64, help="tokens of a row")
    parser.add_argument("--bf16", action="store_true", help="train in bf16")
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    return parser


def make_teacher() -> BertForSequenceClassification:
    """Return a teacher of 6 layers, 384 wide, with random weights."""
    torch.manual_seed(0)
    widths = {"hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": 12, "intermediate_size": 1536}
    return BertForSequenceClassification(BertConfig(**widths, num_labels=4))


def make_rows(options: argparse.Namespace) -> list[dict[str, torch.Tensor]]:
    """Return random rows without padding, enough for a round."""
    return [
        {
            "input_ids": torch.randint(1000, 30000, (options.tokens,)),
            "attention_mask": torch.ones(options.tokens, dtype=torch.long),
            "labels": torch.randint(0, 4, ()),
        }
        for _ in range(options.batch_size * options.steps)
    ]


def shared_arguments(options: argparse.Namespace, folder: str) -> dict[str, Any]:
    """Return the training arguments that all systems have."""
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
    return shared if torch.accelerator.is_available() else {**shared, "use_cpu": True}


def measure(
    systems: dict[str, Any], rounds: int, summary: Callable[[list[float]], float] = statistics.median
) -> dict[str, list[float]]:
    """Train with every system in turn, `rounds` times after one to warm up; return a step's time in each round."""
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
                result[name].append(summary(timers[name].seconds))
    return result


def middle_and_range(ratios: Sequence[float], digits: int = 2) -> tuple[str, str]:
    """Return the cells of a table for the ratios of several rounds."""
    return f"{statistics.median(ratios):.{digits}f}", f"{min(ratios):.2f} to {max(ratios):.2f}"


def show(table: Table) -> None:
    """Print a table, as wide as it is."""
    Console(width=130).print(table)


def write(figures: dict[str, Any], options: argparse.Namespace) -> None:
    """Write the figures, if a file is named for them."""
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")
