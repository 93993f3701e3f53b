# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Fingerprints: whether teacher, tokenizer and rows are those that a recording was made from."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
import xxhash
from torch import nn

PROBE = "The quick brown fox's 2 JUMPS, naïvely."


def fingerprint_of_weights(model: nn.Module) -> str:
    """Return a hash of a model's weights, by name, whatever device they are on."""
    digest = xxhash.xxh3_128()
    for name, weight in sorted(model.state_dict().items()):
        digest.update(f"{name} {tuple(weight.shape)} {weight.dtype}".encode())
        digest.update(weight.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()


def fingerprint_of_tokenizer(tokenizer: Any) -> str | None:
    """Return a hash of a tokenizer's vocabulary and of how it cuts a sentence; `None` for what is no tokenizer."""
    if not hasattr(tokenizer, "get_vocab"):
        return None
    content = [sorted(tokenizer.get_vocab().items()), tokenizer(PROBE, truncation=False)["input_ids"]]
    return xxhash.xxh3_128(json.dumps(content).encode()).hexdigest()


def fingerprint_of_row(row: Mapping[str, Any], names: Sequence[str]) -> int:
    """Return a hash of what a teacher reads of a row, of 63 bits."""
    digest = xxhash.xxh3_64()
    for name in names:
        value = row.get(name)
        if value is None:
            continue
        digest.update(name.encode())
        digest.update(_framed(value))
    return digest.intdigest() >> 1


def _bytes_of(value: Any) -> bytes:
    if isinstance(value, (str, bytes)):
        return value if isinstance(value, bytes) else value.encode()
    if isinstance(value, Mapping):
        return b"".join(_framed(str(key)) + _framed(entry) for key, entry in value.items())
    if isinstance(value, torch.Tensor):
        # NumPy has no bfloat16.
        value = (value.double() if value.is_floating_point() else value).detach().cpu().numpy()
    # Lists, arrays, tensors and images of the same numbers are the same.
    try:
        array = np.asarray(value)
    except (TypeError, ValueError):
        # Parts of several lengths.
        array = np.empty(0, object)
    if array.dtype.kind in "biu":
        return array.astype(np.int64).tobytes()
    if array.dtype.kind == "f":
        return array.astype(np.float64).tobytes()
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return b"".join(map(_framed, value))
    return repr(value).encode()


def _framed(value: Any) -> bytes:
    """Return the bytes of a value with their number before them, which tells where the next begins."""
    content = _bytes_of(value)
    return len(content).to_bytes(8, "little") + content


def fingerprint_of_all(rows: np.ndarray) -> str:
    """Return a hash of the rows' hashes, in their order."""
    return xxhash.xxh3_128(rows.tobytes()).hexdigest()
