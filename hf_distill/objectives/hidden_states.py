# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Objectives on the hidden states."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import torch
import torch.nn.functional as F

from hf_distill.features.units import Unit
from hf_distill.objectives.base import HiddenStatesObjective


@dataclass
class HiddenMSE(HiddenStatesObjective):
    r"""
    Mean squared difference of hidden states, over features and real tokens.

    \\( \frac{1}{d} \lVert W h^s - h^t \rVert^2 \\) for each token, at least 0; \\( W \\) is a learned projection where
    the widths differ, otherwise the identity.

    Args:
        weight (`float`, *optional*, defaults to 1.0): Factor of this objective in the total loss, at least 0.
        layers (`str` or `list`, *optional*, defaults to `"uniform"`): `"uniform"`, `"skip"`, `"last"` or pairs
            `[[student, teacher], ...]`, 0 being the embeddings' output.

    Source: Jiao et al. 2020, *TinyBERT*, arXiv:1909.10351, equation 8.

    Example:

    ```python
    >>> HiddenMSE().compare(torch.tensor([[[1.0, 1.0]]]), torch.zeros(1, 1, 2))
    tensor([[1.]])
    ```
    """

    name: ClassVar[str] = "hidden_mse"
    paper: ClassVar[str] = "Jiao et al. 2020 (TinyBERT), arXiv:1909.10351"

    def compare(self, student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
        """Compare hidden states `(batch, tokens, width)` and return losses `(batch, tokens)`."""
        return (student - teacher).square().mean(-1)


@dataclass
class HiddenCosine(HiddenStatesObjective):
    r"""
    One minus the cosine between hidden states, for each real token, from 0 to 2.

    Args:
        weight (`float`, *optional*, defaults to 1.0): Factor of this objective in the total loss, at least 0.
        layers (`str` or `list`, *optional*, defaults to `"uniform"`): `"uniform"`, `"skip"`, `"last"` or pairs
            `[[student, teacher], ...]`, 0 being the embeddings' output.

    Source: Sanh et al. 2019, *DistilBERT*, arXiv:1910.01108.

    Example:

    ```python
    >>> HiddenCosine().compare(torch.tensor([[[1.0, 0.0]]]), torch.tensor([[[1.0, 1.0]]]))
    tensor([[0.2929]])
    ```
    """

    name: ClassVar[str] = "hidden_cosine"
    paper: ClassVar[str] = "Sanh et al. 2019 (DistilBERT), arXiv:1910.01108"

    def compare(self, student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
        """Compare hidden states `(batch, tokens, width)` and return losses `(batch, tokens)`."""
        return 1.0 - F.cosine_similarity(student, teacher, dim=-1)


@dataclass
class EmbeddingMSE(HiddenMSE):
    r"""
    Mean squared difference of the embeddings' outputs, over features and real tokens: `hidden_mse` on layer 0.

    At least 0. For a student whose embeddings are not the teacher's own, such as a narrower one.

    Args:
        weight (`float`, *optional*, defaults to 1.0): Factor of this objective in the total loss, at least 0.

    Source: Jiao et al. 2020, *TinyBERT*, arXiv:1909.10351, equation 9.

    Example:

    ```python
    >>> objective = EmbeddingMSE()
    >>> objective.bind(student_layers=2, teacher_layers=6)
    >>> objective.pairs
    [(0, 0)]
    ```
    """

    name: ClassVar[str] = "embedding_mse"

    layers: Sequence[Sequence[int]] = field(default=((0, 0),), init=False, repr=False)


@dataclass
class PKD(HiddenStatesObjective):
    r"""
    Squared distance of the first tokens' hidden states, each divided by its length: patient knowledge distillation.

    \\( \lVert h^s / \lVert h^s \rVert - h^t / \lVert h^t \rVert \rVert^2 = 2 - 2 \cos(h^s, h^t) \\) for each example,
    from 0 to 4; lengths do not matter. The paper pairs the layers below the last one, which is the layer map `"skip"`;
    the last is left to the objective on the logits. For heads that read the first token.

    Args:
        weight (`float`, *optional*, defaults to 1.0): Factor of this objective in the total loss, at least 0.
        layers (`str` or `list`, *optional*, defaults to `"skip"`): `"uniform"`, `"skip"`, `"last"` or pairs
            `[[student, teacher], ...]`, 0 being the embeddings' output.

    Source: Sun et al. 2019, *Patient Knowledge Distillation for BERT Model Compression*, arXiv:1908.09355, equation 7.

    Example:

    ```python
    >>> PKD().compare(torch.tensor([[[3.0, 4.0]]]), torch.tensor([[[1.0, 0.0]]]))
    tensor([0.8000])
    ```
    """

    name: ClassVar[str] = "pkd"
    paper: ClassVar[str] = "Sun et al. 2019 (PKD), arXiv:1908.09355"

    layers: str | Sequence[Sequence[int]] = field(
        default="skip", metadata=HiddenStatesObjective.__dataclass_fields__["layers"].metadata
    )

    def unit(self, losses: torch.Tensor) -> Unit:
        """Examples."""
        return Unit.EXAMPLE

    def compare(self, student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
        """Compare hidden states `(batch, tokens, width)` and return losses `(batch,)`."""
        student, teacher = F.normalize(student[:, 0], dim=-1), F.normalize(teacher[:, 0], dim=-1)
        return (student - teacher).square().sum(-1)
