# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""An objective that asks the student to recognise each example in the teacher's space."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import torch

from hf_distill.objectives.pooled import PooledObjective
from hf_distill.objectives.vectors import normalised

SMALLEST = 1e-30


@dataclass
class CRD(PooledObjective):
    r"""
    Noise-contrastive loss of telling the teacher's vector of the same example from those of the others.

    \\( -\log \frac{P_{ii}}{P_{ii} + m P_n} - \sum_{j \neq i} \log \frac{m P_n}{P_{ij} + m P_n} \\) for example i, at
    least \\( \log (1 + m P_n) \\), with \\( P_{ij} = \mathrm{softmax}_j (s_i^\top t_j / \tau) \\) over the B examples
    of the micro-batch, vectors of length 1, m = B - 1 others and \\( P_n = 1 / B \\). The negatives are the other
    examples of the micro-batch and not a memory of all data, so that the value is that of each micro-batch, and a
    micro-batch of one example gives 0. The student's states go through a learned projection where the widths differ.

    For spaces in which examples are to be told apart, as for retrieval; needs micro-batches of many examples. A copy
    of the teacher still has something to learn here: others that are near are pushed away.

    Args:
        weight (`float` or `dict`, *optional*, defaults to 1.0): Factor of this objective in the total loss, at least
            0, or the options of a [`Schedule`].
        focus (`dict`, *optional*): Options of a [`Focus`]: learn more, or only, where the teacher is sure or unsure.
        layers (`str` or `list`, *optional*, defaults to `"last"`): `"uniform"`, `"skip"`, `"last"`,
            `"auto"` or pairs `[[student, teacher], ...]`, 0 being the embeddings' output.
        pooling (`str`, *optional*, defaults to `"mean"`): What makes an example's vector out of its tokens: `"mean"`
            of the real tokens, or the `"first"` of them.
        temperature (`float`, *optional*, defaults to 0.07): Temperature \\( \tau \\) of the cosines, above 0.

    Source: Tian, Krishnan, Isola 2020, *Contrastive Representation Distillation*, arXiv:1910.10699.

    Example:

    ```python
    >>> vectors = torch.tensor([[[1.0, 0.0]], [[0.0, 1.0]]])
    >>> CRD(temperature=1.0).compare(vectors, vectors, torch.ones(2, 1, dtype=torch.bool))
    tensor([0.9515, 0.9515])
    ```
    """

    name: ClassVar[str] = "crd"
    paper: ClassVar[str] = "Tian et al. 2020 (CRD), arXiv:1910.10699"

    layers: str = field(
        default="last",
        metadata={"help": 'Layer map: "uniform", "skip", "last", "auto" or [[student, teacher], ...]; 0: embeddings.'},
    )
    temperature: float = field(default=0.07, metadata={"help": "Temperature of the cosines; above 0."})

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_number("temperature", above=0.0)

    def compare(self, student: torch.Tensor, teacher: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Compare hidden states `(batch, tokens, width)` at the real tokens of `mask`; return losses `(batch,)`."""
        real = mask.any(1)
        cosines = normalised(self._pool(student, mask)) @ normalised(self._pool(teacher, mask)).T
        scores = (cosines / self.temperature).masked_fill(~real, torch.finfo(cosines.dtype).min)
        log_probabilities = scores.log_softmax(-1)
        number = real.sum().clamp(min=1).to(cosines.dtype)
        # m P_n, kept above 0 for the logarithm: one example alone has no negatives.
        noise = ((number - 1) / number).clamp(min=SMALLEST).log()
        mixed = torch.logaddexp(log_probabilities, noise)
        positive = (mixed - log_probabilities).diagonal()
        others = real & ~torch.eye(len(real), dtype=torch.bool, device=real.device)
        losses = positive + torch.where(others, mixed - noise, 0.0).sum(1)
        return torch.where(number > 1, losses, 0.0)
