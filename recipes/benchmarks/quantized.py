# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Latency and size of quantized students, against the teacher that they come from and the student in PyTorch.

All of them run in turn in one process, on the same batches, so that a slow moment of the machine meets all alike.

    python recipes/benchmarks/quantized.py --json quantized.json
"""

from __future__ import annotations

import argparse
import copy
import tempfile
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from rich.table import Table
from steps import make_teacher, middle_and_range, show, write
from transformers import BertTokenizerFast

from hf_distill import build_student
from hf_distill.evaluation.latency import measure_latency
from hf_distill.evaluation.predict import forward_function
from hf_distill.quantization import QuantizationOptions, find_backend
from hf_distill.tasks import find_task

SHAPES = ((1, 32), (1, 128), (32, 32))
"""Rows and tokens of the batches."""
TEACHER = "teacher, PyTorch"
VARIANTS = {
    "int8, graph as it is exported": QuantizationOptions(),
    "int8, operators fused beforehand": QuantizationOptions(optimization="O2"),
    "int8, ranges known beforehand": QuantizationOptions(mode="static", calibration_rows=32),
}


def make_models(folder: Path) -> tuple[dict[str, Any], dict[str, float]]:
    """Return the models by name, and their sizes in MB."""
    task, backend = find_task("text-classification")(), find_backend("onnxruntime")
    teacher = make_teacher()
    student = build_student(teacher, num_hidden_layers=2)
    (folder / "student").mkdir()
    (folder / "student" / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n")
    BertTokenizerFast(str(folder / "student" / "vocab.txt")).save_pretrained(folder / "student")
    student.save_pretrained(folder / "student")
    models = {TEACHER: copy.deepcopy(teacher), "student, PyTorch": student}
    sizes = {
        name: sum(weight.numel() * weight.element_size() for weight in model.parameters()) / 1e6
        for name, model in models.items()
    }
    batch = make_batches()["32 x 32"]
    rows = Dataset.from_dict({name: values.tolist() for name, values in batch.items()})
    for place, (name, options) in enumerate(VARIANTS.items()):
        target = folder / str(place)
        target.mkdir()
        backend.quantize(folder / "student", target, task, options, rows)
        models[name] = backend.load(target, task)
        sizes[name] = sum(path.stat().st_size for path in target.glob("*.onnx")) / 1e6
    return models, sizes


def make_batches() -> dict[str, dict[str, torch.Tensor]]:
    """Return batches of random tokens, by name."""
    batches = {}
    for rows, tokens in SHAPES:
        ids = torch.randint(1000, 30000, (rows, tokens))
        batches[f"{rows} x {tokens}"] = {
            "input_ids": ids,
            "attention_mask": torch.ones_like(ids),
            "token_type_ids": torch.zeros_like(ids),
        }
    return batches


def main() -> None:
    """Measure, print the table, and write the JSON file if one is named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3, help="runs; the median of their medians is told")
    parser.add_argument("--rounds", type=int, default=30, help="turns of each model in a run")
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        models, sizes = make_models(Path(folder))
        forwards = {name: forward_function(model) for name, model in models.items()}
        batches = make_batches()
        runs = [measure_latency(forwards, batches, options.rounds) for _ in range(options.runs)]
    title = f"Times as fast as the teacher (rows x tokens), {torch.get_num_threads()} threads"
    table = Table("model", "MB", *(f"{name}: median, range" for name in batches), title=title)
    figures: dict[str, Any] = {}
    for name in models:
        cells = []
        figures[name] = {"megabytes": sizes[name], "times": {}, "p50_ms": {}}
        for batch in batches:
            times = [run[TEACHER][batch]["p50"] / run[name][batch]["p50"] for run in runs]
            figures[name]["times"][batch] = times
            figures[name]["p50_ms"][batch] = [run[name][batch]["p50"] for run in runs]
            middle, spread = middle_and_range(times)
            cells.append(f"{middle} ({spread})")
        table.add_row(name, f"{sizes[name]:.1f}", *cells)
    show(table)
    write(figures, options)


if __name__ == "__main__":
    main()
