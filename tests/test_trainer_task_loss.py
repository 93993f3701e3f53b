# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Students whose class computes no loss."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from datasets import Dataset
from transformers import BertModel, BertTokenizerFast, PreTrainedModel

from hf_distill import DistillationTrainer
from hf_distill.errors import InputError
from hf_distill.tasks.sentence_similarity import SentenceSimilarity

WORDS = "[PAD] [UNK] [CLS] [SEP] good bad film in rome anna".split()


@pytest.fixture
def tokenizer(tmp_path: Any) -> BertTokenizerFast:
    (tmp_path / "vocab.txt").write_text("\n".join([*WORDS, "[MASK]"]) + "\n")
    return BertTokenizerFast.from_pretrained(tmp_path, model_max_length=32)


@pytest.fixture
def rows(tokenizer: BertTokenizerFast) -> Dataset:
    """Eight pairs of texts of different lengths, with scores."""
    texts = [" ".join(WORDS[4 + row % 6 : 5 + row % 6 + row % 3]) for row in range(16)]
    pairs = {"text": texts[::2], "text_pair": texts[1::2], "score": [float(row % 5) for row in range(8)]}
    return SentenceSimilarity().encode_inputs(Dataset.from_dict(pairs), tokenizer)


def encoder(make_bert: Callable[..., PreTrainedModel], seed: int = 0, **options: Any) -> PreTrainedModel:
    return make_bert(seed=seed, model_class=BertModel, **options)


def gradients(model: PreTrainedModel, rows: Dataset, tokenizer: Any, make_args: Callable, **options: Any) -> dict:
    """Return the gradients of one step of eight pairs."""
    task, student = SentenceSimilarity(), copy.deepcopy(model)
    args = make_args(objectives=[], task_weight=1.0, remove_unused_columns=False, max_grad_norm=0.0, **options)
    trainer = DistillationTrainer(
        student, args=args, train_dataset=rows, data_collator=task.collator(tokenizer), task_loss=task.loss
    )
    found: dict[str, torch.Tensor] = {}

    def keep(*given: Any) -> None:
        parameters = student.named_parameters()
        found.update({name: value.grad.clone() for name, value in parameters if value.grad is not None})

    trainer.create_optimizer()
    trainer.optimizer.register_step_pre_hook(keep)
    trainer.train()
    return found


def test_the_gradient_is_that_of_the_loss_by_hand(
    make_bert: Callable, make_args: Callable, rows: Dataset, tokenizer: Any
) -> None:
    model, task = encoder(make_bert), SentenceSimilarity()
    pairs = task.supervised(rows)
    expected = copy.deepcopy(model).train()
    batch = task.collator(tokenizer)(list(pairs))
    labels = batch.pop("labels")
    states = expected(**batch).last_hidden_state
    mask = batch["attention_mask"].unsqueeze(-1)
    vectors = (states * mask).sum(1) / mask.sum(1)
    cosines = torch.nn.functional.cosine_similarity(vectors[:8], vectors[8:])
    (cosines - labels).square().mean().backward()
    found = gradients(model, pairs, tokenizer, make_args, per_device_train_batch_size=8)
    assert found
    for name, value in found.items():
        torch.testing.assert_close(value, expected.get_parameter(name).grad, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("accumulation", [2, 8])
def test_accumulation_changes_nothing(
    accumulation: int, make_bert: Callable, make_args: Callable, rows: Dataset, tokenizer: Any
) -> None:
    model, pairs = encoder(make_bert), SentenceSimilarity().supervised(rows)
    expected = gradients(model, pairs, tokenizer, make_args, per_device_train_batch_size=8)
    found = gradients(
        model,
        pairs,
        tokenizer,
        make_args,
        per_device_train_batch_size=8 // accumulation,
        gradient_accumulation_steps=accumulation,
    )
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("width", [32, 16])
def test_a_student_without_a_head_learns_from_texts_alone(
    width: int, make_bert: Callable, make_args: Callable, rows: Dataset, tokenizer: Any
) -> None:
    student = encoder(make_bert, seed=1, num_hidden_layers=2, hidden_size=width)
    args = make_args(
        objectives=["sentence_cosine", "sentence_mse"], task_weight=0.0, max_steps=60, learning_rate=5e-3,
        per_device_train_batch_size=16, logging_strategy="steps", logging_steps=1,
    )  # fmt: skip
    collator = SentenceSimilarity().collator(tokenizer)
    trainer = DistillationTrainer(student, encoder(make_bert), args, train_dataset=rows, data_collator=collator)
    trainer.train()
    losses = [line["loss_sentence_cosine"] for line in trainer.state.log_history if "loss_sentence_cosine" in line]
    assert losses[-1] < 0.3 * losses[0]


def test_logits_of_a_student_without_a_head_are_refused(
    make_bert: Callable, make_args: Callable, rows: Dataset
) -> None:
    with pytest.raises(InputError, match="objective logits_mse: compares logits, and the models of the task"):
        DistillationTrainer(encoder(make_bert), encoder(make_bert), make_args(), train_dataset=rows)
