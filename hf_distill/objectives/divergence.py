# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""The divergence between distributions that are softmaxes of products of vectors, as attention is."""

from __future__ import annotations

from typing import Any

import torch

MASKED = -1e30
"""Added to a score that must not count; finite, so that a row without anything real stays finite."""

Vectors = tuple[torch.Tensor, torch.Tensor]
"""Vectors of the rows and of the columns, `(batch, heads, tokens, size)`."""


def divergence_of_products(student: Vectors, teacher: Vectors, mask: torch.Tensor) -> torch.Tensor:
    r"""
    Return \\( \mathrm{KL}(\mathrm{softmax}(A^t) \Vert \mathrm{softmax}(A^s)) \\) for each row, mean over heads.

    \\( A = X Y^\top / \sqrt{d} \\), softmax over the real columns.

    Args:
        student (`tuple[torch.Tensor, torch.Tensor]`): The student's X and Y, in 32 bits at least.
        teacher (`tuple[torch.Tensor, torch.Tensor]`): The teacher's; the size may differ, the heads may not.
        mask (`torch.Tensor`): The real tokens `(batch, tokens)`.

    Returns:
        `torch.Tensor`: `(batch, tokens)`.
    """
    return _Divergence.apply(*student, *teacher, mask).mean(1)


class _Divergence(torch.autograd.Function):
    """
    Half the time of the same in plain operations, which move the large matrices of scores three times as often.

    With p of the teacher and q of the student, the gradient on the student's scores is q - p: it is made in place of
    what the forward pass needs no more, and nothing else of that size is kept.
    """

    @staticmethod
    def forward(
        ctx: Any,
        rows: torch.Tensor,
        columns: torch.Tensor,
        teacher_rows: torch.Tensor,
        teacher_columns: torch.Tensor,
        mask: torch.Tensor,
    ) -> torch.Tensor:
        """Return the divergences `(batch, heads, tokens)`."""
        bias = torch.zeros_like(mask, dtype=rows.dtype).masked_fill_(~mask, MASKED)
        bias = bias[:, None].expand(-1, rows.shape[1], -1).flatten(0, 1).unsqueeze(1)
        log_q = _scores(rows, columns, bias).log_softmax(-1)
        log_p = _scores(teacher_rows, teacher_columns, bias).log_softmax(-1)
        p = log_p.exp()
        divergence = log_p.sub_(log_q).mul_(p).sum(-1).view(rows.shape[:3])
        ctx.save_for_backward(rows, columns, log_q.exp_().sub_(p))
        return divergence

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        """Return the gradients of the student's rows and columns."""
        rows, columns, difference = ctx.saved_tensors
        factor = gradient.flatten(0, 1).unsqueeze(-1) * rows.shape[-1] ** -0.5
        of_scores = (difference * factor).view(*rows.shape[:3], -1)
        return of_scores @ columns, of_scores.transpose(-1, -2) @ rows, None, None, None


def _scores(rows: torch.Tensor, columns: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """Return scaled products and `bias`, `(batch * heads, tokens, tokens)`."""
    rows, columns = rows.flatten(0, 1), columns.flatten(0, 1)
    return torch.baddbmm(bias, rows, columns.transpose(1, 2), alpha=rows.shape[-1] ** -0.5)
