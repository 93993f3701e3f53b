# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Which teacher layers the student's layers resemble most, measured on a sample."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from transformers import PreTrainedModel

from hf_distill.features.inputs import cast_inputs, input_names, select_inputs, without_labels
from hf_distill.features.layer_map import LayerPairs
from hf_distill.features.units import Unit, unit_masks

MOST_TOKENS = 1024


def linear_cka(one: torch.Tensor, other: torch.Tensor) -> float:
    r"""
    Return the linear centred kernel alignment of two sets of vectors of the same tokens.

    \\( \frac{\langle K, L \rangle}{\lVert K \rVert \lVert L \rVert} \\) with \\( K = \bar{X} \bar{X}^\top \\) and
    \\( L = \bar{Y} \bar{Y}^\top \\) of the centred vectors, from 0 to 1. Turning or scaling a set changes nothing.

    Args:
        one (`torch.Tensor`): `(tokens, width)`.
        other (`torch.Tensor`): `(tokens, other width)`.

    Source: Kornblith et al. 2019, *Similarity of Neural Network Representations Revisited*, arXiv:1905.00414.

    Example:

    ```python
    >>> vectors = torch.tensor([[1.0, 0.0], [0.0, 1.0], [3.0, 1.0]])
    >>> round(linear_cka(vectors, 2 * vectors.flip(1)), 6)
    1.0
    ```
    """
    return (_kernel(one) * _kernel(other)).sum().item()


def _kernel(vectors: torch.Tensor) -> torch.Tensor:
    """Return the products of centred vectors, scaled to norm 1; zeros where all vectors are the same."""
    centred = vectors.double() - vectors.double().mean(0)
    kernel = centred @ centred.T
    return kernel / kernel.norm().clamp(min=1e-12)


@torch.no_grad()
def resemblance(
    student: PreTrainedModel, teacher: PreTrainedModel, batches: Iterable[Mapping[str, torch.Tensor]]
) -> torch.Tensor:
    """
    Measure how much each layer of the student resembles each layer of the teacher.

    Args:
        student ([`~transformers.PreTrainedModel`]): The student; it is measured in eval mode.
        teacher ([`~transformers.PreTrainedModel`]): The teacher.
        batches (`Iterable[Mapping[str, torch.Tensor]]`): A sample of the training batches; at most 1,024 of their real
            tokens are used, spread evenly.

    Returns:
        `torch.Tensor`: The alignment (`linear_cka`) of student layer i with teacher layer j, `(student layers, teacher
        layers)`, the embeddings left out.
    """
    batches = list(batches)
    states = [_states_of_layers(model, batches) for model in (student, teacher)]
    chosen = torch.linspace(0, len(states[0][0]) - 1, min(MOST_TOKENS, len(states[0][0]))).round().long()
    kernels = [[_kernel(layer[chosen]) for layer in layers] for layers in states]
    return torch.tensor([[(own * other).sum().item() for other in kernels[1]] for own in kernels[0]])


def _states_of_layers(model: PreTrainedModel, batches: list[Mapping[str, torch.Tensor]]) -> list[torch.Tensor]:
    """Return the hidden states of the real tokens in every layer, `(tokens, width)` each, on the processor."""
    names = without_labels(input_names(model))
    training = model.training
    model.eval()
    parts = []
    for batch in batches:
        inputs = {name: value.to(model.device) for name, value in select_inputs(batch, names or None).items()}
        inputs = cast_inputs(inputs, model.dtype)
        layers = model(**inputs, output_hidden_states=True, return_dict=True)["hidden_states"][1:]
        mask = unit_masks(batch).get(Unit.TOKEN, torch.ones(layers[0].shape[:2], dtype=torch.bool))
        parts.append([states.float().cpu()[mask.cpu()] for states in layers])
    model.train(training)
    return [torch.cat(layer) for layer in zip(*parts)]


def most_alike(alignment: torch.Tensor) -> LayerPairs:
    """
    Pair each student layer with a teacher layer so that the sum of alignments is largest and layers stay in order.

    Args:
        alignment (`torch.Tensor`): `(student layers, teacher layers)`.

    Returns:
        `list[tuple[int, int]]`: `(student layer, teacher layer)` pairs, from 1; teacher layers climb, and repeat only
        if the student has more layers.

    Example:

    ```python
    >>> most_alike(torch.tensor([[0.9, 0.8, 0.1], [0.9, 0.2, 0.1]]))
    [(1, 1), (2, 2)]
    ```
    """
    depth, teachers = alignment.shape
    stride = 1 if depth <= teachers else 0
    best: list[tuple[float, LayerPairs]] = [(0.0, [])]
    # best[j]: the largest sum for the student layers so far with the last of them at teacher layer j.
    for layer in range(depth):
        after = []
        for teacher in range(teachers):
            earlier = best if layer == 0 else best[: teacher + 1 - stride]
            if earlier:
                total, pairs = max(earlier, key=lambda entry: entry[0])
                after.append((total + alignment[layer, teacher].item(), [*pairs, (layer + 1, teacher + 1)]))
            else:
                after.append((-torch.inf, []))
        best = after
    return max(best, key=lambda entry: entry[0])[1]
