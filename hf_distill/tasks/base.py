# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""What a task is: how its data becomes features, what head it needs and how it is scored."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
import transformers
from datasets import Dataset, DatasetDict
from transformers import EvalPrediction, PretrainedConfig, PreTrainedTokenizerBase

from hf_distill.errors import InputError, nearest_name

PADDING_MULTIPLE = 8
"""Batches are padded to a multiple of so many tokens: processors and GPUs then meet few shapes, and handy ones."""


class Task(ABC):
    """
    One kind of problem that a model with a head solves.

    Args:
        columns (`Mapping[str, str]`, *optional*): Which column of the data set holds what the task calls by the key,
            where the names differ from the task's own.
        max_length (`int`, *optional*): Longest input in tokens; longer ones are cut. Defaults to what the model takes.

    Raises:
        InputError: If `columns` has a key that the task does not know.
    """

    name: ClassVar[str]
    """The name by which recipes call it; the Hub's own name for it, where there is one."""
    columns: ClassVar[tuple[str, ...]]
    """What the task reads."""
    optional_columns: ClassVar[tuple[str, ...]] = ()
    """What it reads where the data set has it."""
    label_column: ClassVar[str]
    """Which of the columns holds the labels."""
    auto_model: ClassVar[str]
    """Name of the `AutoModelFor...` class that has the head."""
    pipeline_tag: ClassVar[str]
    """The Hub's name for it, and that of `transformers.pipeline`."""
    primary_metric: ClassVar[str]
    """The metric by which models are compared; higher is better."""

    def __init__(self, columns: Mapping[str, str] | None = None, max_length: int | None = None):
        known = self.columns + self.optional_columns
        for key in columns or {}:
            if key not in known:
                raise InputError(f"dataset.columns: {self.name} has no column {key!r}{nearest_name(key, known)}")
        self.column_names = {**{name: name for name in known}, **(columns or {})}
        self._named_by_user = set(columns or {})
        self.max_length = max_length

    @property
    def model_class(self) -> type:
        """The `AutoModelFor...` class that has the head."""
        return getattr(transformers, self.auto_model)

    def has_head(self, config: PretrainedConfig) -> bool:
        """Say whether a checkpoint of this configuration was saved with this task's head."""
        heads = {model_class.__name__ for model_class in self.model_class._model_mapping.values()}
        return bool(set(config.architectures or []) & heads)

    def select_columns(self, data: DatasetDict) -> DatasetDict:
        """
        Keep the columns that the task reads, under the task's own names.

        Raises:
            InputError: If a column is missing.
        """
        result = DatasetDict()
        for split, rows in data.items():
            chosen = {}
            for key, column in self.column_names.items():
                if column in rows.column_names:
                    chosen[column] = key
                elif key in self.columns or key in self._named_by_user:
                    raise InputError(
                        f"dataset.columns.{key}: the split {split!r} has no column {column!r}"
                        f"{nearest_name(column, rows.column_names)}"
                    )
            result[split] = rows.select_columns(list(chosen)).rename_columns(
                {column: key for column, key in chosen.items() if column != key}
            )
            self._check_filled(split, result[split])
        return result

    def _check_filled(self, split: str, rows: Dataset) -> None:
        for key in set(rows.column_names) - {self.label_column}:
            empty = next((row for row, value in enumerate(rows[key]) if value is None), None)
            if empty is not None:
                column = self.column_names[key]
                raise InputError(
                    f"dataset.columns.{key}: the column {column!r} is empty in split {split!r}, row {empty}; "
                    "fill it or leave the row out"
                )

    @abstractmethod
    def label_names(self, data: DatasetDict) -> list[str]:
        """Return the names of the labels, in the data set's own order."""

    @abstractmethod
    def encode_labels(self, data: DatasetDict, names: Sequence[str], order: Sequence[int]) -> DatasetDict:
        """
        Turn labels into the ids that the models use; what has no label becomes `None`.

        Args:
            data (`DatasetDict`): The data with the task's own column names.
            names (`Sequence[str]`): What `label_names` returned.
            order (`Sequence[int]`): The id of each name.

        Raises:
            InputError: If a label is outside the names.
        """

    @abstractmethod
    def tokenize(self, rows: Dataset, tokenizer: PreTrainedTokenizerBase) -> Dataset:
        """Turn rows into the columns that models and collator read, `labels` among them."""

    @abstractmethod
    def collator(self, tokenizer: PreTrainedTokenizerBase) -> Any:
        """Return what makes a batch of tensors from tokenized rows."""

    @abstractmethod
    def predictions(self, logits: torch.Tensor, batch: Mapping[str, torch.Tensor]) -> list[np.ndarray]:
        """Return, for each row, the predicted label ids at the places that count: `()` or `(places,)`."""

    @abstractmethod
    def score(
        self, predictions: Sequence[np.ndarray], references: Sequence[np.ndarray], names: Sequence[str]
    ) -> dict[str, float]:
        """
        Compare predictions with labels, both as `predictions` returns them.

        Args:
            predictions (`Sequence[np.ndarray]`): Predicted label ids of each row.
            references (`Sequence[np.ndarray]`): True label ids of each row.
            names (`Sequence[str]`): The label names by id.

        Returns:
            `dict[str, float]`: Metrics by name, `primary_metric` among them.
        """

    @abstractmethod
    def references(self, rows: Dataset) -> list[np.ndarray]:
        """Return the true label ids of tokenized rows, as `predictions` returns the predicted ones."""

    @abstractmethod
    def labelled(self, rows: Dataset) -> Dataset:
        """Return the tokenized rows that have a label."""

    def head_options(self, names: Sequence[str]) -> dict[str, Any]:
        """Return what a model's configuration must say of the labels."""
        return {
            "num_labels": len(names),
            "id2label": dict(enumerate(names)),
            "label2id": {name: label for label, name in enumerate(names)},
        }

    def compute_metrics(self, prediction: EvalPrediction, names: Sequence[str]) -> dict[str, float]:
        """Score what [`~transformers.Trainer`] gathered in an evaluation during training."""
        logits = prediction.predictions[0] if isinstance(prediction.predictions, tuple) else prediction.predictions
        labels = prediction.label_ids
        chosen = logits.argmax(-1)
        rows = range(len(labels))
        keep = [labels[row] != -100 for row in rows]
        return self.score([chosen[row][keep[row]] for row in rows], [labels[row][keep[row]] for row in rows], names)
