# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Learned maps between the widths of student and teacher."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import nn

KINDS = ("linear", "mlp")
STARTS = ("orthogonal", "random")
DIRECTIONS = ("student_to_teacher", "teacher_to_student")
SHARED = "shared"


@dataclass(frozen=True)
class MapOptions:
    """
    What the maps are.

    Args:
        kind (`str`, *optional*, defaults to `"linear"`): `"linear"`, only where widths differ, or `"mlp"`: two linear
            layers with a GELU between them, wherever layers are compared.
        start (`str`, *optional*, defaults to `"orthogonal"`): Initial weights: `"orthogonal"`, which keep lengths and
            angles, so that an objective begins with the geometry of the student, or `"random"`, as torch draws them.
        shared (`bool`, *optional*, defaults to `False`): Whether one map serves all pairs of layers.
        direction (`str`, *optional*, defaults to `"student_to_teacher"`): Whose states are mapped into whose width.
    """

    kind: str = "linear"
    start: str = "orthogonal"
    shared: bool = False
    direction: str = "student_to_teacher"

    @property
    def from_teacher(self) -> bool:
        """Whether the teacher's states are mapped into the student's width."""
        return self.direction == "teacher_to_student"


class LayerMaps(nn.ModuleDict):
    """
    A learned map for each pair of layers, or one for all.

    Args:
        pairs (`Iterable[tuple[int, int]]`): `(student layer, teacher layer)` pairs.
        student_width (`int`): Width of the student's hidden states.
        teacher_width (`int`): Width of the teacher's hidden states.
        options ([`MapOptions`], *optional*): What the maps are.
        seed (`int`, *optional*, defaults to 42): Seed of the initial weights; every process must give the same.
    """

    def __init__(
        self,
        pairs: Iterable[tuple[int, int]],
        student_width: int,
        teacher_width: int,
        options: MapOptions | None = None,
        seed: int = 42,
    ):
        super().__init__()
        self.options = options or MapOptions()
        widths = student_width, teacher_width
        if student_width == teacher_width and self.options.kind == "linear":
            return
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            for name in dict.fromkeys(self.name_of(pair) for pair in pairs):
                self[name] = _make(*(reversed(widths) if self.options.from_teacher else widths), self.options)

    def name_of(self, pair: tuple[int, int]) -> str:
        """Return the name of the map of a pair."""
        return SHARED if self.options.shared else f"{pair[0]}_{pair[1]}"

    def apply_to(self, pair: tuple[int, int], states: torch.Tensor) -> torch.Tensor:
        """Map hidden states `(batch, tokens, width)` of a pair; without a map they stay what they are."""
        name = self.name_of(pair)
        if name not in self:
            return states
        # The maps stay in 32 bits beside a student that was loaded in fewer.
        return self[name](states.to(next(self[name].parameters()).dtype))


def _make(inputs: int, outputs: int, options: MapOptions) -> nn.Module:
    if options.kind == "linear":
        return _linear(inputs, outputs, options.start)
    return nn.Sequential(_linear(inputs, outputs, options.start), nn.GELU(), _linear(outputs, outputs, options.start))


def _linear(inputs: int, outputs: int, start: str) -> nn.Linear:
    linear = nn.Linear(inputs, outputs)
    if start == "orthogonal":
        nn.init.orthogonal_(linear.weight)
        nn.init.zeros_(linear.bias)
    return linear
