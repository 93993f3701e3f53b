# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Objectives on the hidden states."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import torch
import torch.nn.functional as F

from hf_distill.features.layer_map import LayerPairs
from hf_distill.features.pooling import first_token
from hf_distill.objectives.layered import ExampleStatesObjective, HiddenStatesObjective
from hf_distill.objectives.vectors import normalised


@dataclass
class HiddenMSE(HiddenStatesObjective):
    r"""
    Mean squared difference of hidden states, over features and real tokens.

    \\( \frac{1}{d} \lVert W h^s - h^t \rVert^2 \\) for each token, at least 0; \\( W \\) is a learned projection where
    the widths differ, otherwise the identity.

    The usual choice beside an objective on the logits: each real token of each mapped layer teaches.

    Args:
        weight (`float` or `dict`, *optional*, defaults to 1.0): Factor of this objective in the total loss, at least
            0, or the options of a [`Schedule`].
        focus (`dict`, *optional*): Options of a [`Focus`]: learn more, or only, where the teacher is sure or unsure.
        layers (`str` or `list`, *optional*, defaults to `"uniform"`): `"uniform"`, `"skip"`, `"last"`,
            `"auto"` or pairs `[[student, teacher], ...]`, 0 being the embeddings' output.
        tokens (`str`, *optional*, defaults to `"real"`): Tokens that teach: `"real"` (all but padding), `"content"`
            (no special tokens either), or `"predicted"` (those whose logits count: first sub-tokens of words).

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
        # One pass forwards and one backwards; a mean over the features would be another.
        return F.mse_loss(student, teacher, reduction="none").sum(-1) / student.shape[-1]


@dataclass
class HiddenCosine(HiddenStatesObjective):
    r"""
    One minus the cosine between hidden states, for each real token, from 0 to 2.

    \\( 1 - \cos(W h^s, h^t) \\) for each token; \\( W \\) is a learned projection where the widths differ.

    For a student that need not copy the lengths of the teacher's vectors.

    Args:
        weight (`float` or `dict`, *optional*, defaults to 1.0): Factor of this objective in the total loss, at least
            0, or the options of a [`Schedule`].
        focus (`dict`, *optional*): Options of a [`Focus`]: learn more, or only, where the teacher is sure or unsure.
        layers (`str` or `list`, *optional*, defaults to `"uniform"`): `"uniform"`, `"skip"`, `"last"`,
            `"auto"` or pairs `[[student, teacher], ...]`, 0 being the embeddings' output.
        tokens (`str`, *optional*, defaults to `"real"`): Tokens that teach: `"real"` (all but padding), `"content"`
            (no special tokens either), or `"predicted"` (those whose logits count: first sub-tokens of words).

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
    Mean squared difference of the embeddings' outputs, over features and real tokens.

    \\( \frac{1}{d} \lVert W e^s - e^t \rVert^2 \\) for each token, at least 0: `hidden_mse` with
    `layers: [[0, 0]]`, under a weight of its own.

    For a student whose embeddings are new, because it is narrower than the teacher or not started from it. One that
    has the teacher's embeddings has nothing to learn here at first.

    Args:
        weight (`float` or `dict`, *optional*, defaults to 1.0): Factor of this objective in the total loss, at least
            0, or the options of a [`Schedule`].
        focus (`dict`, *optional*): Options of a [`Focus`]: learn more, or only, where the teacher is sure or unsure.
        tokens (`str`, *optional*, defaults to `"real"`): Tokens that teach: `"real"` (all but padding), `"content"`
            (no special tokens either), or `"predicted"` (those whose logits count: first sub-tokens of words).

    Source: Jiao et al. 2020, *TinyBERT*, arXiv:1909.10351, equation 9.

    Example:

    ```python
    >>> EmbeddingMSE().compare(torch.tensor([[[1.0, 1.0]]]), torch.zeros(1, 1, 2))
    tensor([[1.]])
    ```
    """

    name: ClassVar[str] = "embedding_mse"
    paper: ClassVar[str] = "Jiao et al. 2020 (TinyBERT), arXiv:1909.10351"

    layers: LayerPairs = field(default=((0, 0),), init=False, repr=False)


@dataclass
class PKD(ExampleStatesObjective):
    r"""
    Squared distance between the directions of the first token's hidden states, mean over the mapped layers.

    \\( \lVert h^s / \lVert h^s \rVert - h^t / \lVert h^t \rVert \rVert^2 = 2 - 2 \cos(h^s, h^t) \\) for each example,
    from 0 to 4; \\( h^s \\) goes through a learned projection where the widths differ. The first token is the first
    that is not padding. Vectors of another length change nothing. The paper sums over the layers where this takes the
    mean: its weight is to be multiplied by their number.

    For heads that read the first token, and several layers of a deeper teacher to follow; the paper leaves the last
    layer to the logits, and so does the layer map `"skip"`.

    Args:
        weight (`float` or `dict`, *optional*, defaults to 1.0): Factor of this objective in the total loss, at least
            0, or the options of a [`Schedule`].
        focus (`dict`, *optional*): Options of a [`Focus`]: learn more, or only, where the teacher is sure or unsure.
        layers (`str` or `list`, *optional*, defaults to `"uniform"`): `"uniform"`, `"skip"`, `"last"`,
            `"auto"` or pairs `[[student, teacher], ...]`, 0 being the embeddings' output.

    Source: Sun et al. 2019, *Patient Knowledge Distillation for BERT Model Compression*, arXiv:1908.09355.

    Example:

    ```python
    >>> student, teacher = torch.tensor([[[3.0, 4.0]]]), torch.tensor([[[1.0, 0.0]]])
    >>> PKD().compare(student, teacher, torch.tensor([[True]]))
    tensor([0.8000])
    ```
    """

    name: ClassVar[str] = "pkd"
    paper: ClassVar[str] = "Sun et al. 2019 (PKD), arXiv:1908.09355"

    @property
    def compared_pooling(self) -> str:
        """The first token."""
        return "first"

    def compare(self, student: torch.Tensor, teacher: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Compare hidden states `(batch, tokens, width)` at the first real token; return losses `(batch,)`."""
        difference = normalised(first_token(student, mask)) - normalised(first_token(teacher, mask))
        return difference.square().sum(-1)
