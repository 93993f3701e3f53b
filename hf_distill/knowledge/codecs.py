# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""From vectors to bytes and back: every vector becomes the same number of bytes, its scale among them."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch

from hf_distill.errors import InputError

DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
SCALE_BYTES = 4
OCTAVES = 10
"""Octaves below the largest number of a vector that the logarithmic codec tells apart; smaller numbers become 0."""


def _numbers_in(stored: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Return the numbers `(..., n)` that bytes `(..., n * size of a number)` are."""
    flat = stored.reshape(-1)
    # Bytes that follow others may begin where no number of this size can.
    flat = flat.clone() if flat.storage_offset() % dtype.itemsize else flat
    return flat.view(dtype).view(*stored.shape[:-1], stored.shape[-1] // dtype.itemsize)


class Codec(ABC):
    """
    Stores vectors of one width.

    Args:
        width (`int`): Numbers in a vector.
    """

    def __init__(self, width: int):
        self.width = width

    @property
    @abstractmethod
    def size(self) -> int:
        """Bytes of a vector."""

    @abstractmethod
    def encode(self, vectors: torch.Tensor) -> torch.Tensor:
        """Store vectors `(..., width)` as bytes `(..., size)`.

        Raises:
            InputError: If a number is too large.
        """

    @abstractmethod
    def decode(self, stored: torch.Tensor) -> torch.Tensor:
        """Return the vectors `(..., width)` of bytes `(..., size)`; bytes that are all 0 are vectors of zeros."""


class FloatCodec(Codec):
    """
    Floating-point numbers of 32 or 16 bits.

    Args:
        width (`int`): Numbers in a vector.
        values (`str`): `"fp32"`, `"fp16"` or `"bf16"`.
    """

    def __init__(self, width: int, values: str):
        super().__init__(width)
        self._values, self._dtype = values, DTYPES[values]

    @property
    def size(self) -> int:
        """Bytes of a vector."""
        return self.width * self._dtype.itemsize

    def encode(self, vectors: torch.Tensor) -> torch.Tensor:
        """Store vectors `(..., width)` as bytes `(..., size)`."""
        if self._dtype == torch.float16 and vectors.dtype != torch.float16 and vectors.numel():
            least, most = (end.item() for end in torch.aminmax(vectors))
            largest = max(most, -least)
            # NaN is not below either.
            if not largest <= torch.finfo(torch.float16).max:
                raise InputError(f"compression: fp16 ends at 65504, the teacher says {largest:.3g}; use bf16 or fp32")
        return vectors.to(self._dtype).contiguous().view(torch.uint8)

    def decode(self, stored: torch.Tensor) -> torch.Tensor:
        """Return the vectors `(..., width)`, in the precision they are stored in."""
        return _numbers_in(stored, self._dtype)


class _ScaledCodec(Codec):
    """A byte for each number, and the largest of them as a scale."""

    @property
    def size(self) -> int:
        return self.width + SCALE_BYTES

    def encode(self, vectors: torch.Tensor) -> torch.Tensor:
        """Store vectors `(..., width)` as bytes `(..., size)`."""
        vectors = vectors.float()
        # The norm that is this takes ten times as long.
        largest = torch.maximum(vectors.amax(-1, keepdim=True), -vectors.amin(-1, keepdim=True))
        fractions = vectors / largest.clamp(min=torch.finfo(torch.float32).tiny)
        stored = torch.empty(*vectors.shape[:-1], self.size, dtype=torch.uint8, device=vectors.device)
        self._put_codes(fractions, stored[..., : self.width])
        stored[..., self.width :] = largest.view(torch.uint8)
        return stored

    def decode(self, stored: torch.Tensor) -> torch.Tensor:
        """Return the vectors `(..., width)` of bytes `(..., size)`, in 32 bits."""
        largest = _numbers_in(stored[..., self.width :], torch.float32)
        return self._numbers(stored[..., : self.width], largest)

    @abstractmethod
    def _put_codes(self, fractions: torch.Tensor, codes: torch.Tensor) -> None:
        """Put numbers from -1 to 1, which may be used up, into a byte each."""

    @abstractmethod
    def _numbers(self, codes: torch.Tensor, largest: torch.Tensor) -> torch.Tensor:
        """Return the numbers that codes stand for in vectors whose largest is known."""


class Int8Codec(_ScaledCodec):
    """Whole numbers from -127 to 127 times a scale: the error is the same for small and large numbers."""

    def _put_codes(self, fractions: torch.Tensor, codes: torch.Tensor) -> None:
        codes.view(torch.int8).copy_(fractions.mul_(127).round_())

    def _numbers(self, codes: torch.Tensor, largest: torch.Tensor) -> torch.Tensor:
        return codes.view(torch.int8) * (largest / 127)


class Log8Codec(_ScaledCodec):
    """A sign and 127 steps on a logarithmic scale: the error grows with the number, and small ones keep their size."""

    def _put_codes(self, fractions: torch.Tensor, codes: torch.Tensor) -> None:
        steps = (127 + fractions.abs().log2() * (126 / OCTAVES)).round().clamp(0, 127)
        codes.copy_(steps + 128 * (fractions < 0))

    def _numbers(self, codes: torch.Tensor, largest: torch.Tensor) -> torch.Tensor:
        steps = torch.arange(128, dtype=torch.float32, device=codes.device)
        sizes = torch.where(steps > 0, torch.exp2((steps - 127) * (OCTAVES / 126)), 0.0)
        return torch.cat([sizes, -sizes])[codes.int()] * largest


class TopKCodec(Codec):
    """
    The largest logits with their classes, and one logit for all others that gives them the mass they had.

    Args:
        width (`int`): Number of classes.
        kept (`int`): How many logits are kept; fewer than there are classes.
        values (`str`): `"fp32"` or `"fp16"`.
    """

    def __init__(self, width: int, kept: int, values: str):
        super().__init__(width)
        self._kept, self._values = kept, FloatCodec(kept + 1, values)
        self._index = torch.int16 if width <= torch.iinfo(torch.int16).max else torch.int32

    @property
    def size(self) -> int:
        """Bytes of a vector."""
        return self._kept * self._index.itemsize + self._values.size

    def encode(self, vectors: torch.Tensor) -> torch.Tensor:
        """Store logits `(..., classes)` as bytes `(..., size)`."""
        vectors = vectors.float()
        largest, classes = vectors.topk(self._kept, dim=-1)
        others = vectors.scatter(-1, classes, float("-inf")).logsumexp(-1, keepdim=True)
        each = others - torch.tensor(float(self.width - self._kept)).log()
        values = self._values.encode(torch.cat([largest, each], dim=-1))
        return torch.cat([values, classes.to(self._index).contiguous().view(torch.uint8)], dim=-1)

    def decode(self, stored: torch.Tensor) -> torch.Tensor:
        """Return logits `(..., classes)`, in 32 bits."""
        values = self._values.decode(stored[..., : self._values.size]).float()
        classes = _numbers_in(stored[..., self._values.size :], self._index).long()
        logits = values[..., -1:].expand(*values.shape[:-1], self.width)
        return logits.scatter(-1, classes, values[..., :-1])


def make_codec(values: str, width: int) -> Codec:
    """
    Return the codec of that name.

    Args:
        values (`str`): `"fp32"`, `"fp16"`, `"bf16"`, `"int8"` or `"log8"`; `"fp16-top8"` for the 8 largest logits.
        width (`int`): Numbers in a vector.
    """
    values, _, kept = values.partition("-top")
    if kept:
        return TopKCodec(width, int(kept), values)
    if values in DTYPES:
        return FloatCodec(width, values)
    return {"int8": Int8Codec, "log8": Log8Codec}[values](width)
