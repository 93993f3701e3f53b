# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""A tiny real setup: tokenizer, teachers, data files and a recipe that takes a second."""

from __future__ import annotations

import copy
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import yaml
from datasets import ClassLabel, Dataset, Features, List, Value
from transformers import (
    BertConfig,
    BertForMaskedLM,
    BertForMultipleChoice,
    BertForQuestionAnswering,
    BertForSequenceClassification,
    BertForTokenClassification,
    BertModel,
    BertTokenizerFast,
)

from hf_distill.errors import InputError
from hf_distill.quantization import find_backend

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
GOOD, BAD = ["good", "great", "fine"], ["bad", "awful", "dull"]
FILLERS = ["the", "film", "was", "a", "plot", "cast", "and", "its", "##ing", "in", "rome", "anna", "paris", "otto"]
LABELS = ["neg", "pos"]
TAGS = ["O", "B-PER", "B-LOC"]
TAG_OF = {"anna": 1, "otto": 1, "rome": 2, "paris": 2}
PLACES = ["rome", "paris"]
WIDTHS = {"hidden_size": 32, "num_hidden_layers": 4, "num_attention_heads": 4, "intermediate_size": 64}


KINDS = {
    "text-classification": ("texts", "teacher"),
    "multi-label-text-classification": ("topics", "labeller"),
    "text-regression": ("numbers", "rater"),
    "token-classification": ("words", "tagger"),
    "multiple-choice": ("choices", "chooser"),
    "fill-mask": ("texts", "filler"),
    "sentence-similarity": ("pairs", "encoder"),
    "question-answering": ("questions", "answerer"),
}
"""The data and the teacher of each task."""


def works(backend: str) -> bool:
    """Say whether a backend works in this environment."""
    try:
        find_backend(backend).check()
    except InputError:
        return False
    return True


def tiny_recipe(task: str, files: dict[str, str], teacher: str, /, **changes: Any) -> dict[str, Any]:
    """Return a recipe that takes a second; `changes` are `section__key=value`."""
    content = {
        "task": task,
        "dataset": {"path": "tiny", "data_files": files},
        "teacher": {"model": teacher},
        "student": {"num_hidden_layers": 2},
        "training": {
            "max_steps": 4,
            "per_device_train_batch_size": 8,
            "learning_rate": 0.003,
            "disable_tqdm": True,
            "use_cpu": True,
        },
        "evaluation": {"latency_rounds": 3},
    }
    for key, value in changes.items():
        *parents, last = key.split("__")
        place = content
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = value
    return copy.deepcopy(content)


@dataclass
class Setup:
    """
    Where the tiny things are.

    Args:
        folder (`Path`): Holds the teachers and data files that `KINDS` names.
    """

    folder: Path

    def content(self, task: str = "text-classification", **changes: Any) -> dict[str, Any]:
        """Return a recipe that takes a second; `changes` are `section__key=value`."""
        kind, teacher = KINDS[task]
        # What is masked anew in each epoch cannot be recorded.
        changes = {"recording": None, **changes} if task == "fill-mask" else changes
        files = {split: str(self.folder / f"{kind}-{split}.parquet") for split in ("train", "test")}
        return tiny_recipe(task, files, str(self.folder / teacher), **changes)

    def write(self, path: Path, task: str = "text-classification", **changes: Any) -> Path:
        """Write such a recipe to a file."""
        path.write_text(yaml.safe_dump(self.content(task, **changes)))
        return path


def make_texts(rows: int, seed: int) -> Dataset:
    generator = random.Random(seed)
    texts, labels = [], []
    for _ in range(rows):
        label = generator.randrange(2)
        words = [*generator.choices(FILLERS, k=generator.randrange(2, 7)), generator.choice((BAD, GOOD)[label])]
        texts.append(" ".join(generator.sample(words, len(words))))
        labels.append(label)
    features = Features({"text": Value("string"), "label": ClassLabel(names=LABELS)})
    return Dataset.from_dict({"text": texts, "label": labels}, features=features)


def make_words(rows: int, seed: int) -> Dataset:
    generator = random.Random(seed)
    tokens = [generator.choices([*FILLERS, *GOOD], k=generator.randrange(3, 8)) for _ in range(rows)]
    tags = [[TAG_OF.get(word, 0) for word in words] for words in tokens]
    features = Features({"tokens": List(Value("string")), "tags": List(ClassLabel(names=TAGS))})
    return Dataset.from_dict({"tokens": tokens, "tags": tags}, features=features)


def make_topics(rows: int, seed: int) -> Dataset:
    """Texts with any of two labels, each of which is there if a word is."""
    texts = make_texts(rows, seed)["text"]
    labels = [
        [place for place, words in enumerate((BAD, ["film"])) if set(words) & set(text.split())] for text in texts
    ]
    features = Features({"text": Value("string"), "labels": List(ClassLabel(names=LABELS))})
    return Dataset.from_dict({"text": texts, "labels": labels}, features=features)


def make_numbers(rows: int, seed: int) -> Dataset:
    """Texts with how many words they have."""
    texts = make_texts(rows, seed)["text"]
    return Dataset.from_dict({"text": texts, "label": [float(len(text.split())) for text in texts]})


def make_choices(rows: int, seed: int) -> Dataset:
    """A word, and the same word among others to choose."""
    generator = random.Random(seed)
    choices = [generator.sample(FILLERS, 3) for _ in range(rows)]
    labels = [generator.randrange(3) for _ in range(rows)]
    texts = [words[label] for words, label in zip(choices, labels)]
    return Dataset.from_dict({"text": texts, "choices": choices, "label": labels})


def make_pairs(rows: int, seed: int) -> Dataset:
    generator = random.Random(seed)
    words = [generator.sample([*FILLERS, *GOOD, *BAD], 5) for _ in range(rows)]
    kept = [generator.randrange(6) for _ in range(rows)]
    others = [[*one[:number], *generator.choices(FILLERS, k=5 - number)] for one, number in zip(words, kept)]
    texts = {"text": [" ".join(one) for one in words], "text_pair": [" ".join(other) for other in others]}
    return Dataset.from_dict({**texts, "score": [float(number) for number in kept]})


def make_questions(rows: int, seed: int) -> Dataset:
    """Make contexts of one window or two, with the answer anywhere in them."""
    generator = random.Random(seed)
    contexts, questions, answers = [], [], []
    for _ in range(rows):
        before, after = (generator.choices(["film", "plot", "cast"], k=generator.randrange(1, 16)) for _ in range(2))
        person, place = generator.choice(["anna", "otto"]), generator.choice(PLACES)
        start = " ".join([*before, person, "was", "in", ""])
        contexts.append(" ".join([start + place, *after]))
        questions.append(f"was {person} in")
        answers.append({"text": [place], "answer_start": [len(start)]})
    return Dataset.from_dict({"context": contexts, "question": questions, "answers": answers})


def save_teacher(folder: Path, model_class: type, names: list[str], vocabulary: list[str], **options: Any) -> None:
    folder.mkdir(parents=True)
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n")
    BertTokenizerFast.from_pretrained(folder, model_max_length=32).save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(vocabulary),
        max_position_embeddings=32,
        initializer_range=0.05,
        id2label=dict(enumerate(names)),
        label2id={name: label for label, name in enumerate(names)},
        **options,
        **WIDTHS,
    )
    model_class(config).save_pretrained(folder)


def make_setup(folder: Path) -> Setup:
    """Write teachers and data of all tasks."""
    vocabulary = [*SPECIAL, *GOOD, *BAD, *FILLERS]
    save_teacher(folder / "teacher", BertForSequenceClassification, LABELS, vocabulary)
    save_teacher(folder / "tagger", BertForTokenClassification, TAGS, vocabulary)
    several = {"problem_type": "multi_label_classification"}
    save_teacher(folder / "labeller", BertForSequenceClassification, LABELS, vocabulary, **several)
    save_teacher(folder / "rater", BertForSequenceClassification, ["LABEL_0"], vocabulary)
    save_teacher(folder / "chooser", BertForMultipleChoice, ["LABEL_0"], vocabulary)
    save_teacher(folder / "filler", BertForMaskedLM, LABELS, vocabulary)
    save_teacher(folder / "encoder", BertModel, LABELS, vocabulary)
    save_teacher(folder / "answerer", BertForQuestionAnswering, ["LABEL_0", "LABEL_1"], vocabulary)
    for split, rows in (("train", 96), ("test", 48)):
        make_texts(rows, seed=rows).to_parquet(folder / f"texts-{split}.parquet")
        make_words(rows, seed=rows).to_parquet(folder / f"words-{split}.parquet")
        make_topics(rows, seed=rows).to_parquet(folder / f"topics-{split}.parquet")
        make_numbers(rows, seed=rows).to_parquet(folder / f"numbers-{split}.parquet")
        make_choices(rows, seed=rows).to_parquet(folder / f"choices-{split}.parquet")
        make_pairs(rows, seed=rows).to_parquet(folder / f"pairs-{split}.parquet")
        make_questions(rows, seed=rows).to_parquet(folder / f"questions-{split}.parquet")
    return Setup(folder)
