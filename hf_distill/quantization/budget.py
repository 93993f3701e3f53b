# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Keeping in floats what quantization would cost too much accuracy, and no more."""

from __future__ import annotations

import logging
import math
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hf_distill.errors import InputError
from hf_distill.files import move_folder
from hf_distill.quantization.base import QuantizableModel

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class BudgetOutcome:
    """
    What a quantized model loses, and what was kept in floats for that.

    Args:
        drop (`float`): What it loses of the metric; below 0 if it gains.
        drop_of_all (`float`): What it would lose with every operator quantized.
        kept (`list[str]`): The operators in floats, those that lose most first.
        operators (`int`): How many operators there are.
        held (`bool`): Whether the drop is within the budget.
    """

    drop: float
    drop_of_all: float
    kept: list[str]
    operators: int
    held: bool

    def to_dict(self) -> dict[str, Any]:
        """Return what is told of it in a run's files."""
        return asdict(self)


def quantize_within(
    model: QuantizableModel,
    folder: Path,
    aside: Path,
    drop: Callable[[Path], float],
    error: Callable[[Path], float],
    max_drop: float,
) -> BudgetOutcome:
    """
    Quantize a model; where that loses more than is allowed, keep the operators in floats that lose most.

    Each operator's error is measured with it alone quantized; how many of the worst are kept is found by bisection.

    Args:
        model ([`QuantizableModel`]): The model.
        folder (`Path`): Empty folder to write to.
        aside (`Path`): Folder for what is tried.
        drop (`Callable`): From the folder of a quantized model to what it loses of the metric.
        error (`Callable`): From the folder of a quantized model to how far its logits are from the model's own.
        max_drop (`float`): What it may lose.

    Returns:
        [`BudgetOutcome`]: What it loses, and what was kept for that.

    Raises:
        InputError: If the metric is not a number.
    """
    lost: dict[int, float] = {}

    def lost_with(kept: list[str]) -> float:
        path = aside / f"kept_{len(kept)}"
        _write(model, path, kept)
        found = lost[len(kept)] = drop(path)
        if math.isnan(found):
            raise InputError("quantization: the metric of the quantized model is not a number; see its data")
        return found

    worst: list[str] = []
    if lost_with([]) > max_drop:
        worst = _by_error(model, aside, error)
        # The fewest that are enough lie between these two.
        too_few, enough = 0, len(worst)
        while enough - too_few > 1:
            middle = (too_few + enough) // 2
            if lost_with(worst[:middle]) > max_drop:
                too_few = middle
            else:
                enough = middle
        if enough == len(worst):
            lost_with(worst)
    within = [number for number, found in lost.items() if found <= max_drop]
    number = min(within) if within else min(lost, key=lost.get)
    move_folder(aside / f"kept_{number}", folder)
    outcome = BudgetOutcome(lost[number], lost[0], worst[:number], len(model.operators), bool(within))
    if not within:
        logger.warning(
            "quantization: loses %.4f of the metric at best, which is more than max_drop %.4f allows",
            outcome.drop,
            max_drop,
        )
    return outcome


def _by_error(model: QuantizableModel, aside: Path, error: Callable[[Path], float]) -> list[str]:
    """Return the operators, those first whose quantization alone moves the logits most."""
    found = {}
    for operator in model.operators:
        _write(model, aside / "alone", [other for other in model.operators if other != operator])
        found[operator] = error(aside / "alone")
    return sorted(found, key=lambda operator: -found[operator])


def _write(model: QuantizableModel, folder: Path, keep: list[str]) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    model.write(folder, keep)
