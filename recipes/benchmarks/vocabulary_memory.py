# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Peak memory of steps of masked language modelling: the logits of a few tokens at a time, against all at once.

Student and teacher have a logit for each of 30,522 tokens of the vocabulary. Every system has a process of its own,
and its peak is that of the process's memory (on a GPU, what PyTorch has allocated there) after a step to warm up.

    python recipes/benchmarks/vocabulary_memory.py --json vocabulary_memory.json
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from memory import MEGABYTE, Peak, in_own_process, read_peak
from rich.table import Table
from steps import parser_of, shared_arguments, show, write
from transformers import BertConfig, BertForMaskedLM

from hf_distill import DistillationTrainer, DistillationTrainingArguments, build_student
from hf_distill.features.vocabulary import OutputLayer

ALL, FEW = "all logits at once", "a few tokens' logits at a time"
OBJECTIVES = {"no teacher": [], "logits_kl": ["logits_kl"]}
MASKED = 0.15


def make_masked(options: argparse.Namespace) -> list[dict[str, torch.Tensor]]:
    """Return random rows without padding, some tokens of which are to be predicted."""
    rows = []
    for _ in range(options.batch_size * options.steps):
        ids = torch.randint(1000, 30000, (options.tokens,))
        labels = torch.where(torch.rand(options.tokens) < MASKED, ids, -100)
        rows.append({"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": labels})
    return rows


def work(options: argparse.Namespace) -> None:
    """Train with one system in this process, and write the peak."""
    torch.set_num_threads(1)
    way, _, objectives = options.system.partition(", ")
    if way == ALL:
        # As for a head that is not known.
        OutputLayer.of = classmethod(lambda cls, model: None)
    torch.manual_seed(0)
    widths = {"hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": 12, "intermediate_size": 1536}
    teacher = BertForMaskedLM(BertConfig(**widths))
    trainer = DistillationTrainer(
        model=build_student(teacher, num_hidden_layers=2),
        teacher_model=teacher if OBJECTIVES[objectives] else None,
        args=DistillationTrainingArguments(
            **shared_arguments(options, str(options.folder)), objectives=OBJECTIVES[objectives]
        ),
        train_dataset=make_masked(options),
        callbacks=[Peak()],
    )
    trainer.train()
    (options.folder / "peak.json").write_text(json.dumps(read_peak()))


def main() -> None:
    """Measure, print the table, and write the JSON file if one is named."""
    parser = parser_of(__doc__)
    parser.set_defaults(steps=3, rounds=1)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--system", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.folder is not None:
        return work(options)
    table = Table("learns from", *(f"{way} (MB)" for way in (ALL, FEW)), "ratio", title="Peak memory")
    figures = {}
    for objectives in OBJECTIVES:
        # The least of several: what else happens in a process can only add.
        peaks = {
            way: min(in_own_process(__file__, f"{way}, {objectives}", options) for _ in range(options.rounds))
            for way in (ALL, FEW)
        }
        figures[objectives] = {**peaks, "ratio": peaks[FEW] / peaks[ALL]}
        table.add_row(
            objectives, *(f"{peak / MEGABYTE:.0f}" for peak in peaks.values()), f"{peaks[FEW] / peaks[ALL]:.3f}"
        )
    show(table)
    write(figures, options)


if __name__ == "__main__":
    main()
