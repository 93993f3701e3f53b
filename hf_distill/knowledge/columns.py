# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""The columns of a recording: which of the teacher's tensors each holds, and how it becomes bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch

from hf_distill.errors import InputError
from hf_distill.features.attention import PARTS
from hf_distill.features.features import Features, Needs
from hf_distill.features.pooling import POOLINGS
from hf_distill.knowledge.codecs import Codec, make_codec
from hf_distill.knowledge.compression import Compression
from hf_distill.knowledge.reduction import Reduction
from hf_distill.objectives import LayersObjective, Objective

PREFIX = "knowledge_"
ROW_COLUMN = f"{PREFIX}row"
"""The column that tells which example a row of a recording is of."""


@dataclass(frozen=True)
class Column:
    """
    A column of a recording.

    Args:
        kind (`str`): `"logits"`, `"hidden"`, `"query"`, `"key"` or `"value"`.
        layer (`int`): The teacher's layer; 0 is the embeddings' output, and logits have none.
        pooling (`str`, *optional*): What makes one vector of an example out of its tokens, where no objective wants
            the tokens.
        of_tokens (`bool`): Whether there is a vector for each real token, or one for the example.
        width (`int`): Numbers in the teacher's vectors.
        codec (`str`): Name of the codec.
        kept (`int`, *optional*): How many numbers of a vector are kept.
    """

    kind: str
    layer: int = 0
    pooling: str | None = None
    of_tokens: bool = False
    width: int = 0
    codec: str = "fp16"
    kept: int | None = None

    @property
    def name(self) -> str:
        """The column's name in the data set."""
        return PREFIX + (self.kind if self.kind == "logits" else f"{self.kind}_{self.layer}")

    @property
    def what(self) -> str:
        """What it holds, in words."""
        return self.kind if self.kind == "logits" else f"{self.kind} states of layer {self.layer}"

    @cached_property
    def stored(self) -> Codec:
        """How its vectors become bytes."""
        return make_codec(self.codec, self.kept or self.width)

    def of(self, knowledge: Features, mask: torch.Tensor | None) -> torch.Tensor:
        """Return this column's vectors `(number, width)`, of the real tokens of a batch or of its examples."""
        if self.kind == "logits":
            values = knowledge.logits
        elif self.kind == "hidden":
            values = knowledge.hidden_states[self.layer]
        else:
            values = getattr(knowledge.attention[self.layer], self.kind)
        if self.pooling is not None:
            every = torch.ones(values.shape[:2], dtype=torch.bool, device=values.device)
            return POOLINGS[self.pooling](values.float(), every if mask is None else mask)
        if not self.of_tokens:
            return values
        return values.flatten(0, 1) if mask is None else values[mask]

    def keeping(self, reduction: Reduction) -> Column:
        """Return the column as it is when a part of each vector is kept."""
        return replace(self, kept=len(reduction.components))

    def collate(self, stored: Sequence[bytes], mask: np.ndarray | None) -> torch.Tensor:
        """
        Put the bytes of this column of a batch's examples side by side, with zeros as padding.

        Args:
            stored (`Sequence[bytes]`): The bytes of each example.
            mask (`np.ndarray`, *optional*): The real tokens `(sequences, tokens)`; all if it is left out.

        Returns:
            `torch.Tensor`: `(sequences, tokens, size)`, or `(batch, size)` for a column of examples.

        Raises:
            InputError: If an example has another number of tokens than when it was recorded.
        """
        size = self.stored.size
        if not self.of_tokens or mask is None:
            flat = torch.frombuffer(bytearray(b"".join(stored)), dtype=torch.uint8)
            return flat.view(len(stored), -1, size) if self.of_tokens else flat.view(-1, size)
        # An example may have several sequences, which stand one after the other.
        sequences, mask = mask.shape, mask.reshape(len(stored), -1)
        result = np.zeros((*mask.shape, size), dtype=np.uint8)
        for row, (example, real) in enumerate(zip(stored, mask)):
            vectors, number = np.frombuffer(example, dtype=np.uint8).reshape(-1, size), int(real.sum())
            if number != len(vectors):
                raise InputError(
                    f"train_dataset: a row has {number} tokens and had {len(vectors)} when it was recorded; make "
                    "batches as they were made then, with the same tokenizer, max_length and data collator"
                )
            # Mostly the padding is at one end, and the real tokens are one piece.
            first = int(real.argmax())
            if real[first : first + number].all():
                result[row, first : first + number] = vectors
            else:
                result[row, real] = vectors
        return torch.from_numpy(result.reshape(*sequences, size))

    def only_real(self, collated: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        """Return the bytes `(number, size)` of a collated column without its padding."""
        if not self.of_tokens:
            return collated
        return collated.flatten(0, 1) if mask is None else collated[mask]

    def is_part_of(self, needs: Needs) -> bool:
        """Say whether these needs name it."""
        if self.kind == "logits":
            return needs.logits
        return self.layer in (needs.hidden_states if self.kind == "hidden" else needs.attention)

    def to_dict(self) -> dict[str, Any]:
        """Return what makes this column again."""
        return asdict(self)


def plan_columns(objectives: Sequence[Objective], compression: Compression) -> list[Column]:
    """
    Say which columns hold what objectives need, and no more; widths are yet to be settled.

    Args:
        objectives (`Sequence[Objective]`): The objectives, bound to the models.
        compression ([`Compression`]): How knowledge is stored.
    """
    needs = Needs.union(objective.all_needs for objective in objectives)
    columns = [Column("logits", codec=_codec_of_logits(compression))] if needs.logits else []
    for layer, poolings in sorted(poolings_of(objectives).items()):
        pooling = next(iter(poolings)) if len(poolings) == 1 else None
        columns.append(Column("hidden", layer, pooling, codec=compression.values))
    columns += [Column(part, layer, codec=compression.values) for layer in sorted(needs.attention) for part in PARTS]
    return columns


def poolings_of(objectives: Sequence[Objective]) -> dict[int, set[str | None]]:
    """Return, for each layer whose hidden states are needed, how they are pooled; `None` where tokens are needed."""
    result: dict[int, set[str | None]] = {}
    for objective in objectives:
        for layer in objective.needs.hidden_states:
            pooling = objective.compared_pooling if isinstance(objective, LayersObjective) else None
            result.setdefault(layer, set()).add(pooling)
    return result


def _codec_of_logits(compression: Compression) -> str:
    if compression.top_k is None:
        return "fp32"
    return f"{'fp32' if compression.values == 'fp32' else 'fp16'}-top{compression.top_k}"


def settle_column(column: Column, knowledge: Features, mask: torch.Tensor | None) -> Column:
    """Return the column with its width, told by what the teacher says of a batch."""
    values = knowledge.logits if column.kind == "logits" else None
    of_tokens = column.pooling is None if values is None else values.dim() == 3
    settled = replace(column, of_tokens=of_tokens)
    width = settled.of(knowledge, mask).shape[-1]
    top = column.codec.partition("-top")[2]
    codec = "fp32" if top and int(top) >= width else column.codec
    return replace(settled, width=width, codec=codec)
