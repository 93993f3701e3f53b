# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import pytest
import torch

from hf_distill.objectives import products
from hf_distill.objectives.products import DIVERGENCE, SQUARES, Comparison, Vectors, compare_products

HEADS = 2
PADDED = torch.tensor([[True, True, True, False], [True, False, False, False], [False, False, False, False]])
WHOLE = torch.ones(3, 4, dtype=torch.bool)
every_comparison = pytest.mark.parametrize("comparison", [DIVERGENCE, SQUARES], ids=["divergence", "squares"])
every_mask = pytest.mark.parametrize("mask", [PADDED, WHOLE], ids=["padded", "whole"])


def vectors(width: int, seed: int) -> Vectors:
    return tuple(torch.randn(2, 3, 4, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64))


def plain(comparison: Comparison, student: Vectors, teacher: Vectors, heads: int, mask: torch.Tensor) -> torch.Tensor:
    def scores(vectors: Vectors) -> torch.Tensor:
        rows, columns = (part.unflatten(-1, (heads, -1)).transpose(1, 2) for part in vectors)
        return rows @ columns.mT / rows.shape[-1] ** 0.5

    ours, theirs, padding = scores(student), scores(teacher), ~mask[:, None, None, :]
    if comparison is SQUARES:
        return (ours - theirs).square().masked_fill(padding, 0.0).sum(-1).mean(1)
    log_q, log_p = (entry.masked_fill(padding, -1e30).log_softmax(-1) for entry in (ours, theirs))
    return (log_p.exp() * (log_p - log_q)).sum(-1).mean(1)


@every_comparison
@every_mask
@pytest.mark.parametrize("cached", [1, 48, 2**19])
@pytest.mark.parametrize("weights", [torch.arange(12.0).view(3, 4), torch.tensor([[0.5], [0.0], [-2.0]]).expand(3, 4)])
def test_value_and_gradient_are_those_of_plain_operations(
    comparison: Comparison, mask: torch.Tensor, weights: torch.Tensor, cached: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(products, "CACHED", cached)
    student, teacher = vectors(10, 0), vectors(6, 1)
    gradients = []
    for function in (compare_products, plain):
        leaves = [tensor.clone().requires_grad_() for tensor in student]
        losses = function(comparison, tuple(leaves), teacher, HEADS, mask)
        (losses * weights * mask).sum().backward()
        gradients.append([losses.detach()[mask], *(leaf.grad[mask] for leaf in leaves)])
        assert not any(leaf.grad[~mask].any() for leaf in leaves)
    for own, expected in zip(*gradients):
        torch.testing.assert_close(own, expected)


@every_comparison
def test_other_devices_take_all_at_once(comparison: Comparison) -> None:
    student, teacher = vectors(10, 0), vectors(6, 1)
    leaves = [tensor.to("meta").requires_grad_() for tensor in student]
    losses = compare_products(
        comparison, tuple(leaves), tuple(part.to("meta") for part in teacher), HEADS, WHOLE.to("meta")
    )
    losses.sum().backward()
    assert losses.shape == (3, 4) and all(leaf.grad.shape == leaf.shape for leaf in leaves)


@every_comparison
@every_mask
def test_the_gradient_is_that_of_finite_differences(comparison: Comparison, mask: torch.Tensor) -> None:
    own, teacher = tuple(tensor.requires_grad_() for tensor in vectors(6, 0)), vectors(4, 1)

    def compare(*own: torch.Tensor) -> torch.Tensor:
        return compare_products(comparison, own, teacher, HEADS, mask)[mask]

    assert torch.autograd.gradcheck(compare, own)


@every_comparison
def test_the_same_vectors_as_rows_and_columns_get_both_gradients(comparison: Comparison) -> None:
    (own, _), teacher = vectors(6, 0), vectors(4, 1)
    own.requires_grad_()

    def compare(vector: torch.Tensor) -> torch.Tensor:
        return compare_products(comparison, (vector, vector), teacher, HEADS, PADDED)[PADDED]

    assert torch.autograd.gradcheck(compare, (own,))


@every_comparison
def test_what_is_in_the_padding_does_not_matter(comparison: Comparison) -> None:
    found = []
    for filler in (0.0, float("nan")):
        student, teacher = vectors(6, 0), vectors(6, 1)
        for tensor in (*student, *teacher):
            tensor[~PADDED] = filler
        leaves = [tensor.requires_grad_() for tensor in student]
        losses = compare_products(comparison, tuple(leaves), teacher, HEADS, PADDED)
        torch.where(PADDED, losses, 0.0).sum().backward()
        found.append([losses.detach()[PADDED], *(leaf.grad for leaf in leaves)])
    for one, other in zip(*found):
        assert one.equal(other)


@every_comparison
def test_half_precision_gets_its_gradient_in_half_precision(comparison: Comparison) -> None:
    own, teacher = (tuple(part.bfloat16() for part in vectors(6, seed)) for seed in (0, 1))
    leaves = [tensor.requires_grad_() for tensor in own]
    losses = compare_products(comparison, tuple(leaves), teacher, HEADS, PADDED)
    losses.sum().backward()
    assert losses.dtype == torch.float32 and all(leaf.grad.dtype == torch.bfloat16 for leaf in leaves)


@every_comparison
@pytest.mark.parametrize("weights", [torch.arange(12.0).view(3, 4), torch.ones(3, 4)])
def test_a_gradient_may_be_asked_for_again(comparison: Comparison, weights: torch.Tensor) -> None:
    own, teacher = tuple(tensor.requires_grad_() for tensor in vectors(6, 0)), vectors(6, 1)
    loss = (compare_products(comparison, own, teacher, HEADS, PADDED) * weights)[PADDED].sum()
    first = torch.autograd.grad(loss, own, retain_graph=True)
    second = torch.autograd.grad(3 * loss, own)
    for one, other in zip(first, second):
        torch.testing.assert_close(3 * one, other)


@every_comparison
def test_no_gradient_goes_to_the_teacher(comparison: Comparison) -> None:
    student, teacher = vectors(6, 0), vectors(6, 1)
    for tensor in (*student, *teacher):
        tensor.requires_grad_()
    compare_products(comparison, student, teacher, HEADS, PADDED).sum().backward()
    assert all(tensor.grad is None for tensor in teacher)
    assert all(tensor.grad.abs().sum() > 0 for tensor in student)
