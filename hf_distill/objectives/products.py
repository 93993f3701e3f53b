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
        losses (`Callable`): From both `(n, tokens, tokens)` to the losses `(n, tokens)` and their derivatives by the
            student's scores `(n, tokens, tokens)`; may use up the matrices.
        slope (`Callable`): The same for the derivatives alone.
    """

    losses: Callable[[torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor]]
    slope: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def _divergence(student: torch.Tensor, teacher: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    # Fresh memory costs more than arithmetic: each matrix becomes the next.
    log_q, log_p = student.log_softmax(-1), teacher.log_softmax(-1)
    p = log_p.exp()
    losses = log_p.sub_(log_q).mul_(p).sum(-1)
    return losses, log_q.exp_().sub_(p)


def _squares(student: torch.Tensor, teacher: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    difference = student.sub_(teacher)
    return difference.square().sum(-1), difference.mul_(2)


DIVERGENCE = Comparison(_divergence, lambda student, teacher: student.softmax(-1).sub_(teacher.softmax(-1)))
r"""\\( \mathrm{KL}(\mathrm{softmax}(A^t) \Vert \mathrm{softmax}(A^s)) \\)"""
SQUARES = Comparison(_squares, lambda student, teacher: student.sub_(teacher).mul_(2))
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

    The large matrices of scores are made in pieces that stay in a processor's cache. There the gradient is made with
    the losses: mostly every real token of an example has one weight in the total loss, and then what it is does not
    matter before. Otherwise, and elsewhere, the matrices are made once more for the gradient: to keep them takes more
    time than to make them again.
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
        ctx.at_once = mask.device.type == "cpu" and any(ctx.needs_input_grad)
        gradients = _Gradients(rows, None if ctx.same else columns) if ctx.at_once else None
        losses = full_precision(rows.new_zeros(mask.shape))
        for piece in _pieces(mask, heads):
            left, right = piece.cut(rows), piece.cut(columns)
            theirs = piece.scores(piece.cut(teacher_rows), piece.cut(teacher_columns))
            found, slope = comparison.losses(piece.scores(left, right), theirs)
            losses[piece.examples] += found.unflatten(0, (-1, piece.number)).sum(1)
            if gradients is not None:
                gradients.put(piece, slope, left, right)
        kept = () if gradients is None else (gradients.of_rows, gradients.of_columns)
        ctx.save_for_backward(rows, columns, teacher_rows, teacher_columns, mask, *kept)
        return losses / heads

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        """Return the gradients of the student's rows and columns."""
        rows, columns, teacher_rows, teacher_columns, mask, *kept = ctx.saved_tensors
        factor = (gradient * ((rows.shape[-1] / ctx.heads) ** -0.5 / ctx.heads)).unsqueeze(-1)
        weights = _weights_of_examples(factor, mask.unsqueeze(-1)) if ctx.at_once else None
        if weights is not None:
            found = [None if part is None else (part * weights).to(part.dtype) for part in kept]
            return *found, None, None, None, None, None
        gradients = _Gradients(rows, None if ctx.same else columns)
        for piece in _pieces(mask, ctx.heads):
            left, right = piece.cut(rows), piece.cut(columns)
            theirs = piece.scores(piece.cut(teacher_rows), piece.cut(teacher_columns))
            slope = ctx.comparison.slope(piece.scores(left, right), theirs)
            slope.mul_(factor[piece.examples].repeat_interleave(piece.number, 0))
            gradients.put(piece, slope, left, right)
        return gradients.of_rows, gradients.of_columns, None, None, None, None, None


def _weights_of_examples(factor: torch.Tensor, real: torch.Tensor) -> torch.Tensor | None:
    """Return what to multiply with `(batch, tokens, 1)`, if it is one number at all real tokens of an example."""
    first = factor.gather(1, real.int().argmax(1, keepdim=True))
    weights = first * real
    return weights if weights.equal(factor * real) else None


class _Gradients:
    """
    Gradients of the vectors of a matrix of products.

    Args:
        rows (`torch.Tensor`): The vectors of its rows `(batch, tokens, width)`.
        columns (`torch.Tensor`, *optional*): Those of its columns; without them they are those of the rows, and there
            is one gradient for both.
    """

    def __init__(self, rows: torch.Tensor, columns: torch.Tensor | None):
        self.of_rows = torch.empty_like(rows)
        self.of_columns = None if columns is None else torch.empty_like(columns)

    def put(self, piece: _Piece, slope: torch.Tensor, left: torch.Tensor, right: torch.Tensor) -> None:
        """Put those of a piece in their place, from the derivatives by its scores."""
        of_left = slope @ right
        if self.of_columns is None:
            of_left.baddbmm_(slope.mT, left)
        else:
            piece.put(self.of_columns, slope.mT @ left)
        piece.put(self.of_rows, of_left)


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
            return torch.baddbmm(rows.new_empty(()), rows, columns, beta=0, alpha=scale)
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
