# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""What a source of knowledge is: something that answers, for a batch, what the objectives need."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

import torch
from transformers import PretrainedConfig

from hf_distill.features.features import Features, Needs


class KnowledgeSource(ABC):
    """
    Where the teacher's logits and hidden states come from.

    Args:
        config ([`~transformers.PretrainedConfig`]): The teacher's configuration: its depth, width and label names.
    """

    def __init__(self, config: PretrainedConfig):
        self.config = config

    @abstractmethod
    def to(self, device: torch.device) -> None:
        """Move to the device that the batches are on."""

    @property
    @abstractmethod
    def input_names(self) -> list[str]:
        """The entries of a batch that it reads."""

    @abstractmethod
    def __call__(self, batch: Mapping[str, torch.Tensor], needs: Needs) -> Features:
        """Return what `needs` names for this batch, and nothing more."""
