# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Trains a student that reads words, from a teacher that reads characters, as a script of each process."""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Regex, Tokenizer, models, pre_tokenizers
from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

from hf_distill import DistillationTrainer, DistillationTrainingArguments, TwoTokenizers
from hf_distill.processes import leave_processes

WORDS = ["a", "film", "was", "good", "unfilmed", "playing"]


def make_tokenizers() -> TwoTokenizers:
    """Return one of words, and one of characters."""
    made = []
    for pieces, cut in (
        (WORDS, pre_tokenizers.Whitespace()),
        (sorted(set("".join(WORDS))), pre_tokenizers.Split(Regex(r"\S"), "isolated")),
    ):
        vocabulary = {piece: number for number, piece in enumerate(["[PAD]", "[UNK]", *pieces])}
        tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
        tokenizer.pre_tokenizer = cut
        made.append(PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]"))
    return TwoTokenizers(*made)


def make_model(layers: int, width: int) -> BertForSequenceClassification:
    """Return a random model without dropout."""
    return BertForSequenceClassification(
        BertConfig(
            vocab_size=24, hidden_size=width, num_hidden_layers=layers, num_attention_heads=4, intermediate_size=48,
            hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, initializer_range=0.2,
        )
    )  # fmt: skip


def train(folder: Path, batch: int, accumulation: int) -> None:
    """Write the weights after a few steps."""
    torch.manual_seed(0)
    both = make_tokenizers()
    # Of one word, and of many.
    encoded = both([" ".join(WORDS[: 1 + number % 6]) for number in range(24)])
    rows = [{name: values[row] for name, values in encoded.items()} for row in range(24)]
    args = DistillationTrainingArguments(
        output_dir=str(folder / "out"), per_device_train_batch_size=batch, gradient_accumulation_steps=accumulation,
        max_steps=3, learning_rate=0.01, adam_epsilon=1e-5, save_strategy="no", report_to=[], use_cpu=True,
        disable_tqdm=True, objectives=["logits_kl", "hidden_mse", "sentence_mse"], task_weight=0.0,
    )  # fmt: skip
    teacher, student = make_model(3, 32), make_model(2, 16)
    trainer = DistillationTrainer(student, teacher, args, train_dataset=rows, processing_class=both)
    trainer.train()
    weights = trainer.accelerator.unwrap_model(trainer.model).state_dict()
    copies = {key: weight.clone().contiguous() for key, weight in weights.items()}
    save_file(copies, folder / f"{trainer.args.process_index}.safetensors")


if __name__ == "__main__":
    torch.set_num_threads(1)
    train(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
    leave_processes()
