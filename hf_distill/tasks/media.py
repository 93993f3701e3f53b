# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""What tasks have in common that classify images or sounds: files in rows, of which the collator makes inputs."""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from datasets import Dataset, DatasetDict, Features, Value
from transformers import PretrainedConfig

from hf_distill.errors import InputError
from hf_distill.tasks.base import Processor
from hf_distill.tasks.one_label import OneLabelTask

logger = logging.getLogger(__name__)

PLACE = "place"
"""The column that says which row of the data set a row is, whatever is drawn of them."""


class UnreadableError(ValueError):
    """A file that is empty, damaged or of no known format; the message says which of these."""


class MediaClassification(OneLabelTask):
    """
    One label for a file, which is an image or a sound; rows without a label learn from the teacher only.

    Encoded rows hold the files as they are, a small part of the size of what models read, which the collator makes of
    them batch by batch.
    """

    collator_reads_columns = True
    options = ("on_error",)
    on_error = "refuse"
    medium: ClassVar[str]
    """What a file is, in a word for messages; also the task's column that holds them."""
    feature: ClassVar[Callable[..., Any]]
    """The type of such a column in `datasets`."""

    def select_columns(self, data: DatasetDict) -> DatasetDict:
        """Keep the columns that the task reads, files as they are; see [`Task.select_columns`]."""
        column = self.column_names[self.medium]
        plain = DatasetDict()
        for split, rows in data.items():
            if isinstance(rows.features.get(column), self.feature):
                rows = rows.cast_column(column, self.feature(decode=False))
            plain[split] = rows
        selected = super().select_columns(plain)
        return DatasetDict(
            {
                split: rows.add_column(PLACE, [f"split {split!r}, row {row}" for row in range(len(rows))])
                for split, rows in selected.items()
            }
        )

    def unusable(self, rows: Dataset) -> dict[int, str]:
        """Return none: `encode_inputs` opens the files of those rows that are used."""
        return {}

    def encode_inputs(self, rows: Dataset, processor: Processor) -> Dataset:
        """Turn rows into files and label ids; see [`Task.encode_inputs`]."""
        medium, problem_of = self.medium, self._problem_of

        def read_batch(batch: dict[str, list]) -> dict[str, list]:
            files = [file_of(value) for value in batch[medium]]
            problems = [problem_of(file) for file in files]
            return {medium: files, "labels": self._labels_of(batch["label"]), "problem": problems, PLACE: batch[PLACE]}

        types = {medium: Value("binary"), "labels": Value("int64"), "problem": Value("string"), PLACE: Value("string")}
        read = rows.map(
            read_batch,
            batched=True,
            batch_size=100,
            remove_columns=rows.column_names,
            features=Features(types),
            desc=f"Reading {medium} files",
        )
        problems = read["problem"][:]
        wrong = [row for row, problem in enumerate(problems) if problem is not None]
        if wrong:
            self._tell(problems[wrong[0]], read[wrong[0]][PLACE], len(wrong), len(read))
            read = read.select([row for row, problem in enumerate(problems) if problem is None])
        return read.remove_columns(["problem", PLACE])

    def _problem_of(self, file: bytes | None) -> str | None:
        """Say what is wrong with a file, if something is."""
        if not file:
            return "is empty"
        try:
            self.decode(file)
        except UnreadableError as error:
            return str(error)
        return None

    def _tell(self, problem: str, place: str, number: int, rows: int) -> None:
        """Refuse rows whose files cannot be read, or say that they are left out."""
        others = f" (and {number - 1} more of {rows} rows)" if number > 1 else ""
        message = f"dataset, {place}: the {self.medium} {problem}{others}"
        if self.on_error == "refuse":
            raise InputError(f"{message}; mend it, or leave such rows out with dataset.on_error: skip")
        logger.warning("%s; left out, as dataset.on_error says", message)

    @abstractmethod
    def decode(self, file: bytes) -> Any:
        """
        Return what the processor reads of a file.

        Raises:
            UnreadableError: If the file is damaged or of no known format.
        """

    @abstractmethod
    def inputs_of(self, decoded: list[Any], processor: Processor) -> Mapping[str, torch.Tensor]:
        """Return what models read of decoded files."""

    def collator(self, processor: Processor) -> Any:
        """Return a collator that decodes files and makes inputs of one size of them."""
        return MediaCollator(self, processor)

    def texts_of(self, example: Mapping[str, Any], processor: Any) -> list[str]:
        """Return where the file is in the data set; see [`InWords.texts_of`]."""
        return [example[PLACE]] if PLACE in example else []

    def lengths(self, rows: Dataset) -> np.ndarray:
        """Return zeros: inputs all have one size."""
        return np.zeros(len(rows), np.int64)

    def input_facts(self, processor: Processor) -> list[Any]:
        """Return what inputs depend on beside the files."""
        return [processor.to_dict()]

    @abstractmethod
    def processor_fields(self, config: PretrainedConfig, given: Mapping[str, Any], field: str) -> dict[str, Any]:
        """Return what makes inputs for a fresh model; see [`Task.processor_fields`]."""


class MediaCollator:
    """
    Makes a batch of files.

    Args:
        task ([`MediaClassification`]): The task, which knows how they are decoded.
        processor (`Processor`): What makes inputs of them.
    """

    def __init__(self, task: MediaClassification, processor: Processor):
        self._task, self._processor = task, processor

    def __call__(self, rows: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        """Return the inputs of models, and labels where rows have them."""
        decoded = [self._task.decode(row[self._task.medium]) for row in rows]
        batch = dict(self._task.inputs_of(decoded, self._processor))
        if "labels" in rows[0]:
            batch["labels"] = torch.tensor([row["labels"] for row in rows])
        return batch


def file_of(value: Any) -> bytes | None:
    """Return the bytes of a file that a row has: in it, or as a path."""
    path = value
    if isinstance(value, Mapping):
        if value.get("bytes") is not None:
            return value["bytes"]
        path = value.get("path")
    if path is None or isinstance(path, bytes):
        return path
    return Path(path).read_bytes() if Path(path).is_file() else None
