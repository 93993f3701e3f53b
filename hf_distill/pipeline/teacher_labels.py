# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Labels that the teacher makes for rows without one, where it is sure of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from transformers import PreTrainedModel

from hf_distill.evaluation.predict import forward_function, predict
from hf_distill.features.units import IGNORED_LABEL
from hf_distill.pipeline.context import Context
from hf_distill.tasks import Task


def label_by_teacher(context: Context, teacher: PreTrainedModel, rows: Dataset) -> tuple[Dataset, int]:
    """
    Return the rows with labels where the teacher is sure enough, and how many got one.

    Args:
        context ([`Context`]): The run, whose recipe says how sure is enough.
        teacher ([`~transformers.PreTrainedModel`]): The teacher.
        rows (`Dataset`): Encoded training rows; those that have a label keep it.

    Source: Lee 2013, *Pseudo-Label: The Simple and Efficient Semi-Supervised Learning Method for Deep Neural
    Networks*; with a threshold as in Sohn et al. 2020, *FixMatch*, arXiv:2001.07685.
    """
    labels = np.array(rows["labels"])
    without = np.flatnonzero(labels == IGNORED_LABEL)
    if not len(without):
        return rows, 0
    context = context.read_by("teacher")
    task, batch_size = context.task, context.recipe.evaluation.batch_size
    enough = context.recipe.dataset.teacher_labels
    found = predict(
        forward_function(teacher, task),
        context.data.train.select(without),
        _Sureness(task),
        task.collator(context.processor),
        batch_size,
        "Labelling",
    )
    sure = [(row, label) for row, (label, share) in zip(without, found) if share >= enough]
    for row, label in sure:
        labels[row] = label
    feature = rows.features["labels"]
    return rows.remove_columns("labels").add_column("labels", labels.tolist(), feature=feature), len(sure)


class _Sureness:
    """Reads of logits the likeliest class with its probability, where a task reads the class alone."""

    def __init__(self, task: Task):
        self.lengths = task.lengths

    def predictions(self, logits: torch.Tensor, batch: Mapping[str, torch.Tensor]) -> list[tuple[int, float]]:
        shares, labels = logits.float().softmax(-1).max(-1)
        return list(zip(labels.tolist(), shares.tolist()))

    def answers(self, predictions: Sequence[Any], rows: Dataset) -> list[Any]:
        return list(predictions)
