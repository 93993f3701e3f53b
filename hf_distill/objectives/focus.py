# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Which examples an objective learns from, and how much, by how sure the teacher is of them."""

from __future__ import annotations

import math
from typing import Literal

import torch
from pydantic import Field, model_validator

from hf_distill.errors import InputError
from hf_distill.objectives.option_groups import OptionGroup


class Focus(OptionGroup):
    r"""
    A factor for the loss of each example or token, from what the teacher's logits say of it.

    \\( H = -\frac{1}{\log C} \sum_c p_c \log p_c \\), the entropy of the teacher's \\( p = \mathrm{softmax}(z) \\)
    over C classes, is 0 where it is sure and 1 where it cannot tell at all. What is left out counts as a loss of 0: a
    mean still divides by all examples, so that it does not depend on how the batch is cut.

    Args:
        weigh_by (`str`, *optional*): `"confidence"`: the factor is \\( \max_c p_c \\); `"entropy"`: it is H.
        entropy_above (`float`, *optional*): Learn only where H is above this, from 0 to 1.
        entropy_below (`float`, *optional*): Learn only where H is below this, from 0 to 1.

    Example:

    ```python
    >>> Focus(entropy_below=0.9).factors(torch.tensor([[0.0, 0.0], [5.0, 0.0]]))
    tensor([0., 1.])
    ```
    """

    weigh_by: Literal["confidence", "entropy"] | None = None
    entropy_above: float | None = Field(None, ge=0, le=1)
    entropy_below: float | None = Field(None, ge=0, le=1)

    @model_validator(mode="after")
    def _chooses_something(self) -> Focus:
        if self.weigh_by is None and self.entropy_above is None and self.entropy_below is None:
            raise ValueError("needs weigh_by, entropy_above or entropy_below")
        if None not in (self.entropy_above, self.entropy_below) and self.entropy_above >= self.entropy_below:
            raise ValueError("entropy_above must be less than entropy_below")
        return self

    @torch.no_grad()
    def factors(self, logits: torch.Tensor) -> torch.Tensor:
        """
        Return the factors `(...,)` for the teacher's logits `(..., classes)`.

        Raises:
            InputError: If there is one class only, as a regression head has.
        """
        if logits.shape[-1] < 2:
            raise InputError("focus: needs a teacher that chooses among two classes or more; this one gives a value")
        log_probabilities = logits.log_softmax(-1)
        probabilities = log_probabilities.exp()
        entropy = -(probabilities * log_probabilities).sum(-1) / math.log(logits.shape[-1])
        factors = {"confidence": probabilities.amax(-1), "entropy": entropy}.get(
            self.weigh_by, torch.ones_like(entropy)
        )
        if self.entropy_above is not None:
            factors = torch.where(entropy > self.entropy_above, factors, 0.0)
        if self.entropy_below is not None:
            factors = torch.where(entropy < self.entropy_below, factors, 0.0)
        return factors
