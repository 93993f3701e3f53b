# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""From a recipe's data set to encoded splits whose labels are the models' own."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from datasets import Dataset, DatasetDict, concatenate_datasets
from transformers import PretrainedConfig

from hf_distill.data.loading import keep_labels_per_class, load_data, sample_rows
from hf_distill.data.two_tokenizers import TwoTokenizers
from hf_distill.errors import InputError
from hf_distill.knowledge.labels import are_generic, label_names, match_labels
from hf_distill.pipeline.examples import examples_of, number_rows, without_numbers
from hf_distill.pipeline.recipe import DatasetSection, EvaluationSection, Recipe
from hf_distill.pipeline.transfer import load_transfer
from hf_distill.pipeline.unusable import Counts, count_left_out, leave_out_unusable, settle_cut, whole_rows
from hf_distill.tasks import Task, find_task
from hf_distill.tasks.base import CUT, Processor


@dataclass
class TaskData:
    """
    The data of a run.

    Args:
        task ([`Task`]): The task.
        names (`list[str]`): Label names, by the id that the models use; none where the task has no classes.
        train (`Dataset`): Encoded training rows, those without a label included.
        labelled (`Dataset`): What a model learns from without a teacher: the training rows with a label.
        evaluation (`Dataset`): Encoded rows that the models are measured on.
        examples (`Dataset`): The same as people read them: the row of the data that each answer is about.
        evaluation_split (`str`): Which split those are.
        validation (`Dataset`, *optional*): Encoded rows for evaluation during training.
        counts (`dict`): How many rows of each split were left out or cut, if any were.
        fingerprint (`str`): Fingerprint of all of it.
        processor (`Processor`): What makes a model's inputs: of all models, or of the student and the baseline.
        others (`dict[str, TaskData]`, *optional*): The same rows as the `"teacher"` reads them, and for `"both"`,
            where teacher and student have different tokenizers.
    """

    task: Task
    names: list[str]
    train: Dataset
    labelled: Dataset
    evaluation: Dataset
    examples: Dataset
    evaluation_split: str
    validation: Dataset | None
    counts: Counts
    fingerprint: list[str]
    processor: Processor
    others: dict[str, TaskData] = field(default_factory=dict, repr=False)


def load_raw(recipe: Recipe) -> tuple[Task, DatasetDict, list[str]]:
    """Load the data set and return the task, the rows under the task's column names, and the label names."""
    section = recipe.dataset
    task = find_task(recipe.task)(section.columns)
    for option in task.options:
        setattr(task, option, getattr(section if hasattr(section, option) else recipe.evaluation, option))
    data = task.select_columns(
        load_data(section.path, section.name, section.data_files, section.splits, section.revision)
    )
    evaluation_split(recipe.evaluation, data)
    return task, data, task.label_names(data)


def evaluation_split(section: EvaluationSection, data: DatasetDict) -> str:
    """
    Return the split that models are measured on.

    Raises:
        InputError: If the data set has no split to measure on.
    """
    split = section.split or next((name for name in ("test", "validation") if name in data), None)
    if split is None or split not in data:
        wanted = split or "test or validation"
        raise InputError(f"evaluation.split: the data set has no split {wanted}; it has {', '.join(data)}")
    return split


def settle_labels(names: Sequence[str], teacher: PretrainedConfig | None) -> tuple[list[str], list[int]]:
    """
    Give every label of the data set the id that the teacher has for it.

    Args:
        names (`Sequence[str]`): The data set's label names.
        teacher ([`~transformers.PretrainedConfig`], *optional*): Configuration of a teacher that already has a head.

    Returns:
        `tuple`: The label names by the models' id, and the id of each of the data set's labels.

    Raises:
        InputError: If the names cannot be matched.
    """
    if teacher is None or not names:
        return list(names), list(range(len(names)))
    given = label_names(teacher)
    order = match_labels(names, given, "the data set", "the teacher")
    by_id = list(names)
    if not are_generic(given):
        by_id = given
    return by_id, order


def prepare_data(
    recipe: Recipe,
    task: Task,
    data: DatasetDict,
    names: Sequence[str],
    order: Sequence[int],
    by_id: list[str],
    processor: Processor,
) -> TaskData:
    """
    Draw the rows that the recipe asks for, and encode their labels and inputs.

    Args:
        recipe ([`Recipe`]): The recipe.
        task ([`Task`]): Its task.
        data (`DatasetDict`): Rows under the task's column names.
        names (`Sequence[str]`): The data set's label names.
        order (`Sequence[int]`): The models' id of each of them.
        by_id (`list[str]`): The label names by the models' id.
        processor (`Processor`): What makes the inputs of teacher and student; [`TwoTokenizers`] if they have one each.

    Raises:
        InputError: If a label is wrong, or if no row for training or measuring has one.
    """
    split = evaluation_split(recipe.evaluation, data)
    section = recipe.dataset
    if section.transfer is not None:
        data = DatasetDict({**data, "transfer": load_transfer(task, section)})
    # In this order: the training rows settle what is the same for all.
    used = [name for name in dict.fromkeys(("train", "transfer", "validation", split)) if name in data]
    data, counts = leave_out_unusable(task, DatasetDict({name: data[name] for name in used}), section)
    data["train"] = sample_rows(data["train"], section.max_train_samples, section.seed)
    data[split] = sample_rows(data[split], recipe.evaluation.max_samples, section.seed)
    data = task.encode_labels(data, names, order)
    if section.labels_per_class is not None:
        if not names:
            raise InputError(f"dataset.labels_per_class: {task.name} has no classes; leave it out")
        data["train"] = _hide_labels(task, data["train"], section)
    encoded = {name: task.encode_inputs(rows, processor) for name, rows in data.items()}
    encoded[split] = number_rows(task, encoded[split], data[split])
    if task.collator_reads_columns:
        count_left_out(data, encoded, counts)
    kept = settle_cut(task, encoded, section, counts)
    task_data = partial(_task_data, task, split, data[split], by_id, counts)
    if not isinstance(processor, TwoTokenizers):
        return task_data(kept, processor)
    of_teacher = _read_by_teacher(task, data, encoded, section, processor)
    own = {name: processor.for_student(rows) for name, rows in kept.items()}
    others = {"both": task_data(kept, processor), "teacher": task_data(of_teacher, processor.teacher)}
    result = task_data(own, processor.student)
    # What a stage makes depends on all of it, whoever reads.
    fingerprint = [*others["both"].fingerprint, *others["teacher"].fingerprint]
    for reader in (result, *others.values()):
        reader.fingerprint, reader.others = fingerprint, others
    return result


def _read_by_teacher(
    task: Task, data: DatasetDict, encoded: dict[str, Dataset], section: DatasetSection, processor: TwoTokenizers
) -> dict[str, Dataset]:
    """Encode, of the rows that the student's tokenizer was not too long for, what the teacher reads."""
    result = {}
    for split, rows in data.items():
        rows = task.encode_inputs(rows, processor.teacher)
        if CUT in rows.column_names:
            rows = rows.remove_columns(CUT)
            rows = rows.select(whole_rows(encoded[split])) if section.too_long == "skip" else rows
        result[split] = rows
    return result


def _task_data(
    task: Task,
    split: str,
    rows: Dataset,
    names: list[str],
    counts: Counts,
    encoded: dict[str, Dataset],
    processor: Processor,
) -> TaskData:
    """Return the data of a run from encoded splits, of which `split` is to be measured on, as encoded from `rows`."""
    encoded = dict(encoded)
    if "transfer" in encoded:
        encoded["train"] = concatenate_datasets([encoded["train"], encoded.pop("transfer")])
    encoded |= {name: task.evaluation_rows(rows, processor) for name, rows in encoded.items() if name != "train"}
    examples = examples_of(task.labelled(encoded[split]), rows)
    encoded = {name: without_numbers(rows) for name, rows in encoded.items()}
    labelled, measured = task.supervised(encoded["train"]), task.labelled(encoded[split])
    for role, rows in (("train", labelled), (split, measured)):
        if len(rows) == 0 and (task.needs_labels or rows is measured):
            raise InputError(f"dataset: the split {role!r} has no row with a label; it needs some")
    return TaskData(
        task=task,
        names=names,
        train=encoded["train"],
        labelled=labelled,
        evaluation=measured,
        examples=examples,
        evaluation_split=split,
        validation=encoded.get("validation"),
        counts=counts,
        fingerprint=[
            names,
            *(_content_fingerprint(rows) for rows in (encoded["train"], measured)),
            *task.input_facts(processor),
        ],
        processor=processor,
    )


def _content_fingerprint(rows: Dataset) -> str:
    """Return a hash of the rows themselves; the library's own fingerprint changes with the path of a cache file."""
    digest = hashlib.sha256()
    for column in sorted(rows.column_names):
        for value in rows[column]:
            digest.update(_bytes_of(value) + b"|")
    return digest.hexdigest()[:16]


def _bytes_of(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, dict):
        return b"".join(key.encode() + b":" + _bytes_of(entry) for key, entry in value.items())
    if isinstance(value, list) and not all(isinstance(entry, (int, float)) for entry in value):
        return b",".join(map(_bytes_of, value))
    return np.asarray(value).tobytes() if isinstance(value, list) else repr(value).encode()


def _hide_labels(task: Task, rows: Dataset, section: DatasetSection) -> Dataset:
    labels = rows[task.label_column]
    feature = rows.features[task.label_column]
    if any(isinstance(label, list) for label in labels):
        raise InputError(f"dataset.labels_per_class: {task.name} has many labels in a row; leave it out")
    kept = keep_labels_per_class(labels, section.labels_per_class, section.seed)
    return rows.remove_columns(task.label_column).add_column(task.label_column, kept, feature=feature)
