# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Tests of the speed and the memory that a log tells."""

from __future__ import annotations

import time

import pytest
import torch

from hf_distill.speed import Speedometer


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def batch(rows: int) -> dict[str, torch.Tensor]:
    return {"input_ids": torch.zeros(rows, 3), "labels": torch.zeros(rows)}


@pytest.mark.parametrize("processes", [1, 2])
def test_examples_of_all_processes_are_counted_since_the_last_reading(processes: int, clock: list[float]) -> None:
    speedometer = Speedometer(processes)
    # What came before the first batch is not training.
    clock[0] = 100.0
    for rows, seconds in ((6, 2.0), (5, 10.0)):
        speedometer.count([batch(rows - 1), batch(1)])
        clock[0] += seconds
        found = speedometer.read(torch.device("cpu"))
        assert found == {"samples_per_second": rows * processes / seconds}


def test_a_gpu_also_tells_its_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda device: 1_234_567_890)
    assert Speedometer().read(torch.device("cuda", 0))["memory_gb"] == 1.235
