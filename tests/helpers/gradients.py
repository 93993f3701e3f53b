# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""The gradients of the first step of a training, however its batch is cut."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from transformers import PreTrainedModel, TrainerCallback


class Gradients(TrainerCallback):
    """Keeps the gradients of the first step."""

    def __init__(self) -> None:
        self.of: dict[str, torch.Tensor] = {}

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any) -> None:
        gradients = {name: parameter.grad for name, parameter in model.named_parameters()}
        self.of = self.of or {name: value.clone() for name, value in gradients.items() if value is not None}


def gradients_of(
    make_trainer: Callable, student: PreTrainedModel, *given: Any, **options: Any
) -> dict[str, torch.Tensor]:
    """Return the gradients, not clipped, of the first step of a training of a copy of the student."""
    callback = Gradients()
    make_trainer(copy.deepcopy(student), *given, callbacks=[callback], max_grad_norm=0.0, **options).train()
    assert callback.of
    return callback.of


def gradients_in_parts(
    parts: int, make_trainer: Callable, *models: PreTrainedModel, rows: list, **options: Any
) -> dict[str, torch.Tensor]:
    """Return the gradients of one step over all of the rows, in so many micro-batches."""
    cut = {"per_device_train_batch_size": len(rows) // parts, "gradient_accumulation_steps": parts}
    return gradients_of(make_trainer, *models, rows=rows, **cut, **options)


def assert_same_gradients(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> None:
    """Check that gradients are the same, and are some."""
    assert one.keys() == other.keys()
    largest = max(value.abs().max() for value in one.values())
    assert largest > 0
    for name, value in one.items():
        torch.testing.assert_close(
            other[name], value, rtol=1e-5, atol=float(1e-5 * largest), msg=lambda text, name=name: f"{name}: {text}"
        )
