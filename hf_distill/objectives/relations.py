# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Objectives on the relations between the examples of a micro-batch."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F

from hf_distill.objectives.pooled import PooledObjective
from hf_distill.objectives.vectors import SHORTEST, normalised


@dataclass
class RelationsObjective(PooledObjective):
    """
    An objective that compares the examples of a micro-batch with each other, one vector each.

    Every example gets the value of its micro-batch. The mean over the examples of the global batch is thus the mean of
    the micro-batches' values, by their numbers of examples; it is not the value of one large batch. Examples without a
    real token take no part. The vectors are the student's and the teacher's own: where the widths differ, no
    projection is learned.

    Args:
        weight (`float` or `dict`, *optional*, defaults to 1.0): Factor of this objective in the total loss, at least
            0, or the options of a [`Schedule`].
        focus (`dict`, *optional*): Options of a [`Focus`]: learn more, or only, where the teacher is sure or unsure.
        layers (`str` or `list`, *optional*, defaults to `"uniform"`): `"uniform"`, `"skip"`, `"last"`,
            `"auto"` or pairs `[[student, teacher], ...]`, 0 being the embeddings' output.
        pooling (`str`, *optional*, defaults to `"mean"`): What makes an example's vector out of its tokens: `"mean"`
            of the real tokens, or the `"first"` of them.
    """

    projected: ClassVar[bool] = False

    def compare(self, student: torch.Tensor, teacher: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Compare hidden states `(batch, tokens, width)`, widths may differ, at real tokens; return `(batch,)`."""
        real = mask.any(1)
        student, teacher = (_of_mean_length_1(self._pool(states, mask), real) for states in (student, teacher))
        return self.relate(student, teacher, real).expand(len(mask))

    @abstractmethod
    def relate(self, student: torch.Tensor, teacher: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
        """Compare the relations among vectors `(batch, width)`, of `real` `(batch,)` ones; return one value."""


@dataclass
class RKDDistance(RelationsObjective):
    r"""
    Smooth L1 difference of the distances between examples, relative to their mean distance.

    \\( \frac{1}{B^2} \sum_{i,j} \ell\!\left( \frac{\lVert s_i - s_j \rVert}{\mu_s}, \frac{\lVert t_i - t_j
    \rVert}{\mu_t} \right) \\), at least 0, over the B examples of a micro-batch: \\( \mu \\) is the mean of their
    positive distances, \\( \ell(a, b) \\) is \\( \frac{1}{2} (a - b)^2 \\) up to a difference of 1 and
    \\( |a - b| - \frac{1}{2} \\) beyond. Every example gets the value of its micro-batch, so accumulation averages
    micro-batches; a micro-batch of one example gives 0. Vectors of another scale change nothing.

    For students whose space may be turned and scaled, as for retrieval and clustering, and for other widths. Needs
    micro-batches of many examples. The value is small: a weight of 25 is usual beside `rkd_angle` with 50.

    Args:
        weight (`float` or `dict`, *optional*, defaults to 1.0): Factor of this objective in the total loss, at least
            0, or the options of a [`Schedule`].
        focus (`dict`, *optional*): Options of a [`Focus`]: learn more, or only, where the teacher is sure or unsure.
        layers (`str` or `list`, *optional*, defaults to `"uniform"`): `"uniform"`, `"skip"`, `"last"`,
            `"auto"` or pairs `[[student, teacher], ...]`, 0 being the embeddings' output.
        pooling (`str`, *optional*, defaults to `"mean"`): What makes an example's vector out of its tokens: `"mean"`
            of the real tokens, or the `"first"` of them.

    Source: Park et al. 2019, *Relational Knowledge Distillation*, arXiv:1904.05068.

    Example:

    ```python
    >>> student, teacher = torch.tensor([[0.0], [1.0], [2.0]]), torch.tensor([[0.0], [1.0], [3.0]])
    >>> RKDDistance().relate(student, teacher, torch.ones(3, dtype=torch.bool))
    tensor(0.0139)
    ```
    """

    name: ClassVar[str] = "rkd_distance"
    paper: ClassVar[str] = "Park et al. 2019 (RKD), arXiv:1904.05068"

    def relate(self, student: torch.Tensor, teacher: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
        """Compare the distances among vectors `(batch, width)`, of `real` `(batch,)` ones; return one value."""
        pairs = real[:, None] & real[None, :]
        losses = F.smooth_l1_loss(
            _relative_distances(student, pairs), _relative_distances(teacher, pairs), reduction="none"
        )
        return _mean(losses, pairs)


@dataclass
class RKDAngle(RelationsObjective):
    r"""
    Smooth L1 difference of the cosines of the angles that three examples form.

    \\( \frac{1}{B^3} \sum_{i,j,k} \ell\!\left( \cos \angle s_i s_j s_k, \cos \angle t_i t_j t_k \right) \\), from 0 to
    1.5, over the triplets of different examples among the B of a micro-batch; \\( \cos \angle x_i x_j x_k \\) is the
    cosine between \\( x_i - x_j \\) and \\( x_k - x_j \\), \\( \ell(a, b) \\) is \\( \frac{1}{2} (a - b)^2 \\) up to
    a difference of 1 and \\( |a - b| - \frac{1}{2} \\) beyond. Every example gets the value of its micro-batch, so
    accumulation averages micro-batches; a micro-batch of fewer than three examples gives 0. Vectors of another scale
    change nothing.

    For what `rkd_distance` is for, together with it: angles say more than distances and cost more. Memory grows with
    \\( B^3 \\) and \\( B^2 d \\): some 200 MB for 128 examples of width 768, and each mapped layer adds as much.

    Args:
        weight (`float` or `dict`, *optional*, defaults to 1.0): Factor of this objective in the total loss, at least
            0, or the options of a [`Schedule`].
        focus (`dict`, *optional*): Options of a [`Focus`]: learn more, or only, where the teacher is sure or unsure.
        layers (`str` or `list`, *optional*, defaults to `"uniform"`): `"uniform"`, `"skip"`, `"last"`,
            `"auto"` or pairs `[[student, teacher], ...]`, 0 being the embeddings' output.
        pooling (`str`, *optional*, defaults to `"mean"`): What makes an example's vector out of its tokens: `"mean"`
            of the real tokens, or the `"first"` of them.

    Source: Park et al. 2019, *Relational Knowledge Distillation*, arXiv:1904.05068.

    Example:

    ```python
    >>> student = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    >>> teacher = torch.tensor([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0]])
    >>> RKDAngle().relate(student, teacher, torch.ones(3, dtype=torch.bool))
    tensor(0.1296)
    ```
    """

    name: ClassVar[str] = "rkd_angle"
    paper: ClassVar[str] = "Park et al. 2019 (RKD), arXiv:1904.05068"

    def relate(self, student: torch.Tensor, teacher: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
        """Compare the angles among vectors `(batch, width)`, of `real` `(batch,)` ones; return one value."""
        pairs = real[:, None] & real[None, :]
        different = ~torch.eye(len(real), dtype=torch.bool, device=real.device)
        # Entries are (apex j, end i, end k). With i = j or k = j both cosines are 0 anyway; with i = k there is no
        # angle, though the cosine is 1, or 0 where i and j are at the same place.
        angles = pairs[:, :, None] & pairs[:, None, :] & different
        losses = F.smooth_l1_loss(_cosines(student), _cosines(teacher), reduction="none")
        return torch.where(angles, losses, 0.0).sum() / real.sum().clamp(min=1) ** 3


@dataclass
class Similarity(RelationsObjective):
    r"""
    Squared difference of the similarities between examples, each example's being normalised.

    \\( \frac{1}{B^2} \lVert \tilde{G}^s - \tilde{G}^t \rVert_F^2 \\), from 0 to 4 / B, over the B examples of a
    micro-batch; \\( G = Q Q^\top \\) with a row of Q for the vector of each example, and \\( \tilde{G} \\) is G with
    rows of length 1. Every example gets the value of its micro-batch, so accumulation averages micro-batches; a
    micro-batch of one example gives 0. Vectors of another scale change nothing.

    For students of other widths: examples that are alike for the teacher should be alike for the student. The value
    shrinks with the batch, and weights in the thousands are usual.

    Args:
        weight (`float` or `dict`, *optional*, defaults to 1.0): Factor of this objective in the total loss, at least
            0, or the options of a [`Schedule`].
        focus (`dict`, *optional*): Options of a [`Focus`]: learn more, or only, where the teacher is sure or unsure.
        layers (`str` or `list`, *optional*, defaults to `"uniform"`): `"uniform"`, `"skip"`, `"last"`,
            `"auto"` or pairs `[[student, teacher], ...]`, 0 being the embeddings' output.
        pooling (`str`, *optional*, defaults to `"mean"`): What makes an example's vector out of its tokens: `"mean"`
            of the real tokens, or the `"first"` of them.

    Source: Tung, Mori 2019, *Similarity-Preserving Knowledge Distillation*, arXiv:1907.09682.

    Example:

    ```python
    >>> student, teacher = torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    >>> Similarity().relate(student, teacher, torch.ones(2, dtype=torch.bool))
    tensor(0.2929)
    ```
    """

    name: ClassVar[str] = "similarity"
    paper: ClassVar[str] = "Tung & Mori 2019 (SP), arXiv:1907.09682"

    def relate(self, student: torch.Tensor, teacher: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
        """Compare the similarities among vectors `(batch, width)`, of `real` `(batch,)` ones; return one value."""
        pairs = real[:, None] & real[None, :]
        difference = normalised(student @ student.T) - normalised(teacher @ teacher.T)
        return _mean(difference.square(), pairs)


def _of_mean_length_1(vectors: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
    """Scale all vectors by one factor, which changes no relation, so that what is mere rounding can be told."""
    mean = _mean(vectors.detach().square().sum(-1).sqrt(), real)
    return vectors / torch.where(mean > 0, mean, 1.0)


def _mean(values: torch.Tensor, chosen: torch.Tensor) -> torch.Tensor:
    return torch.where(chosen, values, 0.0).sum() / chosen.sum().clamp(min=1)


def _relative_distances(vectors: torch.Tensor, pairs: torch.Tensor) -> torch.Tensor:
    """Return the distances `(batch, batch)`, divided by the mean of the positive ones among `pairs`."""
    # Not by way of products, which would lose small distances; and the gradient at distance 0 is 0.
    distances = torch.cdist(vectors, vectors, compute_mode="donot_use_mm_for_euclid_dist")
    mean = _mean(distances, pairs & (distances > SHORTEST))
    return distances / torch.where(mean > 0, mean, 1.0)


def _cosines(vectors: torch.Tensor) -> torch.Tensor:
    """Return the cosine of the angle at j between i and k as entry (j, i, k)."""
    sides = normalised(vectors[None, :] - vectors[:, None])
    return sides @ sides.transpose(1, 2)
