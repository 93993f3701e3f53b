# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Tests of drawing masks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from datasets import Dataset
from transformers import BertForMaskedLM, BertTokenizerFast, PreTrainedTokenizerBase

from hf_distill import DistillationTrainer
from hf_distill.errors import InputError
from hf_distill.tasks.masking import WORD_STARTS, MaskingCollator

CLS, SEP, MASK, WORDS = 2, 3, 4, range(5, 64)


@pytest.fixture
def tokenizer(tmp_path: Path) -> PreTrainedTokenizerBase:
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"w{word}" for word in WORDS)]
    (tmp_path / "vocab.txt").write_text("\n".join(words) + "\n")
    return BertTokenizerFast.from_pretrained(tmp_path, model_max_length=32)


def make_pieces(number: int, length: int = 20, seed: int = 0) -> list[dict[str, list[int]]]:
    generator = np.random.default_rng(seed)
    drawn = generator.integers(WORDS[0], WORDS[-1] + 1, (number, length - 2))
    return [{"input_ids": [CLS, *row.tolist(), SEP]} for row in drawn]


def test_shares_of_what_becomes_of_tokens(tokenizer: PreTrainedTokenizerBase) -> None:
    masking = MaskingCollator(tokenizer)
    before = np.concatenate([row["input_ids"] for row in make_pieces(2000)])
    masked = [masking.mask(row) for row in make_pieces(2000)]
    after, labels = (np.concatenate([row[name] for row in masked]) for name in ("input_ids", "labels"))
    predicted = labels != -100
    special = np.isin(before, [CLS, SEP])
    assert not predicted[special].any()
    assert (labels[predicted] == before[predicted]).all()
    assert (after[~predicted] == before[~predicted]).all()
    # 36,000 and 5,400 draws: four standard errors.
    assert predicted[~special].mean() == pytest.approx(0.15, abs=4 * (0.15 * 0.85 / 36000) ** 0.5)
    assert (after[predicted] == MASK).mean() == pytest.approx(0.8, abs=4 * (0.8 * 0.2 / 5400) ** 0.5)
    # A random token may be the token itself, or the mask token.
    kept = 0.1 + 0.1 / 64
    assert (after[predicted] == before[predicted]).mean() == pytest.approx(kept, abs=4 * (kept / 5400) ** 0.5)


def test_masks_follow_from_the_row_and_the_draw_alone(tokenizer: PreTrainedTokenizerBase) -> None:
    rows = make_pieces(6)
    one, other = MaskingCollator(tokenizer), MaskingCollator(tokenizer)
    torch.manual_seed(1)
    together = one(rows)
    torch.manual_seed(2)
    for place in reversed(range(6)):
        alone = other([rows[place]])
        for name in ("input_ids", "labels"):
            assert torch.equal(alone[name][0], together[name][place])
    assert one.mask(rows[0], (0, 0)) != one.mask(rows[0], (0, 1)) != one.mask(rows[0], (1, 0))


def test_rows_that_are_masked_already_stay_so(tokenizer: PreTrainedTokenizerBase) -> None:
    row = {"input_ids": [CLS, MASK, 7, SEP], "labels": [-100, 9, -100, -100]}
    batch = MaskingCollator(tokenizer)([row, *make_pieces(1, length=9)])
    assert batch["input_ids"][0].tolist() == [CLS, MASK, 7, SEP] + [0] * 12
    assert batch["labels"][0].tolist() == [-100, 9, -100, -100] + [-100] * 12
    assert batch["attention_mask"].sum(1).tolist() == [4, 9]
    assert not batch["token_type_ids"].any()


def test_all_tokens_of_a_word_are_masked_together(tokenizer: PreTrainedTokenizerBase) -> None:
    masking, chosen = MaskingCollator(tokenizer), []
    for row in make_pieces(300):
        # Words of three tokens.
        starts = [True, *[place % 3 == 0 for place in range(18)], True]
        labels = np.array(masking.mask({**row, WORD_STARTS: starts})["labels"])[1:-1].reshape(6, 3)
        assert ((labels != -100).all(1) | (labels == -100).all(1)).all()
        chosen.append((labels != -100).mean())
    assert np.mean(chosen) == pytest.approx(0.15, abs=4 * (0.15 * 0.85 / 1800) ** 0.5)


def test_a_tokenizer_needs_a_mask_token(tokenizer: PreTrainedTokenizerBase) -> None:
    tokenizer.mask_token = None
    with pytest.raises(InputError, match="has no mask token"):
        MaskingCollator(tokenizer)


def make_trainer(
    tokenizer: PreTrainedTokenizerBase, make_bert: Callable, make_args: Callable, **options: Any
) -> tuple[DistillationTrainer, list[list]]:
    """Return a trainer of 2 steps an epoch, and the list that its batches go to."""
    masking, seen = MaskingCollator(tokenizer), []

    class Watched(DistillationTrainer):
        def compute_loss(self, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
            seen.append((inputs["input_ids"].tolist(), inputs["labels"].tolist()))
            return super().compute_loss(model, inputs, *args, **kwargs)

    given = {"num_train_epochs": 3, "max_steps": -1, "save_strategy": "steps", "save_steps": 3, "logging_steps": 1}
    trainer = Watched(
        model=make_bert(1, BertForMaskedLM, num_hidden_layers=1, hidden_dropout_prob=0.1),
        args=make_args(objectives=[], **{**given, **options}),
        train_dataset=Dataset.from_list(make_pieces(8)),
        data_collator=masking,
        callbacks=[masking],
    )
    return trainer, seen


def test_every_epoch_draws_anew_and_a_resumed_training_sees_the_same(
    tokenizer: PreTrainedTokenizerBase, make_bert: Callable, make_args: Callable
) -> None:
    trainer, seen = make_trainer(tokenizer, make_bert, make_args)
    trainer.train()
    assert len(seen) == 6
    originals = [
        {tuple(np.where(np.array(row) == -100, ids, row)): row for batch in seen[2 * epoch : 2 * epoch + 2]
         for ids, row in zip(*batch)}
        for epoch in range(3)
    ]  # fmt: skip
    assert originals[0].keys() == originals[1].keys() == originals[2].keys()
    assert all(sum(one[key] != other[key] for key in one) > 5 for one, other in zip(originals, originals[1:]))
    again, resumed = make_trainer(tokenizer, make_bert, make_args)
    again.train(resume_from_checkpoint=f"{trainer.args.output_dir}/checkpoint-3")
    assert resumed == seen[3:]
    for name, weight in trainer.model.named_parameters():
        assert torch.equal(weight, dict(again.model.named_parameters())[name]), name


@pytest.mark.parametrize("persistent", [False, True])
def test_processes_that_load_data_draw_the_same(
    persistent: bool, tokenizer: PreTrainedTokenizerBase, make_bert: Callable, make_args: Callable
) -> None:
    alone, seen = make_trainer(tokenizer, make_bert, make_args, num_train_epochs=2, save_strategy="no")
    alone.train()
    options = {"dataloader_num_workers": 1, "dataloader_persistent_workers": persistent}
    trainer, others = make_trainer(tokenizer, make_bert, make_args, num_train_epochs=2, save_strategy="no", **options)
    trainer.train()
    assert others == seen


def test_another_seed_draws_otherwise(
    tokenizer: PreTrainedTokenizerBase, make_bert: Callable, make_args: Callable
) -> None:
    batches = []
    for seed in (1, 2):
        trainer, seen = make_trainer(
            tokenizer, make_bert, make_args, seed=seed, data_seed=0, max_steps=1, save_strategy="no"
        )
        trainer.train()
        batches.append(seen[0])
    assert batches[0] != batches[1]


def test_word_starts_reach_the_collator(
    tokenizer: PreTrainedTokenizerBase, make_bert: Callable, make_args: Callable
) -> None:
    trainer, seen = make_trainer(tokenizer, make_bert, make_args, max_steps=2, save_strategy="no")
    starts = [True, *[place % 6 == 0 for place in range(18)], True]
    trainer.train_dataset = Dataset.from_list([{**row, WORD_STARTS: starts} for row in make_pieces(8)])
    trainer.train()
    words = np.array([row[1:19] for batch in seen for row in batch[1]]).reshape(-1, 6)
    assert ((words != -100).all(1) | (words == -100).all(1)).all()
    assert (words != -100).any()
