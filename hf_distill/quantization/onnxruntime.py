# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Dynamic int8 with ONNX Runtime, through Optimum."""

from __future__ import annotations

import importlib.util
import logging
import platform
import tempfile
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import torch
from transformers import AutoTokenizer

from hf_distill.errors import InputError
from hf_distill.quantization.base import QuantizationBackend, QuantizationOptions
from hf_distill.tasks import Task

logger = logging.getLogger(__name__)

MODEL_FILE = "model_quantized.onnx"


class ONNXRuntimeBackend(QuantizationBackend):
    """
    Weights in int8, activations quantized as they come; the head, which is small, stays in 32-bit floats.

    Source: the quantizer of optimum-onnx, `ORTQuantizer`.
    """

    name = "onnxruntime"

    def check(self) -> None:
        """Raise an [`InputError`] where optimum-onnx is missing or does not go with the installed transformers."""
        import transformers

        reason = None
        if importlib.util.find_spec("onnxruntime") is None or importlib.util.find_spec("optimum.onnxruntime") is None:
            reason = "needs optimum-onnx, which is not installed"
        elif not transformers.__version__.startswith("4."):
            reason = f"needs transformers 4.57; this is {transformers.__version__}"
        if reason:
            raise InputError(
                f"quantization: the backend onnxruntime {reason}; install hf-distill[onnx] in an environment of its "
                "own and run there, or leave it out here with --set quantization=[]"
            )

    def quantize(self, checkpoint: Path, folder: Path, task: Task, options: QuantizationOptions) -> None:
        """Export to ONNX, fuse operators and quantize; see [`QuantizationBackend.quantize`]."""
        from optimum.onnxruntime import ORTQuantizer
        from optimum.onnxruntime.configuration import AutoQuantizationConfig

        instructions = _this_processor() if options.instructions == "auto" else options.instructions
        with tempfile.TemporaryDirectory(dir=folder.parent) as aside, warnings.catch_warnings():
            # Tracing warns of constants that the exporter means to be constants.
            warnings.simplefilter("ignore")
            exported = Path(aside) / "exported"
            self._model_class(task).from_pretrained(checkpoint, export=True).save_pretrained(exported)
            if options.optimization != "none":
                exported = _optimized(exported, Path(aside) / "optimized", options.optimization)
            configuration = getattr(AutoQuantizationConfig, instructions)(
                is_static=False,
                per_channel=options.per_channel,
                # The head's rounding errors reach the scores as they are, and it is a small part of the size.
                nodes_to_exclude=_nodes_of_head(exported / "model.onnx"),
            )
            quantizer = ORTQuantizer.from_pretrained(exported, file_name="model.onnx")
            quantizer.quantize(save_dir=folder, quantization_config=configuration)
        AutoTokenizer.from_pretrained(checkpoint).save_pretrained(folder)

    def load(self, folder: Path, task: Task) -> Any:
        """Load the quantized model with the class that users will load it with, for as many threads as PyTorch has."""
        from onnxruntime import SessionOptions

        options = SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        return self._model_class(task).from_pretrained(folder, file_name=MODEL_FILE, session_options=options)

    def loading_code(self, name: str, task: Task) -> str:
        """Return the Python lines that load and run the model."""
        return (
            f"from optimum.onnxruntime import {task.onnx_model}\n"
            "from transformers import AutoTokenizer, pipeline\n\n"
            f'model = {task.onnx_model}.from_pretrained("{name}", file_name="{MODEL_FILE}")\n'
            f'tokenizer = AutoTokenizer.from_pretrained("{name}")\n'
            f'classify = pipeline("{task.pipeline_tag}", model=model, tokenizer=tokenizer)\n'
        )

    def _model_class(self, task: Task) -> Any:
        import optimum.onnxruntime

        return getattr(optimum.onnxruntime, task.onnx_model)


def _optimized(exported: Path, folder: Path, level: str) -> Path:
    """Write the optimized graph to `folder`, and return where one is: `exported`, if there is nothing to be done."""
    from onnxruntime.quantization.shape_inference import quant_pre_process
    from optimum.onnxruntime import ORTOptimizer
    from optimum.onnxruntime.configuration import AutoOptimizationConfig

    # Attention would take the number of real tokens for the mask, which is wrong unless all padding is at the end.
    configuration = getattr(AutoOptimizationConfig, level)(use_raw_attention_mask=True)
    try:
        ORTOptimizer.from_pretrained(exported).optimize(configuration, folder)
    except NotImplementedError:
        logger.warning("onnxruntime: has no optimization for this architecture, which is quantized as it is")
        return exported
    # The quantizer does not know the types of what fused operators return unless the graph says so.
    quant_pre_process(
        str(folder / "model_optimized.onnx"),
        str(folder / "model.onnx"),
        skip_optimization=True,
        skip_onnx_shape=True,
        auto_merge=True,
    )
    return folder


def _nodes_of_head(model_file: Path) -> list[str]:
    """Return the names of the head's matrix products; the body is the part of the model that has most of them."""
    import onnx

    graph = onnx.load(model_file, load_external_data=False).graph
    # Tracing names a node after its module, such as /bert/encoder/layer.0/output/dense/MatMul. Of a node with another
    # name nothing is known, and it is quantized.
    products = [node.name for node in graph.node if node.op_type in ("MatMul", "Gemm")]
    parts = {name: name.split("/")[1] for name in products if name.startswith("/")}
    body = max(Counter(parts.values()).items(), key=lambda item: item[1], default=(None, 0))[0]
    head = [name for name, part in parts.items() if part != body]
    # ONNX Runtime makes a MatMul of this name and an Add of every Gemm before it looks at what to leave out.
    return [*head, *(f"{name}_MatMul" for name in head)]


def _this_processor() -> str:
    """Return the preset for the processor that this runs on."""
    if platform.machine().lower() in ("arm64", "aarch64"):
        return "arm64"
    cpu_info = Path("/proc/cpuinfo")
    flags = cpu_info.read_text() if cpu_info.is_file() else ""
    for flag, preset in (("avx512_vnni", "avx512_vnni"), ("avx512f", "avx512")):
        if flag in flags:
            return preset
    return "avx2"
