# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""What the logits of a model mean, which depends on its head."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

import torch
import torch.nn.functional as F
from transformers import PretrainedConfig

from hf_distill.features.units import IGNORED_LABEL

IMPOSSIBLE = -1e9
"""A logit that has no share in any softmax and yet is a number."""


class Head(str, Enum):
    """What the logits of a model are."""

    CLASSES = "classes"
    """One of several classes is right: a softmax over the last dimension."""
    LABELS = "labels"
    """Any number of labels is right: a sigmoid each."""
    NUMBERS = "numbers"
    """Values as they are: the outputs of a regression."""
    SPAN = "span"
    """Where an answer begins and where it ends, `(batch, tokens, 2)`: a softmax over the tokens each."""
    VECTORS = "vectors"
    """There are none: the model ends with its hidden states."""


WITH_LOGITS = frozenset(Head) - {Head.VECTORS}
"""The heads that give logits."""


def read_logits(outputs: Mapping[str, Any]) -> torch.Tensor | None:
    """
    Return the logits of a model's outputs, if they have any.

    Args:
        outputs (`Mapping`): What the model returned.

    Returns:
        `torch.Tensor`, *optional*: `(batch, classes)`, `(batch, tokens, classes)`, or for a span `(batch, tokens, 2)`.
    """
    if "start_logits" in outputs:
        return torch.stack([outputs["start_logits"], outputs["end_logits"]], dim=-1)
    return outputs.get("logits")


def logits_to_teach(outputs: Mapping[str, Any]) -> torch.Tensor | None:
    """
    Return the logits that a student learns from its teacher, if it has any.

    DeiT has a token for that, beside the one that learns from labels; its `logits` are the mean of both.

    Args:
        outputs (`Mapping`): What the student returned.
    """
    return outputs["distillation_logits"] if "distillation_logits" in outputs else read_logits(outputs)


def loss_of_class_token(outputs: Mapping[str, Any], labels: torch.Tensor | None) -> torch.Tensor | None:
    """
    Return the task loss of a model that takes no labels but has a token that learns from them: DeiT with a teacher.

    Args:
        outputs (`Mapping`): What the student returned.
        labels (`torch.Tensor`, *optional*): Label ids `(batch,)`; -100 where there is none.
    """
    if labels is None or "cls_logits" not in outputs:
        return None
    return F.cross_entropy(outputs["cls_logits"], labels, ignore_index=IGNORED_LABEL)


def head_of(config: PretrainedConfig, architecture: str | None = None) -> Head:
    """
    Say what the logits of a model are, by transformers' own rules.

    Args:
        config ([`~transformers.PretrainedConfig`]): Its configuration.
        architecture (`str`, *optional*): The name of its class; by default, that which it was saved as.
    """
    architecture = architecture or (config.architectures or [""])[0]
    if architecture.endswith("ForQuestionAnswering"):
        return Head.SPAN
    if architecture.endswith("Model"):
        return Head.VECTORS
    if not architecture.endswith("ForSequenceClassification"):
        return Head.CLASSES
    if config.problem_type == "multi_label_classification":
        return Head.LABELS
    regression = config.problem_type == "regression" or (config.problem_type is None and config.num_labels == 1)
    return Head.NUMBERS if regression else Head.CLASSES
