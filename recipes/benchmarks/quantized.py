# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Latency and size of quantized students, against the teacher that they come from and the student in PyTorch.

All of them run in turn in one process, on the same batches, so that a slow moment of the machine meets all alike.

    python recipes/benchmarks/quantized.py --json quantized.json
"""

from __future__ import annotations

import argparse
import multiprocessing
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from rich.table import Table
from steps import make_teacher, middle_and_range, show, write
from transformers import BertTokenizerFast

from hf_distill import build_student
from hf_distill.evaluation.latency import measure_latency
from hf_distill.evaluation.predict import ForwardFunction, forward_function
from hf_distill.pipeline.measure import size_on_disk
from hf_distill.quantization import QuantizationOptions, find_backend
from hf_distill.tasks import find_task

SHAPES = ((1, 32), (1, 128), (8, 32), (8, 128), (32, 32), (32, 128))
"""Rows and tokens of the batches."""
TEACHER = "teacher, PyTorch"
STUDENT = "student, PyTorch"
VARIANTS = {
    "onnxruntime int8": ("onnxruntime", QuantizationOptions()),
    "onnxruntime int8, operators fused beforehand": ("onnxruntime", QuantizationOptions(optimization="O2")),
    "onnxruntime int8, static": ("onnxruntime", QuantizationOptions(mode="static", calibration_rows=32)),
    "openvino int8, static": ("openvino", QuantizationOptions(mode="static", calibration_rows=32)),
    "openvino int8, weights": ("openvino", QuantizationOptions()),
    "quanto int8, weights": ("quanto", QuantizationOptions()),
}
TASK = find_task("text-classification")()


def make_models(folder: Path, backends: Sequence[str]) -> dict[str, Path]:
    """Write every model to a folder of its own, and return the folders by name."""
    teacher = make_teacher()
    models = {TEACHER: teacher, STUDENT: build_student(teacher, num_hidden_layers=2)}
    folders = {}
    for name, model in models.items():
        folders[name] = folder / name
        model.save_pretrained(folders[name])
    (folders[STUDENT] / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n")
    BertTokenizerFast(str(folders[STUDENT] / "vocab.txt")).save_pretrained(folders[STUDENT])
    rows = Dataset.from_dict({name: values.tolist() for name, values in make_batches()["32 x 32"].items()})
    for name, (backend, options) in VARIANTS.items():
        if backend in backends:
            folders[name] = folder / name
            folders[name].mkdir()
            find_backend(backend).quantize(folders[STUDENT], folders[name], TASK, options, rows)
    return folders


def load(name: str, folder: Path) -> ForwardFunction:
    """Load a model as its users do."""
    if name in VARIANTS:
        return forward_function(find_backend(VARIANTS[name][0]).load(folder, TASK), TASK)
    return forward_function(TASK.model_class.from_pretrained(folder), TASK)


def most_memory(name: str, folder: Path, answer: Any) -> None:
    """Tell how many MB a process needs for a model and its largest batch, beyond torch and transformers (Linux)."""
    batch = make_batches()["32 x 128"]
    # Linux begins anew to look for the peak.
    Path("/proc/self/clear_refs").write_text("5")
    before = peak()
    load(name, folder)(batch)
    answer.put(peak() - before)


def peak() -> float:
    """Return the most memory that this process has had, in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024 / 1e6


def measure_memory(folders: Mapping[str, Path]) -> dict[str, float]:
    """Return what each model needs, in a process of its own."""
    context = multiprocessing.get_context("spawn")
    found = {}
    for name, folder in folders.items():
        answer = context.Queue()
        process = context.Process(target=most_memory, args=(name, folder, answer))
        process.start()
        found[name] = answer.get()
        process.join()
    return found


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
    parser.add_argument("--backends", nargs="+", default=["onnxruntime", "quanto"], help="which of them")
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folders = make_models(Path(folder), options.backends)
        memory = measure_memory(folders)
        sizes = {name: size_on_disk(path) / 1e6 for name, path in folders.items()}
        forwards = {name: load(name, path) for name, path in folders.items()}
        runs = [
            measure_latency(forwards, dict.fromkeys(forwards, make_batches()), options.rounds)
            for _ in range(options.runs)
        ]
    title = f"Times as fast as the teacher (rows x tokens), {torch.get_num_threads()} threads"
    batches = list(make_batches())
    table = Table("model", "MB", "MB of memory", *(f"{name}: median, range" for name in batches), title=title)
    figures: dict[str, Any] = {}
    for name in folders:
        cells = []
        figures[name] = {"megabytes": sizes[name], "megabytes_of_memory": memory[name], "times": {}, "latency_ms": {}}
        for batch in batches:
            times = [run[TEACHER][batch]["p50"] / run[name][batch]["p50"] for run in runs]
            figures[name]["times"][batch] = times
            figures[name]["latency_ms"][batch] = [run[name][batch] for run in runs]
            middle, spread = middle_and_range(times)
            cells.append(f"{middle} ({spread})")
        table.add_row(name, f"{sizes[name]:.1f}", f"{memory[name]:.0f}", *cells)
    show(table)
    write(figures, options)


if __name__ == "__main__":
    main()
