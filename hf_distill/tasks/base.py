# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""What a task is: how its data becomes features, what head it needs and how it is scored."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
import transformers
from datasets import Dataset, DatasetDict
from transformers import BatchEncoding, EvalPrediction, PretrainedConfig

from hf_distill.errors import InputError, nearest_name
from hf_distill.escaping import python_string
from hf_distill.features.heads import Head, head_of, read_logits
from hf_distill.tasks.in_words import InWords

Processor = Any
"""What makes a model's inputs of a row: a tokenizer, an image processor or a feature extractor."""

PADDING_MULTIPLE = 8
"""Batches are padded to a multiple of so many tokens: processors and GPUs then meet few shapes, and handy ones."""


CUT = "was_cut"
"""The column of encoded rows that says which were longer than may be; it is counted and dropped."""

EXAMPLE = "example"
"""The column of encoded rows with the number of the row of the data, where several of them may be of one."""


class Task(InWords, ABC):
    """
    One kind of problem that a model with a head solves.

    Args:
        columns (`Mapping[str, str]`, *optional*): Which column of the data set holds what the task calls by the key,
            where the names differ from the task's own; a list of columns where the task takes several.
        max_length (`int`, *optional*): Longest input in tokens; longer ones are cut. Defaults to what the model takes.

    Raises:
        InputError: If `columns` has a key that the task does not know.
    """

    name: ClassVar[str]
    """The name by which recipes call it; the Hub's own name for it, where there is one."""
    columns: ClassVar[tuple[str, ...]]
    """What the task reads."""
    many_columns: ClassVar[str | None] = None
    """Which of them may be spread over several columns of the data set."""
    optional_columns: ClassVar[tuple[str, ...]] = ()
    """What it reads where the data set has it."""
    label_column: ClassVar[str]
    """Which of the columns holds the labels."""
    auto_model: ClassVar[str]
    """Name of the `AutoModelFor...` class that has the head."""
    head: ClassVar[Head] = Head.CLASSES
    """What the logits of that class are."""
    pipeline_tag: ClassVar[str]
    """The Hub's name for it, and that of `transformers.pipeline`."""
    primary_metric: ClassVar[str]
    """The metric by which models are compared; higher is better, unless it is one of `LOWER_IS_BETTER`."""
    auto_processor: ClassVar[str] = "AutoTokenizer"
    """Name of the class that loads what makes a model's inputs."""
    processor_argument: ClassVar[str] = "tokenizer"
    """What `transformers.pipeline` calls that."""
    one_label: ClassVar[bool] = False
    """Whether each row has one label, which is the class that its logits are of."""
    has_pipeline: ClassVar[bool] = True
    """Whether `transformers.pipeline` runs its models."""
    scored_in_training: ClassVar[bool] = True
    """Whether `compute_metrics` can score a batch's logits alone."""
    collator_reads_columns: ClassVar[bool] = False
    """Whether the collator makes a model's inputs of columns that no model's forward names."""
    options: ClassVar[tuple[str, ...]] = ("max_length", "too_long")
    """The task's attributes that a recipe sets by the same names, of its sections `dataset` and `evaluation`."""
    draws_rows: ClassVar[bool] = False
    """Whether training rows are another draw in every epoch, of which nothing can be recorded beforehand."""
    across_tokenizers: ClassVar[bool] = False
    """Whether a row is the same row for a student and a teacher with different tokenizers."""
    needs_labels: ClassVar[bool] = True
    """Whether training rows without any label are a mistake."""
    default_objectives: ClassVar[tuple[str, ...] | None] = None
    """What the student learns where a recipe does not say; the trainer's own default by default."""
    pooling: str | None = None
    """What makes the vector of an input, where that is what the models are for: `"mean"` or `"first"`."""
    card_tags: ClassVar[tuple[str, ...]] = ()
    """What else a student's card is tagged with."""

    def __init__(self, columns: Mapping[str, str | list[str]] | None = None, max_length: int | None = None):
        known = self.columns + self.optional_columns
        for key, column in (columns or {}).items():
            if key not in known:
                raise InputError(f"dataset.columns: {self.name} has no column {key!r}{nearest_name(key, known)}")
            if not isinstance(column, str) and key != self.many_columns:
                raise InputError(f"dataset.columns.{key}: must be the name of a column; got {column!r}")
        self.column_names = {**{name: name for name in known}, **(columns or {})}
        self._named_by_user = set(columns or {})
        self.max_length = max_length

    @property
    def model_class(self) -> type:
        """The `AutoModelFor...` class that has the head."""
        return getattr(transformers, self.auto_model)

    def has_head(self, config: PretrainedConfig) -> bool:
        """Say whether a checkpoint of this configuration was saved with this task's head."""
        # Some architectures have several classes for a task, in a tuple.
        entries = self.model_class._model_mapping.values()
        classes = {kind.__name__ for entry in entries for kind in (entry if isinstance(entry, tuple) else [entry])}
        return bool(set(config.architectures or []) & classes) and head_of(config) == self.head

    def load_processor(self, name: str | Path) -> Processor:
        """Load what makes a model's inputs of a row, from a folder or the Hub."""
        return getattr(transformers, self.auto_processor).from_pretrained(name, trust_remote_code=False)

    def read_teacher(self, name: str | Path) -> None:
        """
        Take what the task must know of a teacher out of its files, in a folder or on the Hub.

        Raises:
            InputError: If the task cannot do with such a teacher.
        """

    def complete(self, folder: str | Path) -> None:
        """Write, beside a model and what makes its inputs, what else its readers look for in the folder."""

    @property
    def loss(self) -> Callable[[Mapping[str, Any], Mapping[str, torch.Tensor]], torch.Tensor] | None:
        """From a model's outputs and the batch to the task loss, where the models do not compute it themselves."""
        return None

    def processor_fields(self, config: PretrainedConfig, given: Mapping[str, Any], field: str) -> dict[str, Any]:
        """
        Return the fields of the file that a processor is loaded from, for a model that is made from a configuration.

        Args:
            config ([`~transformers.PretrainedConfig`]): The model's configuration.
            given (`Mapping[str, Any]`): Fields that the recipe says itself.
            field (`str`): The recipe's field that has them, for the message.

        Raises:
            InputError: If the task's inputs are not made of a few numbers, or one of these is missing.
        """
        raise InputError(
            f"teacher.config: {self.name} needs a {self.processor_argument}, which a configuration does not have; "
            "name a checkpoint with teacher.model"
        )

    def check_inputs(self, config: PretrainedConfig, processor: Processor, field: str) -> None:
        """
        Check that a model made from a configuration can read what the processor makes.

        Args:
            config ([`~transformers.PretrainedConfig`]): The configuration.
            processor (`Processor`): What makes the inputs.
            field (`str`): The recipe's field that has the configuration, for the message.

        Raises:
            InputError: If it cannot.
        """

    def input_facts(self, processor: Processor) -> list[Any]:
        """Return what inputs depend on beside the encoded rows; nothing where rows are the inputs."""
        return []

    @property
    def imports(self) -> str:
        """What `usage` imports from transformers."""
        return f"{self.auto_processor}, pipeline" if self.has_pipeline else self.auto_processor

    def usage(self, name: str) -> str:
        """Return the Python lines that run what is called `model`; `name` is an expression of its folder or id."""
        kind = self.processor_argument
        return (
            f"{kind} = {self.auto_processor}.from_pretrained({name})\n"
            f'predict = pipeline("{self.pipeline_tag}", model=model, {kind}={kind})\n'
        )

    def loading_code(self, name: str) -> str:
        """Return the Python lines that load a checkpoint and run it; `name` is its folder or id."""
        quoted = python_string(name)
        if self.has_pipeline:
            return f'from transformers import pipeline\n\npredict = pipeline("{self.pipeline_tag}", model={quoted})\n'
        return (
            f"from transformers import {self.auto_model}, {self.imports}\n\n"
            f"model = {self.auto_model}.from_pretrained({quoted})\n"
        ) + self.usage(quoted)

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
        return result

    def unusable(self, rows: Dataset) -> dict[int, str]:
        """
        Return the rows that cannot be read, each with the reason.

        Args:
            rows (`Dataset`): Rows under the task's column names.

        Returns:
            `dict[int, str]`: Here, the rows whose text, or list of texts, is missing or empty.
        """
        found = {}
        for key in rows.column_names:
            if key != self.label_column:
                for row, value in enumerate(rows[key]):
                    if value is None or (isinstance(value, (str, list)) and not _says_something(value)):
                        found.setdefault(row, f"the column {self.column_names[key]!r} is empty")
        return dict(sorted(found.items()))

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
    def encode_inputs(self, rows: Dataset, processor: Processor) -> Dataset:
        """Turn rows into encoded ones: the columns that models and collator read, `labels` among them."""

    def evaluation_rows(self, rows: Dataset, processor: Processor) -> Dataset:
        """Return encoded rows as models are measured on them: where rows are drawn, one draw for all models."""
        return rows

    @abstractmethod
    def collator(self, processor: Processor) -> Any:
        """
        Return what makes a batch of tensors from encoded rows.

        One that is a [`~transformers.TrainerCallback`] too is told of the training that it makes batches for.
        """

    def lengths(self, rows: Dataset) -> np.ndarray:
        """Return how long each encoded row is, `(rows,)`: rows of like length make a batch with little padding."""
        return np.array([len(ids) for ids in rows["input_ids"]])

    def read(self, outputs: Mapping[str, Any], batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Return what `predictions` wants of a model's outputs: the logits."""
        return read_logits(outputs)

    @abstractmethod
    def predictions(self, logits: torch.Tensor, batch: Mapping[str, torch.Tensor]) -> list[Any]:
        """
        Return what is predicted for each row of a batch.

        Of classes, the predicted label ids at the places that count: `()` or `(places,)`.
        """

    def answers(self, predictions: Sequence[Any], rows: Dataset) -> list[Any]:
        """
        Return what is predicted for each example, where several encoded rows may be of one.

        Args:
            predictions (`Sequence`): What `predictions` returned for each encoded row, in order.
            rows (`Dataset`): The encoded rows.
        """
        return list(predictions)

    @abstractmethod
    def score(self, answers: Sequence[Any], references: Sequence[Any], names: Sequence[str]) -> dict[str, float]:
        """
        Compare what was predicted with what is right.

        Args:
            answers (`Sequence`): What `answers` returned.
            references (`Sequence`): What `references` returned.
            names (`Sequence[str]`): The label names by id.

        Returns:
            `dict[str, float]`: Metrics by name, `primary_metric` among them.
        """

    def score_classes(
        self, answers: Sequence[Any], references: Sequence[Any], names: Sequence[str]
    ) -> dict[str, dict[str, float]]:
        """
        Compare what was predicted with what is right, class by class; see [`Task.score`].

        Returns:
            `dict[str, dict[str, float]]`: `f1`, `precision`, `recall` and `support` (how many there are) of each
            class, by its name; here none, as where there are no classes.
        """
        return {}

    @abstractmethod
    def references(self, rows: Dataset) -> list[Any]:
        """Return what is right for each example of encoded rows, in the form of `answers`."""

    def agreement(self, one: Sequence[Any], other: Sequence[Any]) -> float:
        """Return the share of places where two models predict the same, from what `answers` returned for each."""
        same = sum(int(np.sum(a == b)) for a, b in zip(one, other))
        return same / max(sum(int(np.size(a)) for a in one), 1)

    @abstractmethod
    def labelled(self, rows: Dataset) -> Dataset:
        """Return the encoded rows that have a label."""

    def supervised(self, rows: Dataset) -> Dataset:
        """Return what a model learns from without a teacher: of encoded training rows those that have a label."""
        return self.labelled(rows)

    def head_options(self, names: Sequence[str]) -> dict[str, Any]:
        """Return what a model's configuration must say of the labels."""
        return {
            "num_labels": len(names),
            "id2label": dict(enumerate(names)),
            "label2id": {name: label for label, name in enumerate(names)},
        }

    def compute_metrics(self, prediction: EvalPrediction, names: Sequence[str]) -> dict[str, float]:
        """Score what [`~transformers.Trainer`] gathered in an evaluation during training: logits of classes."""
        logits = prediction.predictions[0] if isinstance(prediction.predictions, tuple) else prediction.predictions
        labels = prediction.label_ids
        chosen = logits.argmax(-1)
        rows = range(len(labels))
        keep = [labels[row] != -100 for row in rows]
        return self.score([chosen[row][keep[row]] for row in rows], [labels[row][keep[row]] for row in rows], names)


def was_cut(encoded: BatchEncoding) -> list[bool]:
    """Say of each text whether it was longer than may be; slow tokenizers do not tell."""
    return [bool(entry.overflowing) for entry in encoded.encodings or ()] or [False] * len(encoded["input_ids"])


def _says_something(value: str | list) -> bool:
    return bool(value.strip()) if isinstance(value, str) else bool(value)
