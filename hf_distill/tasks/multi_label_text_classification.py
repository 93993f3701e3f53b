# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Classification of a text, or of a pair of texts, where any number of labels is right."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from datasets import ClassLabel, Dataset, DatasetDict, List, Value
from transformers import EvalPrediction, PretrainedConfig

from hf_distill.errors import InputError
from hf_distill.features.heads import Head
from hf_distill.features.units import IGNORED_LABEL
from hf_distill.metrics import compute_class_metrics, compute_multi_label_metrics
from hf_distill.tasks.labels import LabelEncoder, check_any_label, names_of
from hf_distill.tasks.spread import SpreadColumnTask
from hf_distill.tasks.text_classification import TextClassification


class MultiLabelTextClassification(SpreadColumnTask, TextClassification):
    """
    Any number of labels for a text, or for two texts together; rows without a list of labels learn from the teacher
    only, and an empty list says that no label is right.

    The labels are a list of names or ids in each row, or a column of 0 and 1 for each label: then `columns` has the
    list of these columns for `labels`.
    """

    name = "multi-label-text-classification"
    columns = ("text", "labels")
    label_column = many_columns = "labels"
    head = Head.LABELS
    primary_metric = "f1_micro"

    def has_head(self, config: PretrainedConfig) -> bool:
        """Say whether a checkpoint has such a head; one that does not say what its logits are may have it."""
        unsaid = copy.copy(config)
        unsaid.problem_type = unsaid.problem_type or "multi_label_classification"
        return super().has_head(unsaid)

    def gather(self, split: str, columns: Mapping[str, list]) -> tuple[list, Any]:
        """Return, for each row, the numbers of the columns that hold 1; see [`SpreadColumnTask.gather`]."""
        gathered = []
        for row, values in enumerate(zip(*columns.values())):
            wrong = next((value for value in values if value not in (0, 1, None)), None)
            if wrong is not None:
                place = f"dataset, split {split!r}, row {row}"
                raise InputError(f"{place}: a column of labels holds {wrong!r}; need 0 or 1")
            gathered.append(None if None in values else [place for place, value in enumerate(values) if value])
        return gathered, List(ClassLabel(names=list(columns)))

    def label_names(self, data: DatasetDict) -> list[str]:
        """Return the names of the labels, in the data set's own order."""
        rows = data["train"]
        feature = getattr(rows.features["labels"], "feature", None)
        if feature is None:
            raise InputError(
                f"dataset.columns.labels: {self.column_names['labels']!r} must hold a list of labels for each row, or "
                "be a list of columns with 0 and 1"
            )
        values = () if isinstance(feature, ClassLabel) else {name for row in rows["labels"] for name in row or ()}
        names = names_of(feature, values)
        check_any_label(names, data, self.column_names["labels"])
        return names

    def encode_labels(self, data: DatasetDict, names: Sequence[str], order: Sequence[int]) -> DatasetDict:
        """Turn lists of labels into 1 and 0 for each label; see [`Task.encode_labels`]."""
        encode, result, self._number = LabelEncoder(names, order), DatasetDict(), len(names)
        for split, rows in data.items():
            encoded = []
            for row, labels in enumerate(rows["labels"]):
                place = f"dataset, split {split!r}, row {row}"
                ids = {encode(label, place) for label in labels or ()}
                encoded.append(None if labels is None else [float(label in ids) for label in range(len(names))])
            feature = List(Value("float32"))
            result[split] = rows.remove_columns("labels").add_column("labels", encoded, feature=feature)
        return result

    def encode_inputs(self, rows: Dataset, processor: Any) -> Dataset:
        """Turn texts into token ids; a row without labels has the ignored label -100 everywhere."""
        unknown = [float(IGNORED_LABEL)] * self._number
        filled = [unknown if labels is None else labels for labels in rows["labels"]]
        feature = List(Value("float32"))
        rows = rows.remove_columns("labels").add_column("label", filled, feature=feature)
        return super().encode_inputs(rows, processor).cast_column("labels", feature)

    def predictions(self, logits: torch.Tensor, batch: Mapping[str, torch.Tensor]) -> list[np.ndarray]:
        """Return, for each row, 1 for each label that is more likely than not, else 0."""
        return list((logits > 0).int().cpu().numpy())

    def references(self, rows: Dataset) -> list[np.ndarray]:
        """Return, for each row, 1 for each label that is right, else 0."""
        return list(np.asarray(rows["labels"]).astype(int))

    def in_words(
        self, answers: Sequence[Any], example: Mapping[str, Any], names: Sequence[str], processor: Any
    ) -> list[str]:
        """Return the names of the labels that hold; see [`InWords.in_words`]."""
        return [", ".join(name for name, holds in zip(names, row) if holds) or "no label" for row in answers]

    def labelled(self, rows: Dataset) -> Dataset:
        """Return the rows that have a list of labels."""
        return rows.select([row for row, labels in enumerate(rows["labels"]) if IGNORED_LABEL not in labels])

    def head_options(self, names: Sequence[str]) -> dict[str, Any]:
        """Return what a model's configuration must say of the labels."""
        return {**super().head_options(names), "problem_type": "multi_label_classification"}

    def score(
        self, answers: Sequence[np.ndarray], references: Sequence[np.ndarray], names: Sequence[str]
    ) -> dict[str, float]:
        """Return micro and macro F1, micro precision and recall, and the accuracy of whole rows."""
        return compute_multi_label_metrics(answers, references)

    def score_classes(
        self, answers: Sequence[np.ndarray], references: Sequence[np.ndarray], names: Sequence[str]
    ) -> dict[str, dict[str, float]]:
        """Return F1, precision, recall and support of each label; see [`Task.score_classes`]."""
        return compute_class_metrics(answers, references, names)

    def compute_metrics(self, prediction: EvalPrediction, names: Sequence[str]) -> dict[str, float]:
        """Score what [`~transformers.Trainer`] gathered in an evaluation during training."""
        logits = prediction.predictions[0] if isinstance(prediction.predictions, tuple) else prediction.predictions
        return self.score(logits > 0, prediction.label_ids, names)
