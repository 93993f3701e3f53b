# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""One input, read by several models: what each says, and how long it takes."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from hf_distill.demo.answers import Answer
from hf_distill.demo.models import DemoModels
from hf_distill.evaluation.latency import measure_latency

MOST_ROUNDS = 5
SECONDS = 2.0
"""How long measuring may take, about, unless the models need more for a single round."""


@dataclass(frozen=True)
class Shown:
    """
    What a demo shows of a model.

    Args:
        name (`str`): The model's name in the report.
        answer ([`Answer`]): What it says.
        milliseconds (`float`): How long it takes for this input, without making tokens of it: the median.
        speed_up (`float`, *optional*): How many times as fast as the teacher it is.
    """

    name: str
    answer: Answer
    milliseconds: float
    speed_up: float | None


@dataclass(frozen=True)
class Reply:
    """
    What a demo says to an input.

    Args:
        models (`tuple[Shown, ...]`): What it shows of each model.
        rounds (`int`): How often each was measured.
        threads (`int`): How many threads of the processor they computed in.
        notice (`str`): What else is to be known, if anything.
    """

    models: tuple[Shown, ...]
    rounds: int
    threads: int
    notice: str = ""


def ask(models: DemoModels, given: Mapping[str, Any]) -> Reply:
    """
    Let all models read an input, and measure them in turn.

    Args:
        models ([`DemoModels`]): The models.
        given (`Mapping[str, Any]`): What a visitor gave, by the names of the reader's fields.

    Returns:
        [`Reply`]: What each says and how long it takes.

    Raises:
        InputError: If something is missing, too long or cannot be read.
    """
    asked = {name: models.readers[name].read(given) for name in models.forwards}
    start = time.perf_counter()
    found = {
        name: models.readers[name].answer(forward(asked[name].batch), asked[name])
        for name, forward in models.forwards.items()
    }
    # Each model runs twice in a round, of which the second run is measured.
    rounds = max(1, min(MOST_ROUNDS, int(SECONDS / (2 * (time.perf_counter() - start)))))
    # All have run once already.
    times = measure_latency(models.forwards, {name: {"asked": asked[name].batch} for name in asked}, rounds, warm_up=0)
    medians = {name: measured["asked"]["p50"] for name, measured in times.items()}
    shown = tuple(
        Shown(name, answer, medians[name], medians["teacher"] / medians[name] if "teacher" in medians else None)
        for name, answer in found.items()
    )
    return Reply(shown, rounds, torch.get_num_threads(), asked["student"].notice)
