# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Objectives on products of hidden states within an example."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import torch
from transformers import PretrainedConfig

from hf_distill.errors import InputError
from hf_distill.features.pooling import real_states
from hf_distill.objectives.layered import ExampleStatesObjective
from hf_distill.objectives.vectors import normalised

TwoLayers = tuple[torch.Tensor, torch.Tensor]


@dataclass
class NST(ExampleStatesObjective):
    r"""
    Maximum mean discrepancy between the neurons of student and teacher, mean over the mapped layers.

    \\( E\,k(t, t') + E\,k(s, s') - 2\,E\,k(s, t) \\) for each example, from 0 to 2, with
    \\( k(x, y) = (x^\top y)^2 \\). A sample s or t is one neuron: one feature of the hidden states, its activations
    at the example's real tokens being a vector that is normalised. It is computed as
    \\( \lVert G^s - G^t \rVert_F^2 \\) with \\( G = \frac{1}{d} \sum_n x_n x_n^\top \\), the mean over the d neurons
    of the products of their activations at two tokens, which is the same.

    For students of another width: which token activates how many neurons is compared, not which neurons, so no
    projection is learned. An example of one token teaches nothing.

    Args:
        weight (`float` or `dict`, *optional*, defaults to 1.0): Factor of this objective in the total loss, at least
            0, or the options of a [`Schedule`].
        focus (`dict`, *optional*): Options of a [`Focus`]: learn more, or only, where the teacher is sure or unsure.
        layers (`str` or `list`, *optional*, defaults to `"uniform"`): `"uniform"`, `"skip"`, `"last"`,
            `"auto"` or pairs `[[student, teacher], ...]`, 0 being the embeddings' output.

    Source: Huang, Wang 2017, *Like What You Like: Knowledge Distill via Neuron Selectivity Transfer*,
    arXiv:1707.01219, with its polynomial kernel.

    Example:

    ```python
    >>> student, teacher = torch.tensor([[[1.0], [0.0]]]), torch.tensor([[[3.0], [4.0]]])
    >>> NST().compare(student, teacher, torch.tensor([[True, True]]))
    tensor([1.2800])
    ```
    """

    name: ClassVar[str] = "nst"
    paper: ClassVar[str] = "Huang & Wang 2017 (NST), arXiv:1707.01219"
    projected: ClassVar[bool] = False

    def compare(self, student: torch.Tensor, teacher: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Compare hidden states `(batch, tokens, width)`, widths may differ, at real tokens; return `(batch,)`."""
        return (_selectivity(student, mask) - _selectivity(teacher, mask)).square().sum((1, 2))


@dataclass
class FSP(ExampleStatesObjective):
    r"""
    Mean squared difference of how one mapped layer goes over into the next, mean over these steps.

    \\( \frac{1}{d^2} \lVert G^s - G^t \rVert_F^2 \\) for each example, at least 0, with
    \\( G = \frac{1}{L} F_1^\top F_2 \\). \\( F_1 \\) and \\( F_2 \\), both `(L, d)`, are the hidden states at the
    example's L real tokens of two layers that follow each other in the layer map: with `layers: [[1, 2], [2, 4]]`
    layers 1 and 2 of the student, 2 and 4 of the teacher; three pairs make two steps. The student's go through a
    learned projection where the widths differ.

    For a student that should solve the task in the teacher's steps and not reproduce its states. G holds
    \\( d^2 \\) numbers for each example and step: 75 MB for 32 examples of width 768.

    Args:
        weight (`float` or `dict`, *optional*, defaults to 1.0): Factor of this objective in the total loss, at least
            0, or the options of a [`Schedule`].
        focus (`dict`, *optional*): Options of a [`Focus`]: learn more, or only, where the teacher is sure or unsure.
        layers (`str` or `list`, *optional*, defaults to `"uniform"`): `"uniform"` or pairs
            `[[student, teacher], ...]`, 2 or more, 0 being the embeddings' output.

    Source: Yim et al. 2017, *A Gift from Knowledge Distillation*, CVPR 2017.

    Example:

    ```python
    >>> first, second = torch.tensor([[[1.0], [2.0]]]), torch.tensor([[[3.0], [4.0]]])
    >>> FSP().compare((first, second), (first, second - 1.0), torch.tensor([[True, True]]))
    tensor([2.2500])
    ```
    """

    name: ClassVar[str] = "fsp"
    paper: ClassVar[str] = "Yim et al. 2017 (FSP), CVPR 2017"

    def bind(self, student: PretrainedConfig, teacher: PretrainedConfig) -> None:
        """Settle the layer map for these two models; it must have two pairs at least."""
        super().bind(student, teacher)
        depths = [student.num_hidden_layers, teacher.num_hidden_layers]
        if len(self.pairs) < 2:
            raise InputError(
                f"objective {self.name}: layers must give 2 pairs or more, as [[0, 0], {depths}] does; "
                f"{self.layers!r} gives {len(self.pairs)}"
            )

    def _compared(self, states: list[TwoLayers]) -> list[tuple[TwoLayers, TwoLayers]]:
        """Return two layers of the student and two of the teacher for each step."""
        student, teacher = zip(*states)
        return list(zip(pairwise(student), pairwise(teacher)))

    def compare(self, student: TwoLayers, teacher: TwoLayers, mask: torch.Tensor) -> torch.Tensor:
        """Compare two layers each, hidden states `(batch, tokens, width)`, at real tokens; return `(batch,)`."""
        return (_flow(*student, mask) - _flow(*teacher, mask)).square().mean((1, 2))


def _selectivity(states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Return the mean over neurons of the products of their activations at two tokens, `(batch, tokens, tokens)`."""
    neurons = normalised(real_states(states, mask), dim=1)
    return neurons @ neurons.transpose(1, 2) / states.shape[-1]


def _flow(first: torch.Tensor, second: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Return the mean over real tokens of the products of two layers' features, `(batch, width, width)`."""
    products = real_states(first, mask).transpose(1, 2) @ real_states(second, mask)
    return products / mask.sum(1).clamp(min=1)[:, None, None]
