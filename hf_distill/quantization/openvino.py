# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""int8, or weights in int8 and int4, with OpenVINO, through Optimum."""

from __future__ import annotations

import importlib.util
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import PretrainedConfig

from hf_distill.errors import InputError
from hf_distill.quantization.base import QuantizableModel, QuantizationOptions
from hf_distill.quantization.body import outside_body
from hf_distill.quantization.calibration import calibration_examples, with_inputs
from hf_distill.quantization.elsewhere import refusal
from hf_distill.quantization.exported import ExportingBackend
from hf_distill.tasks import Task
from hf_distill.tasks.base import Processor


class OpenVINOBackend(ExportingBackend):
    """
    Weights in int8 or int4; in mode static weights and activations in int8, with ranges that were measured on training
    rows. The head stays as it is.

    Source: optimum-intel's `OVQuantizer`, and NNCF, which it calls.
    """

    name = "openvino"
    modes = ("weights", "static")
    weights = ("int8", "int4")
    reads = frozenset({"calibration_rows"})
    library = "optimum.intel"
    prefix = "OV"
    exporter = "openvino"

    def check_options(self, options: QuantizationOptions) -> None:
        """Check mode and weights together too; see [`QuantizationBackend.check_options`]."""
        super().check_options(options)
        if self.mode(options) == "static" and options.weights != "int8":
            raise InputError(f"weights: openvino has int8 in mode static; {options.weights} is for mode weights")

    def check(self, target: str = "RUN") -> None:
        """Raise an [`InputError`] where optimum-intel is missing."""
        missing = [name for name in ("optimum.intel", "openvino", "nncf") if importlib.util.find_spec(name) is None]
        if missing:
            reason = f"needs {missing[0].replace('.', '-')}, which is not installed"
            raise InputError(refusal(self.name, reason, "openvino", target))

    def check_model(self, config: PretrainedConfig, options: QuantizationOptions) -> None:
        """Check that Optimum exports the architecture; see [`QuantizationBackend.check_model`]."""
        if not self.is_exported(config):
            raise InputError(
                f"quantization: openvino: Optimum exports no models of the architecture {config.model_type}; "
                "choose another backend"
            )

    def prepare(
        self, checkpoint: Path, aside: Path, task: Task, options: QuantizationOptions, rows: Any = None
    ) -> OpenVINOModel:
        """Export to OpenVINO, and read the rows that ranges are measured on; see [`QuantizationBackend.prepare`]."""
        processor = task.load_processor(checkpoint)
        examples: list[dict[str, torch.Tensor]] | None = None
        if self.mode(options) == "static":
            examples = list(calibration_examples(rows, options.calibration_rows, task, processor))
        self.export(checkpoint, aside / "exported", task, compile=False, load_in_8bit=False)
        return OpenVINOModel(aside / "exported", self.model_class(task), processor, options.weights, examples)

    def load(self, folder: Path, task: Task) -> Any:
        """Load the quantized model with the class that users will load it with, for as many threads as PyTorch has."""
        threads = {"INFERENCE_NUM_THREADS": torch.get_num_threads()}
        return self.model_class(task).from_pretrained(folder, ov_config=threads)


class OpenVINOModel(QuantizableModel):
    """
    An exported model.

    Args:
        source (`Path`): Folder with its graph.
        model_class (`type`): The class that loads it.
        processor (`Processor`): What makes the model's inputs.
        weights (`str`): What weights are stored in.
        examples (`Sequence`, *optional*): Batches of a row each that the ranges of activations are measured on;
            without them activations are not quantized.
    """

    def __init__(
        self,
        source: Path,
        model_class: Any,
        processor: Processor,
        weights: str,
        examples: Sequence[dict[str, torch.Tensor]] | None,
    ):
        self._source, self._class, self._processor, self._weights = source, model_class, processor, weights
        model = model_class.from_pretrained(source, compile=False)
        self._examples = examples and [
            {name: np.array([values]) for name, values in with_inputs(row, list(model.input_names)).items()}
            for row in examples
        ]
        products = _products_with_weights(model.model)
        # The head's rounding errors reach the scores as they are, and it is a small part of the size. Tracing names an
        # operator after its module, such as __module.bert.pooler.dense/aten::linear/MatMul.
        self._never = outside_body({name: name.split(".")[1] for name in products if name.startswith("__module.")})
        self.operators = [name for name in products if name not in self._never]

    def write(self, folder: Path, keep: Collection[str] = ()) -> None:
        """Quantize; see [`QuantizableModel.write`]."""
        import nncf
        from optimum.intel import OVConfig, OVQuantizationConfig, OVQuantizer, OVWeightQuantizationConfig

        ignored = {"names": [*self._never, *keep]}
        if self._examples:
            rows = nncf.Dataset(self._examples)
            configuration = OVQuantizationConfig(num_samples=len(self._examples), ignored_scope=ignored)
        else:
            rows = None
            groups = {"group_size_fallback": "adjust"} if self._weights == "int4" else {}
            bits = int(self._weights.removeprefix("int"))
            configuration = OVWeightQuantizationConfig(bits=bits, ignored_scope=ignored, **groups)
        quantizer = OVQuantizer.from_pretrained(self._class.from_pretrained(self._source, compile=False))
        quantizer.quantize(rows, folder, OVConfig(quantization_config=configuration))
        self._processor.save_pretrained(folder)


def _products_with_weights(graph: Any) -> list[str]:
    """Return the names of the operators that multiply with what was learnt."""
    return [
        node.get_friendly_name()
        for node in graph.get_ops()
        if node.get_type_name() == "MatMul"
        and node.input_value(1).get_node().get_type_name() in ("Constant", "Convert")
    ]
