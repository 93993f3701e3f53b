# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""What a quantization backend is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar

from hf_distill.tasks import Task


class QuantizationBackend(ABC):
    """From a folder with a transformers checkpoint to a folder with its quantized model."""

    name: ClassVar[str]
    """The name by which recipes call it; also that of the folder in `quantized/`."""

    @abstractmethod
    def check(self) -> None:
        """
        Check that the backend works in this environment.

        Raises:
            InputError: If it does not; the message says what to install or run instead.
        """

    @abstractmethod
    def quantize(self, checkpoint: Path, folder: Path, task: Task, per_channel: bool, instructions: str) -> None:
        """
        Quantize a checkpoint.

        Args:
            checkpoint (`Path`): Folder with model and tokenizer.
            folder (`Path`): Empty folder to write to: the model, its configuration and the tokenizer.
            task ([`Task`]): What the model is for.
            per_channel (`bool`): One scale for each output channel of a weight.
            instructions (`str`): Which processor's int8 instructions to quantize for, or `"auto"`.
        """

    @abstractmethod
    def load(self, folder: Path, task: Task) -> Any:
        """Load what `quantize` wrote."""

    @abstractmethod
    def loading_code(self, name: str, task: Task) -> str:
        """Return the Python lines with which a reader of the card loads and runs the model called `name`."""
