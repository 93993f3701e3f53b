# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Task losses of heads whose own loss counts what is not there: a missing label, or padding."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F

from hf_distill.features.heads import IMPOSSIBLE, Head
from hf_distill.features.units import IGNORED_LABEL, SPAN_LABELS, Unit, known_labels, unit_masks

TaskLoss = Callable[[Mapping[str, Any], Mapping[str, torch.Tensor]], torch.Tensor]
"""From a model's outputs and the batch to the mean over the labels that are known, 0 if there are none."""


def task_loss_of(head: Head) -> TaskLoss | None:
    """
    Return the loss that a model's own is to be replaced with, if it is.

    Of classes, transformers leaves out labels of -100; of labels and numbers it does not, and would learn -100. Where
    an answer begins and ends, its softmax gives a share to padding, so that the loss depends on what else is in the
    batch.

    Args:
        head ([`Head`]): What the model's logits are.
    """
    return {Head.LABELS: loss_of_labels, Head.NUMBERS: loss_of_numbers, Head.SPAN: loss_of_spans}.get(head)


def loss_of_labels(outputs: Mapping[str, Any], batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """Return the binary cross-entropy of logits `(batch, labels)`; a label of -100 is not known."""
    return _mean_over_known(F.binary_cross_entropy_with_logits, outputs, batch)


def loss_of_numbers(outputs: Mapping[str, Any], batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """Return the squared error of logits `(batch, 1)`; a number of -100 is not known."""
    return _mean_over_known(F.mse_loss, outputs, batch)


def _mean_over_known(entries: Callable, outputs: Mapping[str, Any], batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
    labels = batch["labels"]
    known = known_labels(labels)
    # What is not known is replaced before, since even 0 times NaN is NaN in the gradient.
    wanted = torch.where(known, labels, 0.0).float()
    losses = entries(outputs["logits"].view_as(labels).float(), wanted, reduction="none")
    return torch.where(known, losses, 0.0).sum() / known.sum().clamp(min=1)


def loss_of_spans(outputs: Mapping[str, Any], batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """Return the mean of the cross-entropies over the real tokens of where an answer begins and where it ends."""
    masks = unit_masks(batch)
    known, losses = masks[Unit.LABEL], []
    for logits, name in zip((outputs["start_logits"], outputs["end_logits"]), SPAN_LABELS):
        scores = logits.float().masked_fill(~masks[Unit.TOKEN], IMPOSSIBLE)
        places = torch.where(known, batch[name].flatten(), IGNORED_LABEL)
        losses.append(F.cross_entropy(scores, places, ignore_index=IGNORED_LABEL, reduction="sum"))
    return sum(losses) / 2 / known.sum().clamp(min=1)
