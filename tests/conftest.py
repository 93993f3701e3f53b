# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import os

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import copy
import gc
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import BertConfig, BertForSequenceClassification, PreTrainedModel

from hf_distill import DistillationTrainer, DistillationTrainingArguments
from hf_distill.compatibility import forget_earlier_arguments

WIDTHS = {"hidden_size": 32, "num_hidden_layers": 4, "num_attention_heads": 4, "intermediate_size": 64}
VOCABULARY = 64
PADDING = {"input_ids": 0, "attention_mask": 0, "token_type_ids": 0, "labels": -100, "prediction_mask": False}
# One number a row, which nothing is added to.
PADDING |= {"start_positions": None, "end_positions": None}

WORDS = "the film was a plot cast and its in rome anna paris otto good great fine bad awful dull play un".split()
PIECES = ["##ing", "##s", "##good", "##ed", "re", "!", ".", "cafe"]
"""Words of the tiny data and a few more, and pieces of words."""

# Several test processes share a machine, and tiny models gain nothing from threads.
torch.set_num_threads(1)


@pytest.fixture(scope="module", autouse=True)
def libraries_are_no_garbage() -> None:
    """Let collections pass over what was imported: trainers ask for several, of half a second each otherwise."""
    gc.collect()
    gc.freeze()


@dataclass
class Collator:
    """Pads to the longest row and `extra` tokens more."""

    extra: int = 0

    def __call__(self, rows: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        length = max(len(row["input_ids"]) for row in rows) + self.extra
        return {
            key: torch.tensor([self._padded(row[key], length, PADDING[key]) for row in rows])
            for key in PADDING
            if key in rows[0]
        }

    @staticmethod
    def _padded(value: Any, length: int, padding: Any) -> Any:
        # A list of floats is not of tokens: it says of each label whether it is right.
        of_tokens = isinstance(value, list) and not isinstance(value[0], float)
        return [*value, *[padding] * (length - len(value))] if of_tokens else value


def _make_bert(seed: int = 0, model_class: type = BertForSequenceClassification, **options: Any) -> PreTrainedModel:
    # Larger weights than BERT's own, so that the logits of different rows differ by more than rounding.
    settings = {
        **WIDTHS,
        "vocab_size": VOCABULARY,
        "max_position_embeddings": 40,
        "num_labels": 3,
        "initializer_range": 0.2,
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
    }
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return model_class(BertConfig(**{**settings, **options})).eval()


def _make_rows(number: int = 8, seed: int = 0, tokens: bool = False, labels: int = 3) -> list[dict[str, Any]]:
    generator = torch.Generator().manual_seed(seed)

    def draw(low: int, high: int, count: int) -> list[int]:
        return torch.randint(low, high, (count,), generator=generator).tolist()

    rows = []
    for length in draw(3, 13, number):
        first = length // 2
        rows.append(
            {
                "input_ids": draw(1, VOCABULARY, length),
                "attention_mask": [1] * length,
                "token_type_ids": [0] * first + [1] * (length - first),
                "labels": draw(0, labels, length) if tokens else draw(0, labels, 1)[0],
            }
        )
    return rows


@pytest.fixture(autouse=True)
def own_precision() -> Iterator[None]:
    """Forget a test's mixed precision and compilation, which transformers 4.57 leaves in the environment."""
    yield
    forget_earlier_arguments()


@pytest.fixture(scope="session")
def make_bert() -> Callable[..., PreTrainedModel]:
    """Build a random BERT of 4 layers and width 32, without dropout unless it is asked for."""
    return _make_bert


@pytest.fixture(scope="session")
def tokenizers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders of two tokenizers that cut texts differently: "bert" (WordPiece) and "roberta" (byte-level BPE)."""
    folder = tmp_path_factory.mktemp("tokenizers")
    options = {"bert": {"model_max_length": 88}, "roberta": {"model_max_length": 88}}
    for kind, values in options.items():
        (folder / kind).mkdir()
        (folder / kind / "config.json").write_text(json.dumps({"model_type": kind}))
        (folder / kind / "tokenizer_config.json").write_text(json.dumps(values))
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS, *PIECES]
    (folder / "bert" / "vocab.txt").write_text("\n".join(vocabulary) + "\n")
    pairs = Tokenizer(models.BPE())
    pairs.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=300, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    pairs.train_from_iterator([" ".join(WORDS)], trainer)
    content = json.loads(pairs.to_str())["model"]
    (folder / "roberta" / "vocab.json").write_text(json.dumps(content["vocab"]))
    merges = [entry if isinstance(entry, str) else " ".join(entry) for entry in content["merges"]]
    (folder / "roberta" / "merges.txt").write_text("\n".join(["#version: 0.2", *merges]) + "\n")
    return {kind: folder / kind for kind in options}


@pytest.fixture(scope="session")
def make_rows() -> Callable[..., list[dict[str, Any]]]:
    """Build rows of 3 to 12 tokens with a label each, or a label for each token."""
    return _make_rows


@pytest.fixture(scope="session")
def collate() -> type[Collator]:
    """A collator that pads to the longest row, and further if it is told to."""
    return Collator


@pytest.fixture
def teacher() -> PreTrainedModel:
    """A teacher of 4 layers."""
    return _make_bert(seed=0)


@pytest.fixture
def student() -> PreTrainedModel:
    """A student of 2 layers and the teacher's width."""
    return _make_bert(seed=1, num_hidden_layers=2)


@pytest.fixture
def narrow_student() -> PreTrainedModel:
    """A student of 2 layers and half the teacher's width."""
    return _make_bert(seed=1, num_hidden_layers=2, hidden_size=16, num_attention_heads=2)


@pytest.fixture
def make_args(tmp_path: Path) -> Callable[..., DistillationTrainingArguments]:
    """Build quiet training arguments that save nothing unless they are told to."""

    def make(**options: Any) -> DistillationTrainingArguments:
        settings = {
            "output_dir": str(tmp_path / "out"),
            "use_cpu": True,
            "report_to": [],
            "disable_tqdm": True,
            "save_strategy": "no",
            "logging_strategy": "no",
            "per_device_train_batch_size": 4,
            "per_device_eval_batch_size": 4,
            "learning_rate": 1e-3,
            "max_steps": 1,
        }
        return DistillationTrainingArguments(**{**settings, **options})

    return make


@pytest.fixture
def make_trainer(make_args: Callable[..., Any]) -> Callable[..., DistillationTrainer]:
    """Build a trainer on ragged rows; what is not an argument of the trainer is a training argument."""

    def make(
        model: PreTrainedModel | None = None,
        teacher_model: Any = None,
        rows: Any = None,
        callbacks: list | None = None,
        extra_padding: int = 0,
        trainer_options: dict[str, Any] | None = None,
        **options: Any,
    ) -> DistillationTrainer:
        return DistillationTrainer(
            model=model,
            teacher_model=teacher_model,
            args=make_args(**options),
            train_dataset=_make_rows() if rows is None else copy.deepcopy(rows),
            data_collator=Collator(extra=extra_padding),
            callbacks=callbacks,
            **(trainer_options or {}),
        )

    return make
