# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Objectives on the hidden states."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F

from hf_distill.objectives.base import HiddenStatesObjective


@dataclass
class HiddenMSE(HiddenStatesObjective):
    r"""
    Mean squared difference of hidden states, over features and real tokens.

    \\( \frac{1}{d} \lVert W h^s - h^t \rVert^2 \\) for each token, at least 0; \\( W \\) is a learned projection where
    the widths differ, otherwise the identity.

    Args:
        weight (`float`, *optional*, defaults to 1.0): Factor of this objective in the total loss, at least 0.
        layers (`str` or `list`, *optional*, defaults to `"uniform"`): `"uniform"`, `"last"` or pairs
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
        layers (`str` or `list`, *optional*, defaults to `"uniform"`): `"uniform"`, `"last"` or pairs
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
