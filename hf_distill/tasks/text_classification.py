# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Classification of a text, or of a pair of texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from datasets import ClassLabel, Dataset, DatasetDict, Value
from transformers import DataCollatorWithPadding

from hf_distill.features.units import IGNORED_LABEL
from hf_distill.metrics import compute_classification_metrics
from hf_distill.tasks.base import CUT, PADDING_MULTIPLE, Processor, Task, was_cut
from hf_distill.tasks.labels import LabelEncoder, check_any_label, names_of


class TextClassification(Task):
    """One label for a text, or for two texts together; rows without a label learn from the teacher only."""

    name = "text-classification"
    columns = ("text", "label")
    optional_columns = ("text_pair",)
    label_column = "label"
    one_label = True
    auto_model = "AutoModelForSequenceClassification"
    pipeline_tag = "text-classification"
    primary_metric = "accuracy"

    def label_names(self, data: DatasetDict) -> list[str]:
        """Return the names of the labels, in the data set's own order."""
        rows = data["train"]
        feature = rows.features["label"]
        names = names_of(feature, () if isinstance(feature, ClassLabel) else rows.unique("label"))
        check_any_label(names, data, self.column_names["label"])
        return names

    def encode_labels(self, data: DatasetDict, names: Sequence[str], order: Sequence[int]) -> DatasetDict:
        """Turn labels into ids; see [`Task.encode_labels`]."""
        encode = LabelEncoder(names, order)
        result = DatasetDict()
        for split, rows in data.items():
            ids = [encode(value, f"dataset, split {split!r}, row {row}") for row, value in enumerate(rows["label"])]
            result[split] = rows.remove_columns("label").add_column("label", ids, feature=Value("int64"))
        return result

    def encode_inputs(self, rows: Dataset, processor: Processor) -> Dataset:
        """Turn texts into token ids; a row without a label has the ignored label -100."""

        def tokenize_batch(batch: dict[str, list]) -> dict[str, list]:
            texts = [batch["text"], batch["text_pair"]] if "text_pair" in batch else [batch["text"]]
            encoded = processor(*texts, truncation=True, max_length=self.max_length)
            encoded[CUT] = was_cut(encoded)
            encoded["labels"] = [IGNORED_LABEL if label is None else label for label in batch["label"]]
            return encoded

        return rows.map(tokenize_batch, batched=True, remove_columns=rows.column_names, desc="Tokenizing")

    def collator(self, processor: Processor) -> Any:
        """Return a collator that pads to the longest text of the batch."""
        return DataCollatorWithPadding(processor, pad_to_multiple_of=PADDING_MULTIPLE)

    def predictions(self, logits: torch.Tensor, batch: Mapping[str, torch.Tensor]) -> list[np.ndarray]:
        """Return the predicted label id of each row."""
        return list(logits.argmax(-1).cpu().numpy())

    def references(self, rows: Dataset) -> list[np.ndarray]:
        """Return the true label id of each row."""
        return list(np.asarray(rows["labels"]))

    def labelled(self, rows: Dataset) -> Dataset:
        """Return the rows that have a label."""
        return rows.select(np.flatnonzero(np.asarray(rows["labels"]) != IGNORED_LABEL))

    def score(
        self, answers: Sequence[np.ndarray], references: Sequence[np.ndarray], names: Sequence[str]
    ) -> dict[str, float]:
        """Return accuracy, macro and weighted F1, and macro precision and recall."""
        return compute_classification_metrics(
            [int(np.ravel(label)[0]) for label in answers if np.size(label)],
            [int(np.ravel(label)[0]) for label in references if np.size(label)],
        )
