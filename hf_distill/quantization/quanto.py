# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Weights, and activations if one likes, in 8 or 4 bits with quanto: any transformers version, processors and GPUs."""

from __future__ import annotations

import copy
import importlib.util
import json
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import torch
import transformers
from accelerate import init_empty_weights
from safetensors.torch import load_file
from transformers import AutoConfig, PretrainedConfig, PreTrainedModel

from hf_distill.compatibility import WEIGHTS_BY_THEIR_NAMES
from hf_distill.errors import InputError
from hf_distill.escaping import python_string
from hf_distill.features.inputs import input_names, select_inputs, without_labels
from hf_distill.quantization.base import QuantizableModel, QuantizationBackend, QuantizationOptions
from hf_distill.quantization.body import NO_PRODUCTS, multiplies, products_of_body
from hf_distill.quantization.calibration import calibration_examples
from hf_distill.tasks import Task
from hf_distill.tasks.base import Processor

WEIGHT_FILE = "model.safetensors"
MAP_FILE = "quanto_qmap.json"
"""What quanto calls the file that says which module is stored in what."""
TYPES = {"int8": "qint8", "int4": "qint4", "fp8": "qfloat8"}
"""What quanto calls them."""


class QuantoBackend(QuantizationBackend):
    """
    Weights of the body in 8 or 4 bits; in mode static what they are multiplied with in int8 too. The head stays as it
    is, and so does what is no matrix product, such as tables of embeddings.

    Source: optimum-quanto.
    """

    name = "quanto"
    modes = ("weights", "static")
    weights = tuple(TYPES)
    reads = frozenset({"calibration_rows"})

    def check(self, target: str = "RUN") -> None:
        """Raise an [`InputError`] where optimum-quanto is missing."""
        if importlib.util.find_spec("optimum.quanto") is None:
            raise InputError(
                "quantization: the backend quanto needs optimum-quanto, which is not installed; "
                "install hf-distill[quanto], or leave it out here with --set quantization=[]"
            )

    def check_model(self, config: PretrainedConfig, options: QuantizationOptions) -> None:
        """Check that there is something to quantize; see [`QuantizationBackend.check_model`]."""
        if not multiplies(config):
            raise InputError(f"quantization: {self.name}: {NO_PRODUCTS.format(config.model_type)}")

    def prepare(
        self, checkpoint: Path, aside: Path, task: Task, options: QuantizationOptions, rows: Any = None
    ) -> QuantoModel:
        """Load the model and the rows that ranges are measured on; see [`QuantizationBackend.prepare`]."""
        processor = task.load_processor(checkpoint)
        model = task.model_class.from_pretrained(checkpoint).eval()
        examples = []
        if self.mode(options) == "static":
            examples = list(calibration_examples(rows, options.calibration_rows, task, processor))
        return QuantoModel(model, processor, TYPES[options.weights], examples)

    def load(self, folder: Path, task: Task) -> PreTrainedModel:
        """
        Load the quantized model as the card says.

        Raises:
            InputError: If the file's weights have other names than those of the model here: versions of transformers
                differ in some.
        """
        from optimum.quanto import requantize

        config = AutoConfig.from_pretrained(folder)
        with init_empty_weights():
            model = task.model_class.from_config(config)
        weights = load_file(folder / WEIGHT_FILE)
        # What it does not find it leaves as the memory was.
        requantize(model, weights, json.loads((folder / MAP_FILE).read_text(encoding="utf-8")))
        unknown = sorted(set(weights) - set(model.state_dict()))
        if unknown:
            raise InputError(
                f"{folder / WEIGHT_FILE}: {type(model).__name__} of transformers {transformers.__version__} has no "
                f"{unknown[0]}; load it with the version that wrote it, or quantize again"
            )
        # A head that shares the embeddings' weights was written without them, and has been given others.
        model.tie_weights()
        return model.eval()

    def loading_code(self, name: str, task: Task, subfolder: str | None = None) -> str:
        """Return the Python lines that load and run the model; see [`QuantizationBackend.loading_code`]."""
        where = f", subfolder={python_string(subfolder)}" if subfolder else ""
        return (
            "import json\n\n"
            "from accelerate import init_empty_weights\n"
            "from optimum.quanto import requantize\n"
            "from safetensors.torch import load_file\n"
            f"from transformers import AutoConfig, {task.auto_model}, {task.imports}\n"
            "from transformers.utils import cached_file\n\n"
            f"name = {python_string(name)}\n"
            "with init_empty_weights():\n"
            f"    model = {task.auto_model}.from_config(AutoConfig.from_pretrained(name))\n"
            f'with open(cached_file(name, "{MAP_FILE}"{where})) as file:\n'
            f'    requantize(model, load_file(cached_file(name, "{WEIGHT_FILE}"{where})), json.load(file))\n'
            "model.tie_weights()\n"
            "model.eval()\n" + task.usage("name")
        )


class QuantoModel(QuantizableModel):
    """
    A model in PyTorch.

    Args:
        model ([`~transformers.PreTrainedModel`]): The model; it is left as it is.
        processor (`Processor`): What makes the model's inputs.
        weights (`str`): What weights are stored in, as quanto calls it.
        examples (`Sequence`): Batches that the ranges of activations are measured on; without any, activations are not
            quantized.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        processor: Processor,
        weights: str,
        examples: Sequence[dict[str, torch.Tensor]],
    ):
        self._model, self._processor, self._weights, self._examples = model, processor, weights, examples
        self.operators = list(products_of_body(model))

    def write(self, folder: Path, keep: Collection[str] = ()) -> None:
        """Quantize; see [`QuantizableModel.write`]."""
        from optimum.quanto import freeze, quantization_map, quantize

        model = copy.deepcopy(self._model)
        names = [name for name in self.operators if name not in keep]
        if names:
            quantize(model, weights=self._weights, activations="qint8" if self._examples else None, include=names)
            self._measure_ranges(model)
            freeze(model)
        model.save_pretrained(folder, **WEIGHTS_BY_THEIR_NAMES)
        (folder / MAP_FILE).write_text(json.dumps(quantization_map(model), indent=2) + "\n", encoding="utf-8")
        self._processor.save_pretrained(folder)

    @torch.no_grad()
    def _measure_ranges(self, model: PreTrainedModel) -> None:
        from optimum.quanto import Calibration

        names = without_labels(input_names(model))
        with Calibration():
            for example in self._examples:
                model(**select_inputs(example, names))
