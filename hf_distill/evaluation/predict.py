# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Predictions of any model of a task, PyTorch or ONNX Runtime alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import Any

import numpy as np
import torch
from accelerate.utils import gather_object
from datasets import Dataset
from torch.utils.data import DataLoader
from transformers import PreTrainedModel
from transformers.utils.logging import tqdm

from hf_distill.features.inputs import input_names, select_inputs, without_labels
from hf_distill.processes import processes
from hf_distill.tasks import Task

ForwardFunction = Callable[[Mapping[str, torch.Tensor]], torch.Tensor]
"""From a batch to its logits."""


def forward_function(model: Any, task: Task) -> ForwardFunction:
    """
    Return a function from a batch to logits, or to what else its task reads, without gradients.

    Args:
        model ([`~transformers.PreTrainedModel`] or an `ORTModelFor...`): The model; it is put in eval mode.
        task ([`Task`]): Its task.
    """
    names = input_names(model)
    if isinstance(model, PreTrainedModel):
        model.eval()
        names = without_labels(names)
    else:
        names = list(model.input_names)

    # Not inference_mode, which quanto's 4-bit weights do not work in.
    @torch.no_grad()
    def forward(batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        inputs = {name: value.to(model.device) for name, value in select_inputs(batch, names).items()}
        return task.read(model(**inputs), batch)

    return forward


def predict(
    forward: ForwardFunction,
    rows: Dataset,
    task: Task,
    collator: Any,
    batch_size: int,
    description: str = "Predicting",
    alone: bool = False,
) -> list[Any]:
    """
    Predict for every example, in the order of the rows; several processes take a share each.

    Args:
        forward (`Callable`): From a batch to logits; see `forward_function`.
        rows (`Dataset`): Encoded rows.
        task ([`Task`]): Their task.
        collator (`Callable`): Makes a batch.
        batch_size (`int`): Rows in a batch.
        description (`str`, *optional*): What the progress bar says.
        alone (`bool`, *optional*, defaults to `False`): Whether this process takes all rows, and no other takes part.

    Returns:
        `list`: What `task.answers` makes of what `task.predictions` returns for each row.
    """
    # Rows of like length stand together, so that little is padded; the caller gets them back in their own order.
    order = np.argsort(task.lengths(rows), kind="stable").tolist()
    batches = [order[first : first + batch_size] for first in range(0, len(order), batch_size)]
    state = processes()
    # The same batches in any number of processes, and so the same predictions.
    mine = batches if alone else batches[state.process_index :: state.num_processes]
    found: list[tuple[int, Any]] = []
    for batch, places in zip(
        tqdm(
            DataLoader(rows, batch_sampler=mine, collate_fn=collator),
            desc=description,
            leave=False,
            disable=not state.is_main_process,
        ),
        mine,
    ):
        found += zip(places, task.predictions(forward(batch), batch))
    # In the order of the rows: numbers stand before the predictions, and none twice.
    found = found if alone else gather_object(found)
    return task.answers([prediction for _, prediction in sorted(found, key=itemgetter(0))], rows)
