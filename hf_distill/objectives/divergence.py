# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""The divergence between distributions that are softmaxes of products of vectors, as attention is."""

from __future__ import annotations

from typing import Any

import torch

MASKED = -1e30
"""Added to a score that must not count; finite, so that a row without anything real stays finite."""

CACHED = 2**19
"""Scores that a processor works on at a time: more leave its cache, and their memory is fetched anew each time."""

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

    With p of the teacher and q of the student, the gradient on the student's scores is q - p: it is made in the
    forward pass, and nothing else of that size is kept.
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
        vectors = [entry.flatten(0, 1) for entry in (rows, columns, teacher_rows, teacher_columns)]
        heads, tokens = bias.shape[0], bias.shape[2]
        difference, divergence = rows.new_empty(heads, tokens, tokens), rows.new_empty(heads, tokens)
        size = max(1, CACHED // tokens**2) if rows.device.type == "cpu" else heads
        for piece in (slice(first, first + size) for first in range(0, heads, size)):
            own_rows, own_columns, their_rows, their_columns = (entry[piece] for entry in vectors)
            log_q = _scores(own_rows, own_columns, bias[piece]).log_softmax(-1)
            log_p = _scores(their_rows, their_columns, bias[piece]).log_softmax(-1)
            p = log_p.exp()
            torch.sum(log_p.sub_(log_q).mul_(p), -1, out=divergence[piece])
            torch.sub(log_q.exp_(), p, out=difference[piece])
        ctx.save_for_backward(rows, columns, difference)
        return divergence.view(rows.shape[:3])

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        """Return the gradients of the student's rows and columns."""
        rows, columns, difference = ctx.saved_tensors
        # A factor of each row goes to the small vectors, and leaves the large matrix alone.
        factor = gradient.unsqueeze(-1) * rows.shape[-1] ** -0.5
        difference = difference.view(*rows.shape[:3], -1)
        of_rows, of_columns = factor * (difference @ columns), difference.transpose(-1, -2) @ (factor * rows)
        return of_rows, of_columns, None, None, None


def _scores(rows: torch.Tensor, columns: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """Return scaled products and `bias`, `(heads, tokens, tokens)`."""
    return torch.baddbmm(bias, rows, columns.transpose(1, 2), alpha=rows.shape[-1] ** -0.5)
