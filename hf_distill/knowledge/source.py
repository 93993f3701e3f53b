# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""What a source of knowledge is: something that answers, for a batch, what the objectives need."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from accelerate import Accelerator
from transformers import PretrainedConfig

from hf_distill.features.features import Features, Needs
from hf_distill.objectives import Objective


class KnowledgeSource(ABC):
    """
    Where the teacher's logits and hidden states come from.

    Args:
        config ([`~transformers.PretrainedConfig`]): The teacher's configuration: its depth, width and label names.
    """

    def __init__(self, config: PretrainedConfig):
        self.config = config

    @property
    def name(self) -> str | None:
        """The folder or Hub id of the teacher, if it is known."""
        return getattr(self.config, "_name_or_path", None) or None

    @abstractmethod
    def to(self, device: torch.device) -> None:
        """Move to the device that the batches are on."""

    def place(self, accelerator: Accelerator) -> None:
        """Move to where the processes that train the student need it."""
        self.to(accelerator.device)

    @property
    @abstractmethod
    def input_names(self) -> list[str]:
        """The entries of a batch that it reads."""

    @abstractmethod
    def __call__(self, batch: Mapping[str, torch.Tensor], needs: Needs) -> Features:
        """Return what `needs` names for this batch, and nothing more."""

    def attach(self, rows: Any, collator: Callable, tokenizer: Any) -> tuple[Any, Callable]:
        """Return the training data and the collator as they must be for this source; mostly as they are."""
        return rows, collator

    def check(self, objectives: Sequence[Objective], rows: Any, collator: Callable, from_teacher: bool) -> None:  # noqa: B027
        """Raise an [`InputError`] if it cannot say what these objectives, bound to the models, need of these rows."""

    def match(self, student: Features) -> None:  # noqa: B027 (most compare in the teacher's own width)
        """Bring the student's hidden states to where they are compared with the teacher's."""
