# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Objectives on the relations among the queries, keys and values of a layer's tokens."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from transformers import PretrainedConfig

from hf_distill.errors import InputError
from hf_distill.features.attention import AttentionStates, attention_width
from hf_distill.objectives.attention import QueryKeyValueObjective, compare_parts
from hf_distill.objectives.products import DIVERGENCE


@dataclass
class MiniLM(QueryKeyValueObjective):
    r"""
    Divergence of the student's attention, and of the relations among its values, from the teacher's.

    \\( \frac{1}{A} \sum_a \mathrm{KL}(R^t_{ai} \Vert R^s_{ai}) \\) for each token i, at least 0, once with
    \\( R = \mathrm{softmax}(Q K^\top / \sqrt{d_k}) \\) and once with
    \\( R = \mathrm{softmax}(V V^\top / \sqrt{d_k}) \\), added; softmax over the real tokens of the example, A heads.
    Positions that a model adds after its projections (rotary, relative) are not in Q and K here.

    For any width of student with the teacher's number of attention heads: no projection is learned. One layer, the
    last, is usual.

    Args:
        weight (`float` or `dict`, *optional*, defaults to 1.0): Factor of this objective in the total loss, at least
            0, or the options of a [`Schedule`].
        focus (`dict`, *optional*): Options of a [`Focus`]: learn more, or only, where the teacher is sure or unsure.
        layers (`str` or `list`, *optional*, defaults to `"last"`): `"uniform"`, `"skip"`, `"last"`,
            `"auto"` or pairs `[[student, teacher], ...]`, 1 being the first layer.
        tokens (`str`, *optional*, defaults to `"real"`): Tokens that teach: `"real"` (all but padding), `"content"`
            (no special tokens either), or `"predicted"` (those whose logits count: first sub-tokens of words).

    Source: Wang et al. 2020, *MiniLM*, arXiv:2002.10957.

    Example:

    ```python
    >>> value, zeros = torch.tensor([[[1.0], [0.0]]]), torch.zeros(1, 2, 1)
    >>> student, teacher = (AttentionStates(zeros, zeros, values, heads=1) for values in (zeros, value))
    >>> MiniLM().compare(student, teacher, torch.tensor([[True, True]])).mean()
    tensor(0.0555)
    ```
    """

    name: ClassVar[str] = "minilm"
    paper: ClassVar[str] = "Wang et al. 2020 (MiniLM), arXiv:2002.10957"

    layers: str | Sequence[Sequence[int]] = field(
        default="last",
        metadata={"help": 'Layer map: "uniform", "skip", "last", "auto" or [[student, teacher], ...]; 1: first.'},
    )

    def bind(self, student: PretrainedConfig, teacher: PretrainedConfig) -> None:
        """Settle the layer map for these two models, which must have equal numbers of attention heads."""
        super().bind(student, teacher)
        self._check_same_heads(student, teacher)

    def compare(self, student: AttentionStates, teacher: AttentionStates, mask: torch.Tensor) -> torch.Tensor:
        """Compare two layers at the real tokens of `mask` `(batch, tokens)` and return losses `(batch, tokens)`."""
        heads = teacher.heads
        return sum(
            compare_parts(DIVERGENCE, student, teacher, parts, heads, mask)
            for parts in (("query", "key"), ("value", "value"))
        )


@dataclass
class MiniLMv2(QueryKeyValueObjective):
    r"""
    Divergence of the relations among the student's queries, among its keys and among its values from the teacher's.

    \\( \frac{1}{A_r} \sum_a \mathrm{KL}(R^t_{ai} \Vert R^s_{ai}) \\) for each token i, at least 0, with
    \\( R = \mathrm{softmax}(X X^\top / \sqrt{d_r}) \\) for X = Q, K and V, added; softmax over the real tokens of the
    example. X is cut into \\( A_r \\) relation heads, whatever the numbers of attention heads are. Turning the vectors
    within a relation head changes nothing.

    For students of any width and any number of heads: no projection is learned. One layer is usual: the last of a
    teacher of 12 layers, one of the upper middle of a deeper one. More relation heads tell more and cost more; the
    paper uses 48 for a teacher of width 768.

    Args:
        weight (`float` or `dict`, *optional*, defaults to 1.0): Factor of this objective in the total loss, at least
            0, or the options of a [`Schedule`].
        focus (`dict`, *optional*): Options of a [`Focus`]: learn more, or only, where the teacher is sure or unsure.
        layers (`str` or `list`, *optional*, defaults to `"last"`): `"uniform"`, `"skip"`, `"last"`,
            `"auto"` or pairs `[[student, teacher], ...]`, 1 being the first layer.
        tokens (`str`, *optional*, defaults to `"real"`): Tokens that teach: `"real"` (all but padding), `"content"`
            (no special tokens either), or `"predicted"` (those whose logits count: first sub-tokens of words).
        relation_heads (`int`, *optional*): Number of relation heads, a divisor of both widths; defaults to the
            teacher's number of attention heads.

    Source: Wang et al. 2021, *MiniLMv2*, arXiv:2012.15828.

    Example:

    ```python
    >>> value, zeros = torch.tensor([[[1.0], [0.0]]]), torch.zeros(1, 2, 1)
    >>> student, teacher = (AttentionStates(zeros, zeros, values, heads=1) for values in (zeros, value))
    >>> MiniLMv2(relation_heads=1).compare(student, teacher, torch.tensor([[True, True]])).mean()
    tensor(0.0555)
    ```
    """

    name: ClassVar[str] = "minilm_v2"
    paper: ClassVar[str] = "Wang et al. 2021 (MiniLMv2), arXiv:2012.15828"

    layers: str | Sequence[Sequence[int]] = field(
        default="last",
        metadata={"help": 'Layer map: "uniform", "skip", "last", "auto" or [[student, teacher], ...]; 1: first.'},
    )
    relation_heads: int | None = field(
        default=None,
        metadata={
            "help": "Number of relation heads, a divisor of both widths; the teacher's attention heads if left out."
        },
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.relation_heads is not None and (type(self.relation_heads) is not int or self.relation_heads < 1):
            raise InputError(
                f"objective {self.name}: relation_heads must be a whole number at least 1, or left out; "
                f"got {self.relation_heads!r}"
            )

    def bind(self, student: PretrainedConfig, teacher: PretrainedConfig) -> None:
        """Settle the layer map for these two models, whose widths must be multiples of the relation heads."""
        super().bind(student, teacher)
        heads = self.relation_heads or teacher.num_attention_heads
        widths = attention_width(student), attention_width(teacher)
        if any(width % heads for width in widths):
            common = math.gcd(*widths)
            divisors = ", ".join(str(number) for number in range(1, common + 1) if common % number == 0)
            raise InputError(
                f"objective {self.name}: relation_heads {heads} does not divide the widths {widths[0]} and "
                f"{widths[1]} of student and teacher; choose one of {divisors}"
            )

    def compare(self, student: AttentionStates, teacher: AttentionStates, mask: torch.Tensor) -> torch.Tensor:
        """Compare two layers at the real tokens of `mask` `(batch, tokens)` and return losses `(batch, tokens)`."""
        heads = self.relation_heads or teacher.heads
        return sum(
            compare_parts(DIVERGENCE, student, teacher, (part, part), heads, mask)
            for part in ("query", "key", "value")
        )
