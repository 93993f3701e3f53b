# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Records and trains from it, as a script that each process runs."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from safetensors.torch import save_file
from transformers import BertConfig, BertForSequenceClassification

from hf_distill import DistillationTrainer, DistillationTrainingArguments, build_student, record_knowledge
from hf_distill.processes import leave_processes

GLOBAL_BATCH = 4
NUMBER = 20


def pad(rows: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
    length = max(len(row["input_ids"]) for row in rows)

    def padded(value: Any) -> Any:
        return value + [0] * (length - len(value)) if isinstance(value, list) else value

    return {name: torch.tensor([padded(row[name]) for row in rows]) for name in rows[0]}


def make_teacher() -> BertForSequenceClassification:
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "num_hidden_layers": 4, "num_attention_heads": 4, "intermediate_size": 64}
    quiet = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0, "initializer_range": 0.2}
    return BertForSequenceClassification(BertConfig(vocab_size=64, num_labels=3, **sizes, **quiet))


def make_rows(rows: int = NUMBER) -> Dataset:
    lengths = [3 + 5 * number % 9 for number in range(rows)]
    return Dataset.from_list(
        [
            {
                "input_ids": [1 + (7 * number + place) % 60 for place in range(length)],
                "attention_mask": [1] * length,
                "labels": number % 3,
            }
            for number, length in enumerate(lengths)
        ]
    )


def record(folder: Path, compression: str) -> Path:
    teacher = make_teacher()
    return record_knowledge(
        teacher_model=teacher,
        train_dataset=make_rows(),
        objectives=["logits_kl", "hidden_mse", "minilm"],
        output_dir=folder,
        student_config=build_student(teacher, num_hidden_layers=2).config,
        data_collator=pad,
        compression=compression,
        batch_size=4,
        rows_per_shard=3,
    )


def train(teacher: Any, folder: Path, processes: int) -> None:
    """Write the weights and the losses of every step."""
    student = build_student(make_teacher(), num_hidden_layers=2)
    arguments = DistillationTrainingArguments(
        output_dir=str(folder),
        objectives=["logits_kl", "hidden_mse", "minilm"],
        per_device_train_batch_size=GLOBAL_BATCH // processes,
        max_steps=7,
        optim="sgd",
        learning_rate=0.05,
        logging_steps=1,
        save_strategy="no",
        report_to=[],
        use_cpu=True,
        disable_tqdm=True,
    )
    trainer = DistillationTrainer(student, teacher, arguments, train_dataset=make_rows(), data_collator=pad)
    trainer.train()
    assert trainer.args.world_size == processes
    losses = [
        {name: line[name] for name in line if name.startswith("loss_")}
        for line in trainer.state.log_history
        if "loss" in line
    ]
    if trainer.is_world_process_zero():
        weights = trainer.accelerator.unwrap_model(trainer.model).state_dict()
        save_file({name: weight.contiguous() for name, weight in weights.items()}, folder / "weights.safetensors")
        (folder / "losses.json").write_text(json.dumps(losses))


if __name__ == "__main__":
    torch.set_num_threads(1)
    folder, processes = Path(sys.argv[1]), int(sys.argv[2])
    record(folder / "reduced", "int8:pca=8")
    train(record(folder / "recording", "fp32"), folder, processes)
    leave_processes()
