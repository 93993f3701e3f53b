# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Choosing one of several texts, such as the right answer to a question or the right end of a story."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from datasets import ClassLabel, Dataset, DatasetDict, List, Value
from transformers import DataCollatorForMultipleChoice

from hf_distill.errors import InputError
from hf_distill.features.units import IGNORED_LABEL
from hf_distill.tasks.base import CUT, PADDING_MULTIPLE, Processor, was_cut
from hf_distill.tasks.labels import UNLABELLED
from hf_distill.tasks.spread import SpreadColumnTask
from hf_distill.tasks.text_classification import TextClassification


class MultipleChoice(SpreadColumnTask, TextClassification):
    """
    One of several texts that may follow a text; rows without a label learn from the teacher only.

    The choices are a list of texts in each row, or a column for each choice: then `columns` has the list of these
    columns for `choices`. All rows have the same number of them. The label is the number of the right choice from 0,
    its letter (A, B ...), or its text. Where there is a `text_pair`, such as the question about a story, each choice
    is read after it.
    """

    name = "multiple-choice"
    columns = ("text", "choices", "label")
    one_label = True
    many_columns = "choices"
    auto_model = "AutoModelForMultipleChoice"
    pipeline_tag = "multiple-choice"
    has_pipeline = False

    def gather(self, split: str, columns: Mapping[str, list]) -> tuple[list, Any]:
        """Return the list of each row's choices; see [`SpreadColumnTask.gather`]."""
        return [list(choices) for choices in zip(*columns.values())], List(Value("string"))

    def label_names(self, data: DatasetDict) -> list[str]:
        """Return nothing, for which choice is right says nothing of it; check that all rows have as many choices."""
        number = None
        for split, rows in data.items():
            for row, choices in enumerate(rows["choices"]):
                place = f"dataset.columns.choices: split {split!r}, row {row}"
                if not isinstance(choices, list) or not all(isinstance(choice, str) for choice in choices):
                    raise InputError(f"{place}: must hold a list of texts; got {choices!r}")
                number = len(choices) if number is None else number
                if len(choices) != number or number < 2:
                    raise InputError(
                        f"{place}: has {len(choices)} choices, the first row {number}; all need the same number of 2 "
                        "or more"
                    )
        return []

    def encode_labels(self, data: DatasetDict, names: Sequence[str], order: Sequence[int]) -> DatasetDict:
        """Turn labels into the numbers of choices; see [`Task.encode_labels`]."""
        result = DatasetDict()
        for split, rows in data.items():
            feature, encoded = rows.features["label"], []
            for row, (label, choices) in enumerate(zip(rows["label"], rows["choices"])):
                if isinstance(feature, ClassLabel) and label not in UNLABELLED:
                    label = feature.int2str(label)
                encoded.append(_number(label, choices, f"dataset, split {split!r}, row {row}"))
            result[split] = rows.remove_columns("label").add_column("label", encoded, feature=Value("int64"))
        return result

    def encode_inputs(self, rows: Dataset, processor: Processor) -> Dataset:
        """Turn each choice with its text into token ids; a row without a label has the ignored label -100."""

        def encode_batch(batch: dict[str, list]) -> dict[str, list]:
            number = len(batch["choices"][0])
            before = batch.get("text_pair", [""] * len(batch["text"]))
            first = [text for text in batch["text"] for _ in range(number)]
            second = [f"{start} {end}".strip() for start, ends in zip(before, batch["choices"]) for end in ends]
            encoded = processor(first, second, truncation=True, max_length=self.max_length)
            result = {
                key: [values[row : row + number] for row in range(0, len(values), number)]
                for key, values in encoded.items()
            }
            cut = was_cut(encoded)
            result[CUT] = [any(cut[row : row + number]) for row in range(0, len(cut), number)]
            return {**result, "labels": [IGNORED_LABEL if label is None else label for label in batch["label"]]}

        return rows.map(encode_batch, batched=True, remove_columns=rows.column_names, desc="Tokenizing")

    def lengths(self, rows: Dataset) -> np.ndarray:
        """Return the length of each row's longest choice."""
        return np.array([max(map(len, choices)) for choices in rows["input_ids"]])

    def collator(self, processor: Processor) -> Any:
        """Return a collator that pads to the longest choice of the batch."""
        return _ChoicesCollator(processor, pad_to_multiple_of=PADDING_MULTIPLE)

    def texts_of(self, example: Mapping[str, Any], processor: Any) -> list[str]:
        """Return the text, what follows it, and the choices; see [`InWords.texts_of`]."""
        return [*super().texts_of(example, processor), *(f"\N{BULLET} {choice}" for choice in example["choices"])]

    def in_words(
        self, answers: Sequence[Any], example: Mapping[str, Any], names: Sequence[str], processor: Any
    ) -> list[str]:
        """Return the choices themselves; see [`InWords.in_words`]."""
        return [example["choices"][int(answer)] for answer in answers]

    def head_options(self, names: Sequence[str]) -> dict[str, Any]:
        """Return nothing: how many choices there are is not a matter of the model."""
        return {}

    def score(
        self, answers: Sequence[np.ndarray], references: Sequence[np.ndarray], names: Sequence[str]
    ) -> dict[str, float]:
        """Return the accuracy: which choice is right is no class, so that no other score of classes means anything."""
        return {"accuracy": super().score(answers, references, names)["accuracy"]}

    def usage(self, name: str) -> str:
        """Return the Python lines that run what is called `model`; `name` is an expression of its folder or id."""
        return (
            f"tokenizer = AutoTokenizer.from_pretrained({name})\n"
            'text, choices = "She opened her umbrella because", ["it was raining.", "it was noon."]\n'
            'inputs = tokenizer([text] * len(choices), choices, padding=True, return_tensors="pt")\n'
            "logits = model(**{name: values.unsqueeze(0) for name, values in inputs.items()}).logits\n"
            "print(choices[logits.argmax()])\n"
        )


class _ChoicesCollator(DataCollatorForMultipleChoice):
    """Leaves the rows as they are, from which the base class takes the labels away."""

    def torch_call(self, examples: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        return super().torch_call([dict(example) for example in examples])


def _number(label: object, choices: Sequence[str], place: str) -> int | None:
    """Return the number of the choice that a label means."""
    if label in UNLABELLED:
        return None
    if isinstance(label, str):
        letters = [chr(ord("A") + number) for number in range(len(choices))]
        for known in (list(choices), letters, [str(number) for number in range(len(choices))]):
            if label in known:
                return known.index(label)
    elif isinstance(label, (int, float)) and label in range(len(choices)):
        return int(label)
    raise InputError(
        f"{place}: the label {label!r} is none of its {len(choices)} choices; give a number from 0, a letter from A, "
        "or the choice itself"
    )
