# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""A transfer set: rows without labels, apart from the labelled ones, on which the student learns from the teacher."""

from __future__ import annotations

from datasets import Dataset

from hf_distill.data.loading import load_data, sample_rows
from hf_distill.errors import InputError
from hf_distill.pipeline.sections import DatasetSection
from hf_distill.tasks import Task


def load_transfer(task: Task, section: DatasetSection) -> Dataset:
    """
    Return the rows of the recipe's transfer set under the task's column names, each with an empty label.

    Args:
        task ([`Task`]): The task.
        section ([`DatasetSection`]): The recipe's data set, which has a transfer set.

    Raises:
        InputError: If it cannot be loaded, or lacks a column.
    """
    transfer, label = section.transfer, task.label_column
    given = section.columns if transfer.columns is None else transfer.columns
    columns = {key: column for key, column in (given or {}).items() if key != label}
    try:
        loaded = load_data(
            transfer.path,
            transfer.name,
            {"train": transfer.data_files} if transfer.data_files else None,
            {"train": transfer.split},
            transfer.revision,
        )
        rows = loaded["train"]
        # Labels that it has are not looked at.
        rows = rows.remove_columns([label]) if label in rows.column_names else rows
        unlabelled = type(loaded)(train=rows.add_column(label, [None] * len(rows)))
        rows = type(task)(columns).select_columns(unlabelled)["train"]
    except InputError as error:
        raise InputError(str(error).replace("dataset.", "dataset.transfer.", 1)) from error
    return sample_rows(rows, transfer.max_samples, section.seed)
