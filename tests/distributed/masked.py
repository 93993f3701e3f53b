# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Trains a masked language model whose logits are made of a few tokens at a time, as a script of each process."""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import BertConfig, BertForMaskedLM

from hf_distill import DistillationTrainer, DistillationTrainingArguments, build_student, predicted_tokens
from hf_distill.processes import leave_processes

VOCABULARY, ROWS, TOKENS = 60, 24, 10
CASES = {"objectives": ["logits_kl", "hidden_mse"], "no teacher": []}


def make_rows() -> list[dict[str, torch.Tensor]]:
    """Return rows of which some have no masked token and others many."""
    generator = torch.Generator().manual_seed(0)
    rows = []
    for number in range(ROWS):
        ids = torch.randint(1, VOCABULARY, (TOKENS,), generator=generator)
        masked = torch.rand(TOKENS, generator=generator) < (number % 4) / 4
        rows.append({"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": ids.where(masked, -100)})
    return rows


def train(name: str, folder: Path, batch: int, accumulation: int) -> None:
    """Write the weights after a few steps."""
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=VOCABULARY, hidden_size=32, num_hidden_layers=3, num_attention_heads=4, intermediate_size=48,
        hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, initializer_range=0.2,
    )  # fmt: skip
    teacher = BertForMaskedLM(config)
    args = DistillationTrainingArguments(
        output_dir=str(folder / "out"), per_device_train_batch_size=batch, gradient_accumulation_steps=accumulation,
        max_steps=3, learning_rate=0.01, adam_epsilon=1e-5, save_strategy="no", report_to=[], use_cpu=True,
        disable_tqdm=True, objectives=CASES[name],
    )  # fmt: skip
    student = build_student(teacher, num_hidden_layers=2, hidden_size=16)
    trainer = DistillationTrainer(student, teacher if CASES[name] else None, args, train_dataset=make_rows())
    assert trainer._output_layer is not None
    trainer.train()
    weights = trainer.accelerator.unwrap_model(trainer.model).state_dict()
    copies = {key: weight.clone().contiguous() for key, weight in weights.items()}
    save_file(copies, folder / f"{name}.{trainer.args.process_index}.safetensors")


if __name__ == "__main__":
    torch.set_num_threads(1)
    # Several pieces in a batch.
    predicted_tokens.LOGITS_AT_ONCE = 7 * VOCABULARY
    for case in CASES:
        train(case, Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
    leave_processes()
