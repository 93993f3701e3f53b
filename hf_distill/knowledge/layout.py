# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""From what a teacher says to the columns of a recording, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch

from hf_distill.errors import InputError
from hf_distill.features.attention import AttentionStates
from hf_distill.features.features import Features, Needs
from hf_distill.knowledge.columns import Column
from hf_distill.knowledge.reduction import Reduction


@dataclass
class Layout:
    """
    The columns of a recording, and what is needed to write and read them.

    Args:
        columns (`Sequence[Column]`): The columns.
        reductions (`Mapping[int, Reduction]`, *optional*): What is kept of the hidden states of layers, by layer.
        heads (`int`, *optional*, defaults to 1): Attention heads of the teacher.
        in_reduced_space (`bool`, *optional*, defaults to `False`): Whether hidden states of which a part was kept are
            compared among what was kept.
    """

    columns: Sequence[Column]
    reductions: Mapping[int, Reduction] = field(default_factory=dict)
    heads: int = 1
    in_reduced_space: bool = False

    def to(self, device: torch.device) -> None:
        """Read on another device."""
        self.reductions = {layer: reduction.to(device) for layer, reduction in self.reductions.items()}

    def pack(self, knowledge: Features, mask: torch.Tensor | None) -> dict[str, torch.Tensor]:
        """
        Turn what the teacher says of a batch into bytes.

        Args:
            knowledge ([`Features`]): What the teacher says.
            mask (`torch.Tensor`, *optional*): The real tokens `(batch, tokens)`; all if it is left out.

        Returns:
            `dict[str, torch.Tensor]`: The bytes `(number, size)` of each column's vectors, one after the other.
        """
        result = {}
        for column in self.columns:
            vectors, reduction = column.of(knowledge, mask), self._reduction_of(column)
            result[column.name] = column.stored.encode(
                vectors if reduction is None else reduction.reduce(vectors.float())
            )
        return result

    def decode(self, batch: Mapping[str, torch.Tensor], needs: Needs) -> Features:
        """
        Return what the teacher has said of a batch.

        Args:
            batch (`Mapping[str, torch.Tensor]`): What `collate` made of each column, by name, beside the inputs.
            needs ([`Needs`]): What is wanted.

        Raises:
            InputError: If the batch does not have a column that is wanted.
        """
        knowledge, attention = Features(), {}
        for column in self.columns:
            if not column.is_part_of(needs):
                continue
            if column.name not in batch:
                raise InputError(
                    f"train_dataset: its batches have no {column.name}; make them with the trainer's own data loader"
                )
            values = self.unpack(column, batch[column.name])
            if column.pooling is not None:
                # Every token is the example's vector, and so is what any pooling makes of them.
                values = values.unsqueeze(1).expand(-1, _tokens(batch), -1)
            if column.kind == "logits":
                knowledge.logits = values
            elif column.kind == "hidden":
                knowledge.hidden_states[column.layer] = values
            else:
                attention.setdefault(column.layer, {})[column.kind] = values
        knowledge.attention = {layer: AttentionStates(**parts, heads=self.heads) for layer, parts in attention.items()}
        return knowledge

    def unpack(self, column: Column, packed: torch.Tensor, compared: bool = True) -> torch.Tensor:
        """Return vectors `(..., width)` of bytes `(..., size)`, as they are compared or in the teacher's width."""
        values, reduction = column.stored.decode(packed), self._reduction_of(column)
        if reduction is None:
            return values
        if compared and self.in_reduced_space:
            return reduction.compared_of_kept(values.float())
        return reduction.restore(values.float())

    def match(self, student: Features) -> None:
        """Bring a student's hidden states to where they are compared with what was kept of the teacher's."""
        if self.in_reduced_space:
            for pair, states in student.hidden_states.items():
                if isinstance(pair, tuple) and pair[1] in self.reductions:
                    student.hidden_states[pair] = self.reductions[pair[1]].compared(states.float())

    def errors(
        self, packed: Mapping[str, torch.Tensor], knowledge: Features, mask: torch.Tensor | None
    ) -> dict[str, tuple[float, float]]:
        """
        Return how far packed columns are from what the teacher says, and how long that is: sums of squares.

        Args:
            packed (`Mapping[str, torch.Tensor]`): The bytes `(number, size)` of each column's vectors.
            knowledge ([`Features`]): What the teacher says.
            mask (`torch.Tensor`, *optional*): The real tokens `(batch, tokens)`; all if it is left out.
        """
        result = {}
        for column in self.columns:
            true = column.of(knowledge, mask).double()
            difference = self.unpack(column, packed[column.name], compared=False).double() - true
            result[column.name] = difference.square().sum().item(), true.square().sum().item()
        return result

    def _reduction_of(self, column: Column) -> Reduction | None:
        return self.reductions.get(column.layer) if column.kind == "hidden" else None


def _tokens(batch: Mapping[str, torch.Tensor]) -> int:
    """Return how many tokens the rows of a batch have, padding included; 1 where they are no texts."""
    entry = batch.get("attention_mask", batch.get("input_ids"))
    return entry.shape[1] if entry is not None else 1
