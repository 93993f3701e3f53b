# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""int8, or 16-bit floats for GPUs, with ONNX Runtime, through Optimum."""

from __future__ import annotations

import importlib.util
import platform
import shutil
from collections.abc import Collection, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from transformers import PretrainedConfig

from hf_distill.errors import InputError
from hf_distill.quantization.base import QuantizableModel, QuantizationOptions
from hf_distill.quantization.body import NO_PRODUCTS, multiplies
from hf_distill.quantization.calibration import calibration_examples, with_inputs
from hf_distill.quantization.elsewhere import refusal
from hf_distill.quantization.exported import ExportingBackend
from hf_distill.quantization.graph import (
    FILE_NAME,
    can_be_fused,
    convolutions,
    fuse,
    load_graph,
    lookups_in_small_tables,
    names_for_quantizer,
    nodes_of_head,
    optimize,
    products_with_weights,
)
from hf_distill.tasks import Task
from hf_distill.tasks.base import Processor

MODEL_FILE = "model_quantized.onnx"
HALF = "O4"
"""The level of optimization that makes 16-bit floats."""
STATIC_OPERATORS = ("MatMul", "Gemm", "Attention", "Gather")
"""What is quantized with ranges that are known beforehand; of what else there is, little is won and accuracy lost."""
WITH_BRANCHES = frozenset({"deberta", "deberta-v2"})
"""Architectures whose graph chooses, by the length of a row, what to do."""
CALIBRATIONS = {"minmax": "minmax", "entropy": "entropy", "percentile": "percentiles"}
"""What Optimum calls the methods."""


class ONNXRuntimeBackend(ExportingBackend):
    """
    Weights in int8; activations quantized as they come, or with ranges that were measured on training rows. The head,
    which is small, stays in 32-bit floats, unless it is of a vocabulary. In mode half all is in 16-bit floats.

    Source: the quantizer and the optimizer of optimum-onnx, `ORTQuantizer` and `ORTOptimizer`.
    """

    name = "onnxruntime"
    modes = ("dynamic", "static", "half")
    reads = frozenset({"per_channel", "instructions", "optimization", "calibration_rows", "calibration_method"})
    library = "optimum.onnxruntime"
    prefix = "ORT"
    exporter = "onnx"
    loading_arguments = f', file_name="{MODEL_FILE}"'

    def check_options(self, options: QuantizationOptions) -> None:
        """Check the instructions too; see [`QuantizationBackend.check_options`]."""
        super().check_options(options)
        here = _these_processors()
        if options.instructions not in ("auto", *here):
            raise InputError(
                f"instructions: this processor has {', '.join(here)}; got {options.instructions!r}; "
                "quantize on a machine such as the model will run on"
            )

    def check(self, target: str = "RUN") -> None:
        """Raise an [`InputError`] where optimum-onnx is missing or does not go with the installed transformers."""
        import transformers

        reason = None
        if importlib.util.find_spec("onnxruntime") is None or importlib.util.find_spec("optimum.onnxruntime") is None:
            reason = "needs optimum-onnx, which is not installed"
        elif not transformers.__version__.startswith("4."):
            reason = f"needs transformers 4.57; this is {transformers.__version__}"
        if reason:
            raise InputError(refusal(self.name, reason, "onnx", target))

    def check_model(self, config: PretrainedConfig, options: QuantizationOptions) -> None:
        """Check that Optimum exports the architecture; see [`QuantizationBackend.check_model`]."""
        kind, mode, reason = config.model_type, self.mode(options), None
        if not self.is_exported(config):
            reason = "Optimum exports no models of the architecture"
        elif mode != "half" and not multiplies(config):
            raise InputError(f"quantization: onnxruntime: {NO_PRODUCTS.format(kind)}")
        elif mode == "static" and kind in WITH_BRANCHES:
            reason = "mode static takes no graph with branches, such as that of the architecture"
        elif mode == "half" and not can_be_fused(kind, HALF):
            reason = "mode half fuses operators, and nothing is known of those of the architecture"
        if reason:
            raise InputError(f"quantization: onnxruntime: {reason} {kind}; choose another mode or backend")

    def prepare(
        self, checkpoint: Path, aside: Path, task: Task, options: QuantizationOptions, rows: Any = None
    ) -> QuantizableModel:
        """Export to ONNX, fuse operators and measure ranges; see [`QuantizationBackend.prepare`]."""
        processor = task.load_processor(checkpoint)
        source = aside / "exported"
        self.export(checkpoint, source, task)
        if self.mode(options) == "half":
            return HalfModel(source, aside / "optimized", processor)
        if options.optimization != "none":
            source = optimize(source, aside / "optimized", options.optimization)
        options = replace(options, mode=self.mode(options))
        model = ONNXModel(source, options, processor)
        if options.mode == "static":
            examples = calibration_examples(rows, options.calibration_rows, task, processor)
            model.calibrate(examples, options.calibration_method)
        return model

    def load(self, folder: Path, task: Task) -> Any:
        """Load the quantized model with the class that users will load it with, for as many threads as PyTorch has."""
        from onnxruntime import SessionOptions

        options = SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        return self.model_class(task).from_pretrained(folder, file_name=MODEL_FILE, session_options=options)


class HalfModel(QuantizableModel):
    """
    An exported model in 16-bit floats; nothing of it can be kept in others.

    Args:
        source (`Path`): Folder with its graph.
        folder (`Path`): Folder to write to until it is wanted.
        processor (`Processor`): What makes the model's inputs.
    """

    operators = ()

    def __init__(self, source: Path, folder: Path, processor: Processor):
        self._file, self._processor = fuse(source, folder, HALF), processor

    def write(self, folder: Path, keep: Collection[str] = ()) -> None:
        """Copy it; see [`QuantizableModel.write`]."""
        shutil.copyfile(self._file, folder / MODEL_FILE)
        shutil.copyfile(self._file.with_name("config.json"), folder / "config.json")
        self._processor.save_pretrained(folder)


class ONNXModel(QuantizableModel):
    """
    An exported model.

    Args:
        source (`Path`): Folder with its graph.
        options ([`QuantizationOptions`]): How it is quantized.
        processor (`Processor`): What makes the model's inputs.
    """

    def __init__(self, source: Path, options: QuantizationOptions, processor: Processor):
        self._source, self._options, self._processor = source, options, processor
        graph = load_graph(source)
        self._inputs = [entry.name for entry in graph.input]
        # The head's rounding errors reach the scores as they are, and it is mostly a small part of the size.
        self._never = [*nodes_of_head(graph), *convolutions(graph)]
        self.operators = products_with_weights(graph, self._never)
        if options.mode == "static":
            self._never += lookups_in_small_tables(graph)
        self._ranges: dict[str, Any] | None = None

    def write(self, folder: Path, keep: Collection[str] = ()) -> None:
        """Quantize; see [`QuantizableModel.write`]."""
        from optimum.onnxruntime import ORTQuantizer

        quantizer = ORTQuantizer.from_pretrained(self._source, file_name=FILE_NAME)
        quantizer.quantize(self._configuration(keep), folder, calibration_tensors_range=self._ranges)
        self._processor.save_pretrained(folder)

    def calibrate(self, examples: Iterable[dict[str, torch.Tensor]], method: str) -> None:
        """
        Measure the ranges of activations, on one row at a time, so that memory does not grow with them.

        Args:
            examples (`Iterable`): Batches of a row each.
            method (`str`): What a range is; see [`QuantizationOptions`].

        Raises:
            InputError: If rows lack what the model reads.
        """
        from optimum.onnxruntime import ORTQuantizer
        from optimum.onnxruntime.configuration import AutoCalibrationConfig

        quantizer = ORTQuantizer.from_pretrained(self._source, file_name=FILE_NAME)
        calibration = None
        for example in examples:
            # What is measured together must have one length.
            row = Dataset.from_list([with_inputs(example, self._inputs)])
            # Without a method the row is added to those before; with one it would begin anew.
            calibration = (
                getattr(AutoCalibrationConfig, CALIBRATIONS[method])(row)
                if calibration is None
                else replace(calibration, method=None)
            )
            quantizer.partial_fit(
                row,
                calibration,
                onnx_augmented_model_name=str(self._source / "augmented.onnx"),
                operators_to_quantize=list(STATIC_OPERATORS),
            )
        self._ranges = quantizer.compute_ranges()

    def _configuration(self, keep: Collection[str]) -> Any:
        """Return Optimum's configuration of the quantizer."""
        from optimum.onnxruntime.configuration import AutoQuantizationConfig

        options = self._options
        instructions = _these_processors()[-1] if options.instructions == "auto" else options.instructions
        operators = {"operators_to_quantize": list(STATIC_OPERATORS)} if options.mode == "static" else {}
        return getattr(AutoQuantizationConfig, instructions)(
            is_static=options.mode == "static",
            per_channel=options.per_channel,
            nodes_to_exclude=names_for_quantizer([*self._never, *keep]),
            **operators,
        )


def _these_processors() -> list[str]:
    """Return the presets for processors that have no more instructions than this one, the best one last."""
    if platform.machine().lower() in ("arm64", "aarch64"):
        return ["arm64"]
    cpu_info = Path("/proc/cpuinfo")
    flags = cpu_info.read_text() if cpu_info.is_file() else ""
    more = [preset for flag, preset in (("avx512f", "avx512"), ("avx512_vnni", "avx512_vnni")) if flag in flags]
    return ["avx2", *more]
