# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""How the components of the loss are weighed against each other while the student is trained."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import nn

from hf_distill.errors import InputError
from hf_distill.features.whole import whole

Reduce = Callable[[torch.Tensor], torch.Tensor]
"""From a tensor of this process to its mean over processes."""


class Weighting(nn.Module):
    """
    The weights that the user gave, as they are.

    Args:
        names (`Sequence[str]`): The components that there may be: the task and the objectives.
    """

    reads_embeddings = False
    """Whether it reads the output of the student's embeddings."""

    def __init__(self, names: Sequence[str]):
        super().__init__()
        self.names = list(names)

    def learned(self) -> dict[str, torch.Tensor]:
        """Return what must leave the student's forward, where wrappers such as DDP look for what is in use."""
        return {}

    def observe(
        self, losses: Mapping[str, torch.Tensor], embeddings: torch.Tensor | None, step: int, reduce: Reduce
    ) -> None:
        """Look at the components of a micro-batch before they are combined."""

    def combine(
        self,
        losses: Mapping[str, torch.Tensor],
        weights: Mapping[str, float],
        learned: Mapping[str, torch.Tensor],
        share: float,
    ) -> torch.Tensor:
        """
        Return the total loss.

        Args:
            losses (`Mapping[str, torch.Tensor]`): The components, by name.
            weights (`Mapping[str, float]`): The weights that the user gave.
            learned (`Mapping[str, torch.Tensor]`): What `learned` returned, as it came out of the student's forward.
            share (`float`): The share of this micro-batch of one optimizer step.
        """
        factors = self.factors()
        return sum((weights[name] * factors.get(name, 1.0) * loss for name, loss in losses.items()), torch.zeros(()))

    def factors(self) -> dict[str, torch.Tensor]:
        """Return what the user's weights are multiplied by, on the device; nothing if they stay as they are."""
        return {}


class UncertaintyWeighting(Weighting):
    r"""
    Weights that are learned: \\( \sum_i w_i e^{-s_i} L_i + s_i \\), with a learned \\( s_i = \log \sigma_i^2 \\) of
    each component, which is 0 at the start. The larger a component stays, the smaller its weight becomes.

    Source: Kendall, Gal, Cipolla 2018, *Multi-Task Learning Using Uncertainty to Weigh Losses*, arXiv:1705.07115.

    Args:
        names (`Sequence[str]`): The components that there may be.
    """

    def __init__(self, names: Sequence[str]):
        super().__init__(names)
        self.log_variances = nn.Parameter(torch.zeros(len(self.names)))

    def learned(self) -> dict[str, torch.Tensor]:
        """Return the logarithms of the variances."""
        return {"log_variances": self.log_variances * 1.0}

    def combine(
        self,
        losses: Mapping[str, torch.Tensor],
        weights: Mapping[str, float],
        learned: Mapping[str, torch.Tensor],
        share: float,
    ) -> torch.Tensor:
        """Return the total loss; see [`Weighting.combine`]."""
        logarithms = dict(zip(self.names, learned["log_variances"]))
        # A component that has no weight now must not pull its variance down for ever.
        return sum(
            (
                weights[name] * torch.exp(-logarithms[name]) * loss + share * logarithms[name]
                for name, loss in losses.items()
                if weights[name] > 0
            ),
            torch.zeros(()),
        )

    def factors(self) -> dict[str, torch.Tensor]:
        """Return the learned factors."""
        return dict(zip(self.names, torch.exp(-whole(self.log_variances))))


class GradientNormWeighting(Weighting):
    """
    Weights under which every component pulls as hard as its given weight says.

    Each component's loss is multiplied by the mean of all components' gradient norms over its own. Norms are those of
    the gradient at the output of the student's embeddings, which every component reaches, in the first micro-batch of
    every `interval` optimizer steps, and are averaged over time.

    Source: after Chen et al. 2018, *GradNorm*, arXiv:1711.02257, with the balance computed and not learned.

    Args:
        names (`Sequence[str]`): The components that there may be.
        interval (`int`, *optional*, defaults to 20): Optimizer steps from one measurement to the next; each costs a
            backward pass of the student for every component.
        memory (`float`, *optional*, defaults to 0.7): Share of the old average in the new one.
    """

    reads_embeddings = True

    def __init__(self, names: Sequence[str], interval: int = 20, memory: float = 0.7):
        super().__init__(names)
        self.interval, self.memory = interval, memory
        self.register_buffer("norms", torch.zeros(len(self.names)))
        self._last_step = -1

    def observe(
        self, losses: Mapping[str, torch.Tensor], embeddings: torch.Tensor | None, step: int, reduce: Reduce
    ) -> None:
        """Measure the gradient norms, if it is time to."""
        if step % self.interval or step == self._last_step:
            return
        if not embeddings.requires_grad:
            raise InputError("objective_weighting: gradient_norm needs a student whose embeddings are trained")
        self._last_step = step
        found = torch.zeros_like(self.norms)
        for place, name in enumerate(self.names):
            if name in losses and losses[name].requires_grad:
                gradient = torch.autograd.grad(losses[name], embeddings, retain_graph=True, allow_unused=True)[0]
                found[place] = 0.0 if gradient is None else gradient.float().norm()
        found = reduce(found)
        averaged = torch.where(self.norms > 0, self.memory * self.norms + (1 - self.memory) * found, found)
        # A component that was not there, or had no unit in this micro-batch, keeps its average.
        self.norms.copy_(torch.where(found > 0, averaged, self.norms))

    def factors(self) -> dict[str, torch.Tensor]:
        """Return the factors; 1 for a component that has not been measured."""
        # All of it on the device: this is asked for in every step.
        measured = self.norms > 0
        mean = self.norms.sum() / measured.sum().clamp(min=1)
        return dict(zip(self.names, torch.where(measured, mean / self.norms, 1.0)))


WEIGHTINGS: dict[str, type[Weighting]] = {
    "fixed": Weighting,
    "uncertainty": UncertaintyWeighting,
    "gradient_norm": GradientNormWeighting,
}
"""How components may be weighed, by the value of `objective_weighting`."""
