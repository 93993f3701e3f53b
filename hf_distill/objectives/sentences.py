# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Objectives on the one vector that stands for a whole text."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import torch
import torch.nn.functional as F

from hf_distill.objectives.pooled import PooledObjective
from hf_distill.objectives.vectors import normalised


@dataclass
class SentenceObjective(PooledObjective):
    """
    An objective that compares the vector of each example with the teacher's.

    Args:
        weight (`float` or `dict`, *optional*, defaults to 1.0): Factor of this objective in the total loss, at least
            0, or the options of a [`Schedule`].
        focus (`dict`, *optional*): Options of a [`Focus`]: learn more, or only, where the teacher is sure or unsure.
        layers (`str` or `list`, *optional*, defaults to `"last"`): `"uniform"`, `"skip"`, `"last"`,
            `"auto"` or pairs `[[student, teacher], ...]`, 0 being the embeddings' output.
        pooling (`str`, *optional*, defaults to `"mean"`): What makes an example's vector out of its tokens: `"mean"`
            of the real tokens, or the `"first"` of them.
    """

    reads: ClassVar[str] = "vectors of whole texts"

    layers: str | Sequence[Sequence[int]] = field(
        default="last",
        metadata={"help": 'Layer map: "uniform", "skip", "last", "auto" or [[student, teacher], ...]; 0: embeddings.'},
    )

    def compare(self, student: torch.Tensor, teacher: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Compare hidden states `(batch, tokens, width)`, pooled at the real tokens of `mask`; return `(batch,)`."""
        return self.compare_vectors(self._pool(student, mask), self._pool(teacher, mask))

    @abstractmethod
    def compare_vectors(self, student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
        """Compare vectors `(batch, width)` and return losses `(batch,)`."""


@dataclass
class SentenceMSE(SentenceObjective):
    r"""
    Mean squared difference of the vectors of whole texts, over features.

    \\( \frac{1}{d} \lVert W p(h^s) - p(h^t) \rVert^2 \\) for each example, at least 0; \\( p \\) pools the hidden
    states of the real tokens, before any scaling to length 1, and \\( W \\) is a learned projection where the widths
    differ, otherwise the identity.

    For a student whose vectors should lie where the teacher's lie, lengths included, so that both can be compared with
    each other.

    Args:
        weight (`float` or `dict`, *optional*, defaults to 1.0): Factor of this objective in the total loss, at least
            0, or the options of a [`Schedule`].
        focus (`dict`, *optional*): Options of a [`Focus`]: learn more, or only, where the teacher is sure or unsure.
        layers (`str` or `list`, *optional*, defaults to `"last"`): `"uniform"`, `"skip"`, `"last"`,
            `"auto"` or pairs `[[student, teacher], ...]`, 0 being the embeddings' output.
        pooling (`str`, *optional*, defaults to `"mean"`): What makes an example's vector out of its tokens: `"mean"`
            of the real tokens, or the `"first"` of them.

    Source: Reimers, Gurevych 2020, *Making Monolingual Sentence Embeddings Multilingual using Knowledge Distillation*,
    arXiv:2004.09813.

    Example:

    ```python
    >>> SentenceMSE().compare_vectors(torch.tensor([[1.0, 3.0]]), torch.tensor([[1.0, 1.0]]))
    tensor([2.])
    ```
    """

    name: ClassVar[str] = "sentence_mse"
    paper: ClassVar[str] = "Reimers & Gurevych 2020, arXiv:2004.09813"

    def compare_vectors(self, student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
        """Compare vectors `(batch, width)` and return losses `(batch,)`."""
        return F.mse_loss(student, teacher, reduction="none").mean(-1)


@dataclass
class SentenceCosine(SentenceObjective):
    r"""
    One minus the cosine between the vectors of whole texts, from 0 to 2.

    \\( 1 - \cos(W p(h^s), p(h^t)) \\) for each example; \\( p \\) pools the hidden states of the real tokens, and
    \\( W \\) is a learned projection where the widths differ. Vectors of another length change nothing.

    For sentence embeddings that are compared by their cosine, where lengths do not count.

    Args:
        weight (`float` or `dict`, *optional*, defaults to 1.0): Factor of this objective in the total loss, at least
            0, or the options of a [`Schedule`].
        focus (`dict`, *optional*): Options of a [`Focus`]: learn more, or only, where the teacher is sure or unsure.
        layers (`str` or `list`, *optional*, defaults to `"last"`): `"uniform"`, `"skip"`, `"last"`,
            `"auto"` or pairs `[[student, teacher], ...]`, 0 being the embeddings' output.
        pooling (`str`, *optional*, defaults to `"mean"`): What makes an example's vector out of its tokens: `"mean"`
            of the real tokens, or the `"first"` of them.

    Source: Zhang et al. 2024, *Jasper and Stella: distillation of SOTA embedding models*, arXiv:2412.19048.

    Example:

    ```python
    >>> SentenceCosine().compare_vectors(torch.tensor([[3.0, 4.0]]), torch.tensor([[1.0, 0.0]]))
    tensor([0.4000])
    ```
    """

    name: ClassVar[str] = "sentence_cosine"
    paper: ClassVar[str] = "Zhang et al. 2024 (Jasper and Stella), arXiv:2412.19048"

    def compare_vectors(self, student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
        """Compare vectors `(batch, width)` and return losses `(batch,)`."""
        # Of vectors of length 1, half the squared distance, which is 0 where they are equal.
        return 0.5 * (normalised(student) - normalised(teacher)).square().sum(-1)
