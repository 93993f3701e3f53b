# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import json
import logging
from collections.abc import Collection
from pathlib import Path

import pytest

from hf_distill.errors import InputError
from hf_distill.quantization.base import QuantizableModel
from hf_distill.quantization.budget import BudgetOutcome, quantize_within

COSTS = {"query": 0.001, "output": 0.02, "up": 0.004, "down": 0.03, "pooler": 0.0}


class PricedModel(QuantizableModel):
    """A model of which each operator costs so much, and its table a bit more in any case."""

    operators = list(COSTS)

    def __init__(self, table: float = 0.0):
        self._table, self.written = table, 0

    def write(self, folder: Path, keep: Collection[str] = ()) -> None:
        assert not any(folder.iterdir())
        self.written += 1
        cost = self._table + sum(price for operator, price in COSTS.items() if operator not in keep)
        (folder / "model").write_text(json.dumps({"cost": cost, "keep": list(keep)}))


def cost(folder: Path) -> float:
    return json.loads((folder / "model").read_text())["cost"]


def within(model: PricedModel, tmp_path: Path, max_drop: float) -> BudgetOutcome:
    folder, aside = tmp_path / "model", tmp_path / "aside"
    folder.mkdir()
    aside.mkdir()
    outcome = quantize_within(model, folder, aside, cost, cost, max_drop)
    content = json.loads((folder / "model").read_text())
    assert content["keep"] == outcome.kept and content["cost"] == outcome.drop
    return outcome


def test_what_is_within_the_budget_is_written_as_it_is(tmp_path: Path) -> None:
    model = PricedModel()
    outcome = within(model, tmp_path, 0.06)
    assert (outcome.kept, outcome.operators, outcome.held, model.written) == ([], 5, True, 1)


@pytest.mark.parametrize(
    ("max_drop", "kept"),
    [(0.03, ["down"]), (0.01, ["down", "output"]), (0.002, ["down", "output", "up"]), (0.0, 4)],
)
def test_the_worst_operators_stay_in_floats_and_no_more(
    max_drop: float, kept: list[str] | int, tmp_path: Path
) -> None:
    outcome = within(PricedModel(), tmp_path, max_drop)
    assert outcome.kept == (kept if isinstance(kept, list) else ["down", "output", "up", "query"])
    assert outcome.held and outcome.drop <= max_drop
    assert outcome.drop_of_all == pytest.approx(0.055)


def test_a_budget_that_cannot_be_held_gives_the_best_there_is_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        outcome = within(PricedModel(table=0.02), tmp_path, 0.01)
    assert not outcome.held
    assert outcome.drop == pytest.approx(0.02)
    assert "loses 0.0200 of the metric at best, which is more than max_drop 0.0100 allows" in caplog.text


def test_a_metric_that_is_no_number_is_an_error(tmp_path: Path) -> None:
    folder, aside = tmp_path / "model", tmp_path / "aside"
    folder.mkdir()
    aside.mkdir()
    with pytest.raises(InputError, match="the metric of the quantized model is not a number"):
        quantize_within(PricedModel(), folder, aside, lambda path: float("nan"), cost, 0.01)
    assert not any(folder.iterdir())
