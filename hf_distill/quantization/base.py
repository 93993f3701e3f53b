# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""What a quantization backend is."""

from __future__ import annotations

import io
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar

from transformers import PretrainedConfig

from hf_distill.errors import InputError
from hf_distill.files import scratch_folder
from hf_distill.tasks import Task


@dataclass(frozen=True)
class QuantizationOptions:
    """
    How a model is quantized.

    Args:
        mode (`str`, *optional*): What is quantized beside weights: `"dynamic"`, activations, with ranges measured as
            they come; `"static"`, activations, with ranges measured beforehand, on rows of the training split;
            `"weights"`, nothing. `"half"`: nothing is, all is in 16-bit floats. Defaults to the first of the backend's
            `modes`.
        weights (`str`, *optional*, defaults to `"int8"`): What weights are stored in: `"int8"`, `"int4"` or `"fp8"`.
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

    mode: str | None = None
    weights: str = "int8"
    per_channel: bool = True
    instructions: str = "auto"
    optimization: str = "none"
    calibration_rows: int = 256
    calibration_method: str = "minmax"


@contextmanager
def without_chatter() -> Iterator[None]:
    """Keep what libraries print of their progress out of a command's answer."""
    with redirect_stdout(io.StringIO()):
        yield


class QuantizableModel(ABC):
    """A model that can be quantized, all of it or a part."""

    operators: Sequence[str]
    """What may be kept in floats."""

    @abstractmethod
    def write(self, folder: Path, keep: Collection[str] = ()) -> None:
        """
        Write the quantized model, its configuration and what makes its inputs.

        Args:
            folder (`Path`): Empty folder to write to.
            keep (`Collection[str]`, *optional*): Operators that stay in floats.
        """


class QuantizationBackend(ABC):
    """From a folder with a transformers checkpoint to a folder with its quantized model."""

    name: ClassVar[str]
    """The name by which recipes call it; also that of the folder in `quantized/`."""
    modes: ClassVar[tuple[str, ...]]
    """The modes that it has; see [`QuantizationOptions`]."""
    weights: ClassVar[tuple[str, ...]] = ("int8",)
    """What it stores weights in."""
    reads: ClassVar[frozenset[str]]
    """The other options that it reads."""

    def check_options(self, options: QuantizationOptions) -> None:
        """
        Check that the backend does what is asked of it.

        Raises:
            InputError: If it does not; the message begins with the option's name.
        """
        choices = {"mode": (None, *self.modes), "weights": self.weights}
        for entry in fields(options):
            value = getattr(options, entry.name)
            if entry.name in choices and value not in choices[entry.name]:
                known = ", ".join(name for name in choices[entry.name] if name)
                raise InputError(f"{entry.name}: {self.name} has {known}; got {value!r}")
            if entry.name not in choices and entry.name not in self.reads and value != entry.default:
                raise InputError(f"{entry.name}: {self.name} does not read it; leave it out")

    def mode(self, options: QuantizationOptions) -> str:
        """Return the mode that is meant."""
        return options.mode or self.modes[0]

    def precision(self, options: QuantizationOptions) -> str:
        """Return what weights are stored in, in a word for reports."""
        return "fp16" if self.mode(options) == "half" else options.weights

    @abstractmethod
    def check(self, target: str = "RUN") -> None:
        """
        Check that the backend works in this environment.

        Args:
            target (`str`, *optional*): The run or checkpoint that is to be quantized, for the command in the message.

        Raises:
            InputError: If it does not; the message says what to install or run instead.
        """

    def check_model(self, config: PretrainedConfig, options: QuantizationOptions) -> None:  # noqa: B027 (most take all)
        """
        Check that the backend takes models of this architecture.

        Args:
            config ([`~transformers.PretrainedConfig`]): The model's configuration.
            options ([`QuantizationOptions`]): How it is to be quantized.

        Raises:
            InputError: If it does not; the message names the architecture.
        """

    @abstractmethod
    def prepare(
        self, checkpoint: Path, aside: Path, task: Task, options: QuantizationOptions, rows: Any = None
    ) -> QuantizableModel:
        """
        Make all that is needed to quantize a checkpoint.

        Args:
            checkpoint (`Path`): Folder with the model and what makes its inputs.
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
        """Quantize a checkpoint, and write all that is needed to load it to the empty `folder`; see `prepare`."""
        with scratch_folder(folder) as aside, without_chatter():
            self.prepare(checkpoint, aside, task, options, rows).write(folder)

    def complete(self, folder: Path, task: Task) -> None:  # noqa: B027 (others' readers do not know every format)
        """Write, beside a quantized model, what its other readers look for; see [`Task.complete`]."""

    @abstractmethod
    def load(self, folder: Path, task: Task) -> Any:
        """Load what was written."""

    @abstractmethod
    def loading_code(self, name: str, task: Task, subfolder: str | None = None) -> str:
        """
        Return the Python lines with which a reader of the card loads and runs a model.

        Args:
            name (`str`): Its folder or id.
            task ([`Task`]): The task.
            subfolder (`str`, *optional*): Where in it the model is, if what makes its inputs is of the student there.
        """
