# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import socket
from pathlib import Path

import evaluate
import pytest

from hf_distill.metrics import F1, Accuracy, Precision, Recall, Seqeval


def test_nothing_is_written_fetched_or_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(socket.socket, "connect", lambda *arguments: pytest.fail("network access"))
    metrics = [metric_class(cache_dir=str(tmp_path)) for metric_class in (Accuracy, F1, Precision, Recall)]
    evaluate.combine(metrics).compute(predictions=[0, 1], references=[0, 1])
    Seqeval(cache_dir=str(tmp_path)).compute(predictions=[["B-PER"]], references=[["B-PER"]])
    assert (list(tmp_path.iterdir()), *capfd.readouterr()) == ([], "", "")


def test_metrics_with_the_same_cache_folder_do_not_meet(tmp_path: Path) -> None:
    first, second = Accuracy(cache_dir=str(tmp_path)), Accuracy(cache_dir=str(tmp_path))
    first.add_batch(predictions=[0], references=[0])
    second.add_batch(predictions=[0], references=[1])
    assert (first.compute(), second.compute()) == ({"accuracy": 1.0}, {"accuracy": 0.0})


@pytest.mark.parametrize("metric_class", [Accuracy, F1, Seqeval])
def test_compute_without_rows_is_an_error(metric_class: type) -> None:
    with pytest.raises(ValueError, match="are empty, give at least one row"):
        metric_class().compute()


def test_several_processes_in_one_metric_are_refused() -> None:
    with pytest.raises(ValueError, match="num_process"):
        Accuracy(num_process=2)


def test_rows_can_be_added_in_batches() -> None:
    accuracy = Accuracy()
    accuracy.add_batch(predictions=[0, 1], references=[0, 1])
    accuracy.add_batch(predictions=[0, 1], references=[1, 1])
    assert accuracy.compute() == {"accuracy": 0.75}


def test_metric_can_be_used_twice() -> None:
    accuracy = Accuracy()
    accuracy.compute(predictions=[0, 1], references=[0, 1])
    assert accuracy.compute(predictions=[0, 1], references=[1, 1]) == {"accuracy": 0.5}
