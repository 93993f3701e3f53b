# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Task losses of heads whose own loss takes a label that is missing for one that is there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F

from hf_distill.features.heads import Head
from hf_distill.features.units import known_labels

LossFunction = Callable[..., torch.Tensor]


def task_loss_of(head: Head) -> LossFunction | None:
    """
    Return the loss that a model's own is to be replaced with, if it is.

    Of classes, transformers leaves out labels of -100. Of labels and numbers it does not, and would learn -100.

    Args:
        head ([`Head`]): What the model's logits are.

    Returns:
        `Callable`, *optional*: A `compute_loss_func` of [`~transformers.Trainer`]: the mean over the labels that are
        known, 0 if there are none.
    """
    entries = {Head.LABELS: F.binary_cross_entropy_with_logits, Head.NUMBERS: F.mse_loss}.get(head)
    if entries is None:
        return None

    def loss(outputs: Mapping[str, Any], labels: torch.Tensor, num_items_in_batch: Any = None) -> torch.Tensor:
        known = known_labels(labels)
        # What is not known is replaced before, since even 0 times NaN is NaN in the gradient.
        wanted = torch.where(known, labels, 0.0).float()
        losses = entries(outputs["logits"].view_as(labels).float(), wanted, reduction="none")
        return torch.where(known, losses, 0.0).sum() / known.sum().clamp(min=1)

    return loss
