# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Comparing all products of a layer's vectors with one another, as attention has them, a piece at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch

from hf_distill.objectives.base import full_precision

MASKED = -1e30
"""Added to a score that must not count; finite, so that a row without anything real stays finite."""

CACHED = 2**17
"""Scores that a processor works on at a time: more leave its cache, and their memory is fetched anew each time."""

Vectors = tuple[torch.Tensor, torch.Tensor]
"""Vectors of the rows and of the columns, `(batch, tokens, width)`, the heads side by side."""


@dataclass(frozen=True)
class Comparison:
    """
    How a matrix of the student's scores is compared with the teacher's, row by row.

    Args:
        loss (`Callable`): From both `(n, tokens, tokens)` to the losses `(n, tokens)`; may use up the matrices.
        slope (`Callable`): From both to the losses' derivative by the student's scores `(n, tokens, tokens)`; may use
            up the matrices.
    """

    loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
    slope: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def _divergence(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    log_q, log_p = student.log_softmax(-1), teacher.log_softmax(-1)
    p = log_p.exp()
    return log_p.sub_(log_q).mul_(p).sum(-1)


DIVERGENCE = Comparison(_divergence, lambda student, teacher: student.softmax(-1).sub_(teacher.softmax(-1)))
r"""\\( \mathrm{KL}(\mathrm{softmax}(A^t) \Vert \mathrm{softmax}(A^s)) \\)"""
SQUARES = Comparison(
    lambda student, teacher: student.sub_(teacher).square_().sum(-1),
    lambda student, teacher: student.sub_(teacher).mul_(2),
)
r"""\\( \sum_j (A^s_j - A^t_j)^2 \\)"""


def compare_products(
    comparison: Comparison, student: Vectors, teacher: Vectors, heads: int, mask: torch.Tensor
) -> torch.Tensor:
    r"""
    Compare scores \\( A = X Y^\top / \sqrt{d} \\) of student and teacher row by row, and return the mean over heads.

    Args:
        comparison ([`Comparison`]): How a row is compared; columns that are padding do not count.
        student (`tuple[torch.Tensor, torch.Tensor]`): The student's X and Y, `(batch, tokens, width)`.
        teacher (`tuple[torch.Tensor, torch.Tensor]`): The teacher's; the width may differ.
        heads (`int`): Heads that the widths are cut into.
        mask (`torch.Tensor`): The real tokens `(batch, tokens)`.

    Returns:
        `torch.Tensor`: `(batch, tokens)`, in 32 bits at least.
    """
    return _Compared.apply(*student, *teacher, comparison, heads, mask)


class _Compared(torch.autograd.Function):
    """
    Less time than the same in plain operations, and none of their memory.

    The large matrices of scores are made in pieces that stay in a processor's cache, and once more for the gradient:
    to keep them takes more time than to make them again.
    """

    @staticmethod
    def forward(
        ctx: Any,
        rows: torch.Tensor,
        columns: torch.Tensor,
        teacher_rows: torch.Tensor,
        teacher_columns: torch.Tensor,
        comparison: Comparison,
        heads: int,
        mask: torch.Tensor,
    ) -> torch.Tensor:
        """Return the losses `(batch, tokens)`."""
        ctx.comparison, ctx.heads, ctx.same = comparison, heads, rows is columns
        ctx.save_for_backward(rows, columns, teacher_rows, teacher_columns, mask)
        losses = full_precision(rows.new_zeros(mask.shape))
        for piece in _pieces(mask, heads):
            own = piece.scores(piece.cut(rows), piece.cut(columns))
            theirs = piece.scores(piece.cut(teacher_rows), piece.cut(teacher_columns))
            losses[piece.examples] += comparison.loss(own, theirs).unflatten(0, (-1, piece.number)).sum(1)
        return losses / heads

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        """Return the gradients of the student's rows and columns."""
        rows, columns, teacher_rows, teacher_columns, mask = ctx.saved_tensors
        of_rows, of_columns = torch.empty_like(rows), None if ctx.same else torch.empty_like(columns)
        factor = (gradient * ((rows.shape[-1] / ctx.heads) ** -0.5 / ctx.heads)).unsqueeze(-1)
        for piece in _pieces(mask, ctx.heads):
            left, right = piece.cut(rows), piece.cut(columns)
            theirs = piece.scores(piece.cut(teacher_rows), piece.cut(teacher_columns))
            slope = ctx.comparison.slope(piece.scores(left, right), theirs)
            slope.mul_(factor[piece.examples].repeat_interleave(piece.number, 0))
            of_left = slope @ right
            if ctx.same:
                of_left.baddbmm_(slope.mT, left)
            else:
                piece.put(of_columns, slope.mT @ left)
            piece.put(of_rows, of_left)
        return of_rows, of_columns, None, None, None, None, None


@dataclass(frozen=True)
class _Piece:
    """
    Some heads of some examples.

    Args:
        examples (`slice`): The examples.
        heads (`slice`): The heads.
        number (`int`): How many heads these are.
        of (`int`): How many heads there are.
        padding (`torch.Tensor`, *optional*): What is no real token of the examples, `(examples, tokens)`.
    """

    examples: slice
    heads: slice
    number: int
    of: int
    padding: torch.Tensor | None

    def cut(self, whole: torch.Tensor) -> torch.Tensor:
        """Return these vectors `(n, tokens, size)` of all `(batch, tokens, width)`, with zeros in place of padding."""
        part = full_precision(self._view(whole))
        if self.padding is not None:
            part = part.masked_fill(self.padding[:, None, :, None], 0.0)
        return part.flatten(0, 1)

    def scores(self, rows: torch.Tensor, columns: torch.Tensor) -> torch.Tensor:
        """Return the scaled products `(n, tokens, tokens)` of vectors of this piece."""
        scale, columns = rows.shape[-1] ** -0.5, columns.mT
        if self.padding is None:
            return torch.bmm(rows * scale, columns)
        bias = rows.new_zeros(self.padding.shape).masked_fill_(self.padding, MASKED)
        return torch.baddbmm(bias.repeat_interleave(self.number, 0).unsqueeze(1), rows, columns, alpha=scale)

    def put(self, whole: torch.Tensor, part: torch.Tensor) -> None:
        """Put vectors of this piece in their place among all."""
        self._view(whole).copy_(part.unflatten(0, (-1, self.number)))

    def _view(self, whole: torch.Tensor) -> torch.Tensor:
        return whole.unflatten(-1, (self.of, -1))[self.examples, :, self.heads].transpose(1, 2)


def _pieces(mask: torch.Tensor, heads: int) -> Iterator[_Piece]:
    """Cut into single heads of so many examples as a processor's cache holds the scores of; elsewhere, not at all."""
    (examples, tokens), on_processor = mask.shape, mask.device.type == "cpu"
    size, number = (max(1, CACHED // tokens**2), 1) if on_processor else (examples, heads)
    for example in range(0, examples, size):
        chosen = slice(example, example + size)
        # Another device would have to be waited for to know.
        padding = None if on_processor and mask[chosen].all() else ~mask[chosen]
        for head in range(0, heads, number):
            # One head of all that lie side by side is products' operand as it is.
            yield _Piece(chosen, slice(head, head + number), number, heads, padding)
