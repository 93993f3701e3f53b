# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Latency of several models, measured in turn so that the machine's moods meet all of them alike."""

from __future__ import annotations

import time
from collections.abc import Mapping

import numpy as np
import torch

from hf_distill.evaluation.predict import ForwardFunction

WARM_UP_ROUNDS = 3
PAUSE = 0.02
"""Seconds from one model to the next."""
PATIENCE = 60.0
"""Seconds that the rounds of one size of batch may take, as long as there are `FEWEST_ROUNDS`."""
FEWEST_ROUNDS = 10


def measure_latency(
    models: Mapping[str, ForwardFunction],
    batches: Mapping[str, Mapping[str, Mapping[str, torch.Tensor]]],
    rounds: int = 30,
    warm_up: int = WARM_UP_ROUNDS,
) -> dict[str, dict[str, dict[str, float]]]:
    """
    Measure how long each model takes for each batch.

    In every round each model has its turn, so a slow moment of the machine slows all of them and the ratios hold. A
    turn begins with a pause, for threads of ONNX Runtime keep spinning for some milliseconds, and a teacher that ran
    beside them took twice its time. Then the model runs twice, and the second run is measured. Where a model takes
    seconds, a moment weighs little, and fewer rounds do: none begins after a minute but for the first 10.

    Args:
        models (`Mapping[str, Callable]`): From a batch to logits, by name.
        batches (`Mapping`): For each model, by its name, its batches of the same rows by theirs, such as `batch_1` and
            `batch_32`.
        rounds (`int`, *optional*, defaults to 30): How often each pair is measured at most, after a warm-up.
        warm_up (`int`, *optional*, defaults to 3): Rounds of the warm-up.

    Returns:
        `dict`: `{model: {batch: {"p50": milliseconds, "p95": milliseconds}}}`.
    """
    result: dict[str, dict[str, dict[str, float]]] = {name: {} for name in models}
    for batch_name in next(iter(batches.values()), {}):
        times: dict[str, list[float]] = {name: [] for name in models}
        began = time.perf_counter()
        for turn in range(warm_up + rounds):
            if turn >= warm_up + FEWEST_ROUNDS and time.perf_counter() - began > PATIENCE:
                break
            for name, forward in models.items():
                batch = batches[name][batch_name]
                time.sleep(PAUSE)
                forward(batch)
                start = time.perf_counter()
                forward(batch)
                elapsed = time.perf_counter() - start
                if turn >= warm_up:
                    times[name].append(1000 * elapsed)
        for name, values in times.items():
            p50, p95 = np.percentile(values, [50, 95])
            result[name][batch_name] = {"p50": round(float(p50), 3), "p95": round(float(p95), 3)}
    return result
