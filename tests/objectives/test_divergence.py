# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import pytest
import torch

from hf_distill.objectives import divergence
from hf_distill.objectives.divergence import divergence_of_products

MASK = torch.tensor([[True, True, True, False], [True, False, False, False], [False, False, False, False]])


def vectors(size: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    return tuple(torch.randn(2, 3, 2, 4, size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64))


def plain(student: tuple, teacher: tuple, mask: torch.Tensor) -> torch.Tensor:
    def log_softmax(rows: torch.Tensor, columns: torch.Tensor) -> torch.Tensor:
        scores = rows @ columns.mT / rows.shape[-1] ** 0.5
        return scores.masked_fill(~mask[:, None, None, :], -1e30).log_softmax(-1)

    log_q, log_p = log_softmax(*student), log_softmax(*teacher)
    return (log_p.exp() * (log_p - log_q)).sum(-1).mean(1)


@pytest.mark.parametrize("cached", [1, 48, 2**19])
def test_value_and_gradient_are_those_of_plain_operations(cached: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(divergence, "CACHED", cached)
    student, teacher = vectors(5, 0), vectors(3, 1)
    gradients = []
    for function in (divergence_of_products, plain):
        leaves = [tensor.clone().requires_grad_() for tensor in student]
        losses = function(tuple(leaves), teacher, MASK)
        (losses * torch.arange(12.0).view(3, 4)).sum().backward()
        gradients.append([losses.detach(), *(leaf.grad for leaf in leaves)])
    for own, expected in zip(*gradients):
        torch.testing.assert_close(own, expected)


def test_the_gradient_is_that_of_finite_differences() -> None:
    rows, columns = (tensor.requires_grad_() for tensor in vectors(3, 0))
    teacher = vectors(2, 1)
    assert torch.autograd.gradcheck(lambda *own: divergence_of_products(own, teacher, MASK), (rows, columns))


def test_the_same_vectors_as_rows_and_columns_get_both_gradients() -> None:
    (own, _), teacher = vectors(3, 0), vectors(2, 1)
    own.requires_grad_()
    assert torch.autograd.gradcheck(lambda vector: divergence_of_products((vector, vector), teacher, MASK), (own,))


def test_no_gradient_goes_to_the_teacher() -> None:
    student, teacher = vectors(3, 0), vectors(3, 1)
    for tensor in (*student, *teacher):
        tensor.requires_grad_()
    divergence_of_products(student, teacher, MASK).sum().backward()
    assert all(tensor.grad is None for tensor in teacher)
    assert all(tensor.grad.abs().sum() > 0 for tensor in student)
