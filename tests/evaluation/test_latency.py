# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Tests of measuring latency."""

from __future__ import annotations

import itertools

import pytest
import torch

from hf_distill.evaluation import latency
from hf_distill.evaluation.latency import WARM_UP_ROUNDS, measure_latency

BATCHES = {"batch_1": {"input_ids": torch.zeros(1)}, "batch_32": {"input_ids": torch.zeros(32)}}


def test_models_run_in_turn_twice_each() -> None:
    calls = []
    models = {name: lambda batch, name=name: calls.append((name, len(batch["input_ids"]))) for name in ("a", "b")}
    measure_latency(models, dict.fromkeys(models, BATCHES), rounds=2)
    rounds = WARM_UP_ROUNDS + 2
    turns = {size: [("a", size)] * 2 + [("b", size)] * 2 for size in (1, 32)}
    assert calls == turns[1] * rounds + turns[32] * rounds


def test_what_the_model_before_left_behind_is_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(latency.time, "perf_counter", lambda: now)
    before, rested = None, False

    def run(name: str) -> None:
        nonlocal now, before, rested
        now += 1.0 if before == name and rested else 5.0
        before = name

    def rest(seconds: float) -> None:
        nonlocal rested
        rested = seconds >= 0.02

    monkeypatch.setattr(latency.time, "sleep", rest)
    models = {name: lambda batch, name=name: run(name) for name in ("a", "b")}
    result = measure_latency(models, {name: {"batch_1": {}} for name in models}, rounds=3)
    assert [result[name]["batch_1"]["p50"] for name in models] == [1000.0, 1000.0]


@pytest.mark.parametrize(("seconds", "rounds"), [(0.1, 30), (1.5, 20 - WARM_UP_ROUNDS), (9.0, 10)])
def test_slow_models_run_less_often(seconds: float, rounds: int, monkeypatch: pytest.MonkeyPatch) -> None:
    now, calls = 0.0, 0

    def run(batch: dict) -> None:
        nonlocal now, calls
        now, calls = now + seconds, calls + 1

    monkeypatch.setattr(latency.time, "perf_counter", lambda: now)
    result = measure_latency({"a": run}, {"a": {"batch_1": {}}})
    # Another round begins at the end of the minute.
    assert calls // 2 - WARM_UP_ROUNDS in (rounds, rounds + 1)
    assert result["a"]["batch_1"]["p50"] == pytest.approx(1000 * seconds)


def test_median_is_at_most_the_95th_percentile() -> None:
    result = measure_latency({"a": lambda batch: sum(range(500))}, {"a": BATCHES}, rounds=20)
    assert set(result["a"]) == set(BATCHES)
    for times in result["a"].values():
        assert set(times) == {"p50", "p95"}
        assert 0 <= times["p50"] <= times["p95"]


def test_times_are_milliseconds_without_the_warm_up(monkeypatch: pytest.MonkeyPatch) -> None:
    # Each call of the clock is one second later; the warm-up takes a day.
    ticks = itertools.chain(range(0, 86_400 * 2 * WARM_UP_ROUNDS, 86_400), itertools.count(10_000_000))
    monkeypatch.setattr(latency.time, "perf_counter", lambda: next(ticks))
    result = measure_latency({"a": lambda batch: None}, {"a": {"batch_1": {}}}, rounds=3)
    assert result == {"a": {"batch_1": {"p50": 1000.0, "p95": 1000.0}}}


def test_each_model_has_batches_of_its_own() -> None:
    seen = []
    models = {name: lambda batch, name=name: seen.append((name, batch["of"])) for name in ("a", "b")}
    measure_latency(models, {name: {"batch_1": {"of": name}} for name in models}, rounds=1)
    assert set(seen) == {("a", "a"), ("b", "b")}
