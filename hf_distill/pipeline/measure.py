# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""The evaluation of a run: every model on the same rows, in the same way."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hf_distill.errors import InputError
from hf_distill.evaluation.disagreements import find_disagreements, write_disagreements
from hf_distill.evaluation.latency import measure_latency
from hf_distill.evaluation.losses import PICTURE_FILE as LOSS_PICTURE
from hf_distill.evaluation.losses import plot_losses, read_losses
from hf_distill.evaluation.page import write_page
from hf_distill.evaluation.plots import PICTURE_FILE, plot_comparison
from hf_distill.evaluation.predict import ForwardFunction, forward_function, predict
from hf_distill.evaluation.report import write_report
from hf_distill.pipeline.context import Context
from hf_distill.pipeline.facts import LEARNING_STAGES, training_facts
from hf_distill.pipeline.sections import QuantizationSection
from hf_distill.processes import processes
from hf_distill.quantization import find_backend
from hf_distill.versions import processor_name, versions

logger = logging.getLogger(__name__)

LATENCY_BATCHES = (1, 8, 32)
WEIGHT_FILES = ("*.safetensors", "*.bin", "*.onnx", "*.onnx_data")


def evaluate_run(context: Context) -> dict[str, Any]:
    """
    Measure the models of a run and write `report/`.

    Args:
        context ([`Context`]): The run; its models are those whose folders exist.

    Returns:
        `dict[str, Any]`: The report, as in `report/metrics.json`; of several processes the main one has all of it.
    """
    models = _load_models(context)
    task, section = context.task, context.recipe.evaluation
    # Each model reads the rows as its own tokenizer cuts them.
    readers = {name: context.read_by("teacher") if name == "teacher" else context for name in models}
    collators = {name: task.collator(reader.processor) for name, reader in readers.items()}
    forwards = {name: forward_function(model, task) for name, (model, _) in models.items()}
    references = {name: task.references(reader.data.evaluation) for name, reader in readers.items()}
    predictions = {}
    for name, (model, _) in models.items():
        given = readers[name].data.evaluation, task, collators[name], section.batch_size
        with _on_fastest_device(model):
            predictions[name] = predict(forwards[name], *given, f"Measuring {name}")
    if not processes().is_main_process:
        # Time is measured while the others are idle.
        return {"primary_metric": task.primary_metric}
    rows = _usual_rows(context)
    batches = {name: _latency_batches(reader, collators[name], rows) for name, reader in readers.items()}
    latencies = measure_latency(forwards, batches, section.latency_rounds)
    report: dict[str, Any] = {}
    for name, (model, size) in models.items():
        size_and_speed = {
            "parameters": _parameters(model),
            "size_bytes": size,
            "latency_ms": latencies[name],
            "rows_per_second": _throughput(latencies[name]),
        }
        report[name] = _scores(context, predictions[name], references[name]) | size_and_speed
        report[name]["agreement_with_teacher"] = task.agreement(predictions[name], predictions["teacher"])
    for section in context.recipe.quantization:
        name = f"quantized/{section.backend}"
        if name in report:
            report[name] |= _beside_student(name, section, context, report["student"], predictions)
            error = _largest_error(forwards[name], forwards["student"], batches["student"])
            report[name]["largest_logit_error"] = error
    report |= _facts(context, len(references["student"]))
    _write(context, report, references["student"], predictions)
    return report


def _scores(context: Context, predictions: Sequence[Any], references: Sequence[Any]) -> dict[str, Any]:
    """Return how well a model does, on the whole and on each class."""
    task, names = context.task, context.data.names
    of_classes = task.score_classes(predictions, references, names)
    return {
        "metrics": task.score(predictions, references, names),
        **({"per_class": of_classes} if of_classes else {}),
    }


def _facts(context: Context, rows: int) -> dict[str, Any]:
    """Return what a report tells beside its models."""
    return {
        "primary_metric": context.task.primary_metric,
        "task": context.task.name,
        "split": context.data.evaluation_split,
        "rows": rows,
        **({"data": context.data.counts} if context.data.counts else {}),
        "seed": context.seed,
        "threads": torch.get_num_threads(),
        "hardware": processor_name(),
        "training": training_facts(context.run),
        "versions": versions(),
    }


def _write(
    context: Context, report: dict[str, Any], references: Sequence[Any], predictions: Mapping[str, Sequence[Any]]
) -> None:
    """Write the report, its pictures and its page."""
    name, folder = context.run.folder.resolve().name, context.run.folder / "report"
    write_report(report, folder)
    losses = read_losses(folder)
    plot_losses([losses[stage] for stage in LEARNING_STAGES if stage in losses], folder / LOSS_PICTURE)
    data = context.data
    found = find_disagreements(context.task, data.examples, references, predictions, data.names, context.processor)
    write_disagreements(found, folder)
    picture = plot_comparison({name: report}, folder / PICTURE_FILE)
    write_page({name: context.run.folder}, folder / "index.html", picture)


def _throughput(latency: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Return rows in a second, by batch."""
    return {
        batch: round(1000 * int(batch.removeprefix("batch_")) / times["p50"], 1) for batch, times in latency.items()
    }


def _beside_student(
    name: str, section: QuantizationSection, context: Context, student: dict[str, Any], predictions: dict[str, list]
) -> dict[str, Any]:
    """Return what is told of a quantized model and of no other."""
    told = {
        "precision": find_backend(section.backend).precision(section.options),
        # A model of ONNX Runtime does not say how many there are.
        "parameters": student["parameters"],
        "agreement_with_student": context.task.agreement(predictions[name], predictions["student"]),
    }
    budget = context.run.stage("quantization").get("budgets", {}).get(section.backend)
    return {**told, "budget": budget} if budget else told


def _largest_error(quantized: ForwardFunction, student: ForwardFunction, batches: Mapping[str, Any]) -> float:
    """Return the largest difference from the student's logits in the largest batch."""
    batch = batches[f"batch_{LATENCY_BATCHES[-1]}"]
    return round((quantized(batch) - student(batch)).abs().max().item(), 4)


@contextmanager
def _on_fastest_device(model: Any) -> Iterator[None]:
    """Score on the accelerator if there is one; latency is measured on the processor, where small models serve."""
    move = isinstance(model, torch.nn.Module) and torch.accelerator.is_available()
    if move:
        model.to(torch.accelerator.current_accelerator())
    yield
    if move:
        model.to("cpu")


def _load_models(context: Context) -> dict[str, tuple[Any, int]]:
    """Return every model of the run with its size on disk, by its name in the report."""
    folder = context.run.folder
    teacher = context.load(context.teacher_path, "teacher.model")
    models: dict[str, tuple[Any, int]] = {"teacher": (teacher, _memory(teacher))}
    for name in ("baseline", "student"):
        if (folder / name / "config.json").is_file():
            models[name] = (context.load(folder / name), size_on_disk(folder / name))
    for section in context.recipe.quantization:
        path = folder / "quantized" / section.backend
        if path.is_dir() and _can_be_measured(context, section):
            models[f"quantized/{section.backend}"] = (
                find_backend(section.backend).load(path, context.task),
                size_on_disk(path),
            )
    return models


def _can_be_measured(context: Context, section: QuantizationSection) -> bool:
    """Say whether a backend works here; one that need not is left out with a line."""
    try:
        find_backend(section.backend).check()
    except InputError as error:
        if context.backend is None:
            raise
        logger.warning("quantized/%s is left out of the report: %s", section.backend, str(error).partition(";")[0])
        return False
    return True


def _usual_rows(context: Context) -> np.ndarray:
    """Return the numbers of the measured rows, those whose length is nearest to the median first."""
    lengths = context.task.lengths(context.data.evaluation)
    return np.argsort(np.abs(lengths - np.median(lengths)), kind="stable")


def _latency_batches(context: Context, collator: Any, rows: np.ndarray) -> dict[str, dict[str, torch.Tensor]]:
    """Return batches of the first of these measured rows."""
    batches = {}
    for size in LATENCY_BATCHES:
        # A small split is repeated, so that a batch of 32 has 32 rows.
        chosen = context.data.evaluation.select(np.resize(rows, size))
        batches[f"batch_{size}"] = collator([chosen[row] for row in range(size)])
    return batches


def _parameters(model: Any) -> int | None:
    """Return how many numbers were learnt; an ONNX model's are those of the student it was made from."""
    return sum(weight.numel() for weight in model.parameters()) if isinstance(model, torch.nn.Module) else None


def _memory(model: torch.nn.Module) -> int:
    return sum(weight.numel() * weight.element_size() for weight in model.parameters())


def size_on_disk(folder: Path) -> int:
    """Return the bytes of a model's weights."""
    return sum(file.stat().st_size for pattern in WEIGHT_FILES for file in folder.glob(pattern))
