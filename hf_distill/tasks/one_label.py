# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""What tasks have in common in which a row has one label of several classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from datasets import ClassLabel, Dataset, DatasetDict, Value

from hf_distill.features.units import IGNORED_LABEL
from hf_distill.metrics import compute_class_metrics, compute_classification_metrics
from hf_distill.tasks.base import Task
from hf_distill.tasks.labels import LabelEncoder, check_any_label, names_of


class OneLabelTask(Task):
    """One label for a row, in the column `label`; rows without a label learn from the teacher only."""

    label_column = "label"
    one_label = True
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

    @staticmethod
    def _labels_of(ids: Sequence[int | None]) -> list[int]:
        """Return what the models read: a row without a label has the ignored label -100."""
        return [IGNORED_LABEL if label is None else label for label in ids]

    def predictions(self, logits: torch.Tensor, batch: Mapping[str, torch.Tensor]) -> list[np.ndarray]:
        """Return the predicted label id of each row."""
        return list(logits.argmax(-1).cpu().numpy())

    def references(self, rows: Dataset) -> list[np.ndarray]:
        """Return the true label id of each row."""
        return list(np.asarray(rows["labels"]))

    def in_words(
        self, answers: Sequence[Any], example: Mapping[str, Any], names: Sequence[str], processor: Any
    ) -> list[str]:
        """Return the names of labels; see [`InWords.in_words`]."""
        return [names[int(answer)] for answer in answers]

    def labelled(self, rows: Dataset) -> Dataset:
        """Return the rows that have a label."""
        return rows.select(np.flatnonzero(np.asarray(rows["labels"]) != IGNORED_LABEL))

    def score(
        self, answers: Sequence[np.ndarray], references: Sequence[np.ndarray], names: Sequence[str]
    ) -> dict[str, float]:
        """Return accuracy, macro and weighted F1, and macro precision and recall."""
        return compute_classification_metrics(_ids(answers), _ids(references))

    def score_classes(
        self, answers: Sequence[np.ndarray], references: Sequence[np.ndarray], names: Sequence[str]
    ) -> dict[str, dict[str, float]]:
        """Return F1, precision, recall and support of each class; see [`Task.score_classes`]."""
        return compute_class_metrics(_ids(answers), _ids(references), names) if names else {}


def _ids(labels: Sequence[np.ndarray]) -> list[int]:
    return [int(np.ravel(label)[0]) for label in labels if np.size(label)]
