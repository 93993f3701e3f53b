# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Objectives: the terms of the loss that compare student and teacher, a family per file."""

from __future__ import annotations

from hf_distill.objectives.base import LogitsObjective, Objective
from hf_distill.objectives.catalogue import build_objective, list_objectives, register_objective
from hf_distill.objectives.layered import (
    ExampleStatesObjective,
    HiddenStatesObjective,
    LayersObjective,
    TokensObjective,
)

__all__ = [
    "ExampleStatesObjective",
    "HiddenStatesObjective",
    "LayersObjective",
    "LogitsObjective",
    "Objective",
    "TokensObjective",
    "build_objective",
    "list_objectives",
    "register_objective",
]
