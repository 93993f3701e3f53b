# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Objectives on the attention of mapped layers, computed from queries and keys and not by an eager kernel."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from transformers import PretrainedConfig

from hf_distill.errors import InputError
from hf_distill.features.attention import AttentionStates, is_products_alone
from hf_distill.features.batch import ALL_REAL, BatchView
from hf_distill.features.features import Features, Needs
from hf_distill.features.pooling import with_padding
from hf_distill.features.units import Unit
from hf_distill.objectives.layered import TokensObjective
from hf_distill.objectives.products import DIVERGENCE, SQUARES, Comparison, compare_products


@dataclass
class QueryKeyValueObjective(TokensObjective):
    """
    An objective on queries, keys and values: one loss per real token, averaged over the pairs of the layer map.

    They are what the layer's own projections return, so that the model's attention may be computed by any kernel.

    Args:
        weight (`float` or `dict`, *optional*, defaults to 1.0): Factor of this objective in the total loss, at least
            0, or the options of a [`Schedule`].
        focus (`dict`, *optional*): Options of a [`Focus`]: learn more, or only, where the teacher is sure or unsure.
        layers (`str` or `list`, *optional*, defaults to `"uniform"`): `"uniform"`, `"skip"`, `"last"`,
            `"auto"` or pairs `[[student, teacher], ...]`, 1 being the first layer.
        tokens (`str`, *optional*, defaults to `"real"`): Tokens that teach: `"real"` (all but padding), `"content"`
            (no special tokens either), or `"predicted"` (those whose logits count: first sub-tokens of words).
    """

    reads: ClassVar[str] = "queries, keys, values"
    projected: ClassVar[bool] = False
    # Which token looks at which is nothing that the tokens of another tokenizer have a counterpart of.
    across_tokenizers: ClassVar[bool] = False

    def bind(self, student: PretrainedConfig, teacher: PretrainedConfig) -> None:
        """Settle the layer map for these two models; the embeddings, layer 0, have no attention."""
        super().bind(student, teacher)
        if any(0 in pair for pair in self.pairs):
            raise InputError(f"objective {self.name}: layers counts from 1; 0, the embeddings, has no attention")

    @property
    def needs(self) -> Needs:
        """Queries, keys and values of the teacher's layers that the layer map names."""
        return Needs(attention=frozenset(teacher for _, teacher in self.pairs))

    @property
    def student_needs(self) -> Needs:
        """Queries, keys and values of the student's layers that the layer map names."""
        return Needs(attention=frozenset(student for student, _ in self.pairs))

    def __call__(self, student: Features, teacher: Features, batch: BatchView = ALL_REAL) -> torch.Tensor:
        """Return the loss of every token `(batch, tokens)`."""
        states = [(student.attention[pair[0]], teacher.attention[pair[1]]) for pair in self.pairs]
        mask = batch.mask(Unit.TOKEN, states[0][1].query[..., 0])
        # Autocast would multiply matrices in half precision again.
        with torch.autocast(mask.device.type, enabled=False):
            losses = torch.stack([self.compare(*compared, mask) for compared in states]).mean(0)
        return torch.where(mask, losses, 0.0)

    @abstractmethod
    def compare(self, student: AttentionStates, teacher: AttentionStates, mask: torch.Tensor) -> torch.Tensor:
        """Compare two layers at the real tokens of `mask` `(batch, tokens)` and return losses `(batch, tokens)`."""

    def _check_same_heads(self, student: PretrainedConfig, teacher: PretrainedConfig) -> None:
        if student.num_attention_heads != teacher.num_attention_heads:
            raise InputError(
                f"objective {self.name}: compares head with head, but the student has {student.num_attention_heads} "
                f"and the teacher {teacher.num_attention_heads} attention heads; use minilm_v2, which needs no equal "
                "numbers"
            )


@dataclass
class AttentionObjective(QueryKeyValueObjective):
    """An objective on the attention itself, head by head."""

    def bind(self, student: PretrainedConfig, teacher: PretrainedConfig) -> None:
        """Settle the layer map, and check that queries and keys tell the attention and that heads can be compared."""
        super().bind(student, teacher)
        self._check_same_heads(student, teacher)
        for role, config in (("student", student), ("teacher", teacher)):
            if not is_products_alone(config):
                raise InputError(
                    f"objective {self.name}: the attention of the {role} ({config.model_type}) is not made of queries "
                    "and keys alone, but of positions too; use minilm or minilm_v2"
                )


@dataclass
class AttentionMSE(AttentionObjective):
    r"""
    Mean squared difference of the attention scores before the softmax, over heads and real tokens.

    \\( \frac{1}{A L} \sum_{a, j} (A^s_{aij} - A^t_{aij})^2 \\) for each token i, at least 0, with
    \\( A = Q K^\top / \sqrt{d_k} \\), A heads and the L real tokens of the example as columns j.

    For a student with the teacher's number of attention heads, which should look where the teacher looks. The scores
    are not bounded: its weight is to be chosen with care. Not for attention with relative or rotary positions.

    Args:
        weight (`float` or `dict`, *optional*, defaults to 1.0): Factor of this objective in the total loss, at least
            0, or the options of a [`Schedule`].
        focus (`dict`, *optional*): Options of a [`Focus`]: learn more, or only, where the teacher is sure or unsure.
        layers (`str` or `list`, *optional*, defaults to `"uniform"`): `"uniform"`, `"skip"`, `"last"`,
            `"auto"` or pairs `[[student, teacher], ...]`, 1 being the first layer.
        tokens (`str`, *optional*, defaults to `"real"`): Tokens that teach: `"real"` (all but padding), `"content"`
            (no special tokens either), or `"predicted"` (those whose logits count: first sub-tokens of words).

    Source: Jiao et al. 2020, *TinyBERT*, arXiv:1909.10351, equation 7.

    Example:

    ```python
    >>> ones, twos = torch.ones(1, 2, 1), 2 * torch.ones(1, 2, 1)
    >>> student, teacher = (AttentionStates(key, ones, ones, heads=1) for key in (ones, twos))
    >>> AttentionMSE().compare(student, teacher, torch.tensor([[True, True]]))
    tensor([[1., 1.]])
    ```
    """

    name: ClassVar[str] = "attention_mse"
    paper: ClassVar[str] = "Jiao et al. 2020 (TinyBERT), arXiv:1909.10351"
    reads: ClassVar[str] = "queries, keys"

    def compare(self, student: AttentionStates, teacher: AttentionStates, mask: torch.Tensor) -> torch.Tensor:
        """Compare two layers at the real tokens of `mask` `(batch, tokens)` and return losses `(batch, tokens)`."""
        squares = compare_parts(SQUARES, student, teacher, ("query", "key"), teacher.heads, mask)
        return squares / mask.sum(1, keepdim=True).clamp(min=1)


@dataclass
class AttentionKL(AttentionObjective):
    r"""
    Kullback-Leibler divergence of the student's attention from the teacher's, mean over heads.

    \\( \frac{1}{A} \sum_{a, j} P^t_{aij} \log (P^t_{aij} / P^s_{aij}) \\) for each token i, at least 0, with
    \\( P = \mathrm{softmax}(Q K^\top / \sqrt{d_k}) \\) over the real tokens j of the example, and A heads. It is the
    attention before any dropout.

    For what `attention_mse` is for; that probabilities add up to 1 makes its size easier to foresee. Not for attention
    with relative or rotary positions.

    Args:
        weight (`float` or `dict`, *optional*, defaults to 1.0): Factor of this objective in the total loss, at least
            0, or the options of a [`Schedule`].
        focus (`dict`, *optional*): Options of a [`Focus`]: learn more, or only, where the teacher is sure or unsure.
        layers (`str` or `list`, *optional*, defaults to `"uniform"`): `"uniform"`, `"skip"`, `"last"`,
            `"auto"` or pairs `[[student, teacher], ...]`, 1 being the first layer.
        tokens (`str`, *optional*, defaults to `"real"`): Tokens that teach: `"real"` (all but padding), `"content"`
            (no special tokens either), or `"predicted"` (those whose logits count: first sub-tokens of words).

    Source: Sun et al. 2020, *MobileBERT*, arXiv:2004.02984, equation 2.

    Example:

    ```python
    >>> query, ones = torch.tensor([[[1.0], [0.0]]]), torch.ones(1, 2, 1)
    >>> student, teacher = (AttentionStates(ones, key, ones, heads=1) for key in (0 * query, query))
    >>> AttentionKL().compare(student, teacher, torch.tensor([[True, True]]))
    tensor([[0.1109, 0.1109]])
    ```
    """

    name: ClassVar[str] = "attention_kl"
    paper: ClassVar[str] = "Sun et al. 2020 (MobileBERT), arXiv:2004.02984"
    reads: ClassVar[str] = "queries, keys"

    def compare(self, student: AttentionStates, teacher: AttentionStates, mask: torch.Tensor) -> torch.Tensor:
        """Compare two layers at the real tokens of `mask` `(batch, tokens)` and return losses `(batch, tokens)`."""
        return compare_parts(DIVERGENCE, student, teacher, ("query", "key"), teacher.heads, mask)


def compare_parts(
    comparison: Comparison,
    student: AttentionStates,
    teacher: AttentionStates,
    parts: tuple[str, str],
    heads: int,
    mask: torch.Tensor,
) -> torch.Tensor:
    """
    Compare the products of two parts of a layer's attention, head by head.

    Args:
        comparison ([`Comparison`]): How a row of products is compared.
        student ([`AttentionStates`]): The student's queries, keys and values, `(batch, tokens, width)`, or `(real
            tokens of the batch, width)` as kernels that leave the padding out have it.
        teacher ([`AttentionStates`]): The teacher's.
        parts (`tuple[str, str]`): `"query"`, `"key"` or `"value"`, of the rows and of the columns.
        heads (`int`): Heads that both are cut into.
        mask (`torch.Tensor`): The real tokens `(batch, tokens)`.

    Returns:
        `torch.Tensor`: The mean over heads, `(batch, tokens)`.
    """
    vectors = []
    for states in (student, teacher):
        found = {part: getattr(states, part) for part in parts}
        vectors.append([with_padding(x, mask) if (x := found[part]).dim() == 2 else x for part in parts])
    return compare_products(comparison, *vectors, heads, mask)
