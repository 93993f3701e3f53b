# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Presets: what published systems learn from the teacher, as lists of objectives by name."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

from hf_distill.errors import InputError, nearest_name

Objectives = tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class Preset:
    """
    The objectives of a published system.

    Args:
        name (`str`): The name by which recipes call it.
        summary (`str`): What it does, in a line.
        objectives (`tuple[dict, ...]`): What the student learns from the teacher; nothing if it is fine-tuned on the
            labels alone.
        task_weight (`float`): Factor of the task loss beside them.
        intermediate (`tuple[dict, ...]`, *optional*): What it learns in a stage before that, where there is one.
        paper (`str`, *optional*): Where it comes from, and what is different here.

    Example:

    ```python
    >>> from hf_distill.presets import find_preset
    >>> [objective["name"] for objective in find_preset("tinybert").intermediate]
    ['embedding_mse', 'hidden_mse', 'attention_mse']
    ```
    """

    name: str
    summary: str
    objectives: Objectives
    task_weight: float
    intermediate: Objectives = ()
    paper: str = ""

    def to_recipe(self) -> dict[str, Any]:
        """Return the keys of a recipe that this preset stands for."""
        keys: dict[str, Any] = {"objectives": list(self.objectives), "task_weight": self.task_weight}
        if self.intermediate:
            keys["intermediate"] = {"objectives": list(self.intermediate)}
        return copy.deepcopy(keys)


PRESETS = {
    preset.name: preset
    for preset in (
        Preset(
            name="distilbert",
            summary="softened logits, and the directions of the last hidden states",
            objectives=(
                {"name": "logits_kl", "weight": 5.0, "temperature": 2.0},
                {"name": "hidden_cosine", "weight": 1.0, "layers": "last"},
            ),
            task_weight=2.0,
            paper="Sanh et al. 2019, arXiv:1910.01108: its three losses and their weights, the task in place of "
            "masked words",
        ),
        Preset(
            name="tinybert",
            summary="embeddings, hidden states and attention first, then logits",
            objectives=({"name": "logits_ce", "weight": 1.0, "temperature": 1.0},),
            task_weight=0.0,
            intermediate=(
                {"name": "embedding_mse", "weight": 1.0},
                {"name": "hidden_mse", "weight": 1.0, "layers": "uniform"},
                {"name": "attention_mse", "weight": 1.0, "layers": "uniform"},
            ),
            paper="Jiao et al. 2020, arXiv:1909.10351: task-specific distillation, without its augmentation",
        ),
        Preset(
            name="minilm",
            summary="attention and relations of values in the last layer first, then the labels alone",
            objectives=(),
            task_weight=1.0,
            intermediate=({"name": "minilm", "weight": 1.0, "layers": "last"},),
            paper="Wang et al. 2020, arXiv:2002.10957: there on unlabelled text of any kind, here on the task's",
        ),
        Preset(
            name="minilm-v2",
            summary="relations of queries, keys and values in the last layer first, then the labels alone",
            objectives=(),
            task_weight=1.0,
            intermediate=({"name": "minilm_v2", "weight": 1.0, "layers": "last"},),
            paper="Wang et al. 2021, arXiv:2012.15828: there on unlabelled text of any kind, here on the task's",
        ),
        Preset(
            name="pkd",
            summary="softened logits, and the first token's directions in all layers but the last",
            objectives=(
                {"name": "logits_kl", "weight": 0.5, "temperature": 5.0},
                {"name": "pkd", "weight": 10.0, "layers": "skip"},
            ),
            task_weight=0.5,
            paper="Sun et al. 2019, arXiv:1908.09355: PKD-skip, with values from the middle of its search",
        ),
        Preset(
            name="mobilebert",
            summary="hidden states and attention probabilities first, then logits beside the labels",
            objectives=({"name": "logits_kl", "weight": 0.5, "temperature": 1.0},),
            task_weight=0.5,
            intermediate=(
                {"name": "hidden_mse", "weight": 1.0, "layers": "uniform"},
                {"name": "attention_kl", "weight": 1.0, "layers": "uniform"},
            ),
            paper="Sun et al. 2020, arXiv:2004.02984: its knowledge transfer with all layers at once",
        ),
    )
}


def find_preset(name: str) -> Preset:
    """
    Return the preset of that name.

    Raises:
        InputError: If there is none; the message has the nearest name.
    """
    if name not in PRESETS:
        raise InputError(f"preset: there is no preset {name!r}{nearest_name(str(name), PRESETS)}")
    return PRESETS[name]
