# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Keeping a part of hidden states: principal components, or the features that vary most."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from hf_distill.errors import InputError

BATCH = 4096
"""Vectors that the components are fitted on at a time."""


@dataclass
class Reduction:
    """
    What is kept of vectors of one layer.

    Args:
        components (`torch.Tensor`): `(kept, width)`, rows of length 1 at right angles to each other.
        mean (`torch.Tensor`): `(width,)`, the mean vector.
    """

    components: torch.Tensor
    mean: torch.Tensor

    def to(self, device: torch.device) -> Reduction:
        """Return it on another device."""
        return Reduction(self.components.to(device), self.mean.to(device))

    def reduce(self, vectors: torch.Tensor) -> torch.Tensor:
        """Return what is kept of vectors `(..., width)`, `(..., kept)`, less what the mean vector has of it."""
        return (vectors - self.mean) @ self.components.T

    def restore(self, kept: torch.Tensor) -> torch.Tensor:
        """Return vectors `(..., width)` with these parts; what was not kept is the mean vector's."""
        return torch.addmm(self.mean, kept.flatten(0, -2), self.components).view(*kept.shape[:-1], -1)

    def compared(self, vectors: torch.Tensor) -> torch.Tensor:
        """
        Return what is compared, `(..., kept)`, of a student's vectors `(..., width)`.

        A mean over what is kept is then the part of the mean over the whole width that these differences have.
        """
        return vectors @ (self.components * self._share).T

    def compared_of_kept(self, kept: torch.Tensor) -> torch.Tensor:
        """Return what is compared of a teacher's vectors of which `kept` was kept."""
        return (kept + self.mean @ self.components.T) * self._share

    @property
    def _share(self) -> float:
        kept, width = self.components.shape
        return (kept / width) ** 0.5


def fit_reduction(kind: str, vectors: np.ndarray, size: float) -> Reduction:
    """
    Find what to keep.

    Args:
        kind (`str`): `"pca"` or `"select"`.
        vectors (`np.ndarray`): `(number, width)`, a sample.
        size (`int` or `float`): How many numbers to keep, or, below 1, the share of the variance that they must have.

    Raises:
        InputError: If there are fewer features, or fewer vectors, than are to be kept.
    """
    number, width = vectors.shape
    if size >= 1 and size > min(number, width):
        raise InputError(f"compression.{kind}: {size} is more than the {min(number, width)} that {number} tokens give")
    directions, variances = (_principal_components if kind == "pca" else _features)(vectors, size)
    kept = int(size) if size >= 1 else _number_with_share(variances, size, vectors.var(0).sum())
    components = torch.from_numpy(np.ascontiguousarray(directions[:kept])).float()
    return Reduction(components, torch.from_numpy(vectors.mean(0)).float())


def _principal_components(vectors: np.ndarray, size: float) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.decomposition import IncrementalPCA

    kept = int(size) if size >= 1 else min(vectors.shape)
    # Each part must hold as many vectors as components are kept.
    fitted = IncrementalPCA(n_components=kept, batch_size=max(BATCH, 2 * vectors.shape[1])).fit(vectors)
    # As NumPy has it: the mean of the squares, not their sum by one vector less.
    return fitted.components_, fitted.explained_variance_ * (1 - 1 / len(vectors))


def _features(vectors: np.ndarray, size: float) -> tuple[np.ndarray, np.ndarray]:
    variances = vectors.var(0)
    order = np.argsort(-variances, kind="stable")
    return np.eye(vectors.shape[1])[order], variances[order]


def _number_with_share(variances: np.ndarray, share: float, total: float) -> int:
    reached = np.cumsum(variances) >= share * total
    return int(reached.argmax()) + 1 if reached.any() else len(variances)
