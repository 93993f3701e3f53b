# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""What a quantization backend is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from hf_distill.files import scratch_folder
from hf_distill.tasks import Task


@dataclass(frozen=True)
class QuantizationOptions:
    """
    How a model is quantized.

    Args:
        mode (`str`, *optional*, defaults to `"dynamic"`): Whether the ranges of activations are measured as they come,
            or `"static"`: beforehand, on rows of the training split.
        per_channel (`bool`, *optional*, defaults to `True`): One scale for each output channel of a weight.
        instructions (`str`, *optional*, defaults to `"auto"`): Which processor's int8 instructions to quantize for:
            `"avx2"`, `"avx512"`, `"avx512_vnni"`, `"arm64"`, or `"auto"` for this machine's.
        optimization (`str`, *optional*, defaults to `"none"`): What is done to the graph beforehand: `"none"`, as ONNX
            Runtime fuses operators itself when it loads a model; `"O1"`, what is known of any graph; `"O2"`, one
            operator for what transformers do in many, such as attention; `"O3"`, and an approximation of GELU.
        calibration_rows (`int`, *optional*, defaults to 256): Rows that ranges are measured on, at least 1.
        calibration_method (`str`, *optional*, defaults to `"minmax"`): What a range is: `"minmax"`, all that was seen;
            `"percentile"`, nearly all; `"entropy"`, what loses least of the distribution.
    """

    mode: str = "dynamic"
    per_channel: bool = True
    instructions: str = "auto"
    optimization: str = "none"
    calibration_rows: int = 256
    calibration_method: str = "minmax"


class QuantizableModel(ABC):
    """A model that can be quantized, all of it or a part."""

    operators: Sequence[str]
    """What may be kept in floats."""

    @abstractmethod
    def write(self, folder: Path, keep: Collection[str] = ()) -> None:
        """
        Write the quantized model, its configuration and the tokenizer.

        Args:
            folder (`Path`): Empty folder to write to.
            keep (`Collection[str]`, *optional*): Operators that stay in floats.
        """


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
    def prepare(
        self, checkpoint: Path, aside: Path, task: Task, options: QuantizationOptions, rows: Any = None
    ) -> QuantizableModel:
        """
        Make all that is needed to quantize a checkpoint.

        Args:
            checkpoint (`Path`): Folder with model and tokenizer.
            aside (`Path`): Empty folder for files that are needed until the model is written.
            task ([`Task`]): What the model is for.
            options ([`QuantizationOptions`]): How it is quantized.
            rows (`Dataset`, *optional*): Tokenized rows of the training split, which mode static needs.

        Raises:
            InputError: If rows are needed and there are none, or if they lack what the model reads.
        """

    def quantize(
        self, checkpoint: Path, folder: Path, task: Task, options: QuantizationOptions, rows: Any = None
    ) -> None:
        """Quantize a checkpoint, and write model, configuration and tokenizer to the empty `folder`; see `prepare`."""
        with scratch_folder(folder) as aside:
            self.prepare(checkpoint, aside, task, options, rows).write(folder)

    @abstractmethod
    def load(self, folder: Path, task: Task) -> Any:
        """Load what was written."""

    @abstractmethod
    def loading_code(self, name: str, task: Task) -> str:
        """Return the Python lines with which a reader of the card loads and runs the model called `name`."""
