# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Narrower students: which features of the teacher they keep."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from transformers import PretrainedConfig

from hf_distill.errors import InputError


def feed_forward_name(config: PretrainedConfig) -> str:
    """Return what this architecture calls the width of its feed-forward layers."""
    # DistilBERT's name is the one that transformers does not translate.
    return "hidden_dim" if config.model_type == "distilbert" else "intermediate_size"


def narrow_config(
    config: PretrainedConfig,
    teacher: PretrainedConfig,
    hidden_size: int | None,
    num_attention_heads: int | None,
    intermediate_size: int | None,
) -> None:
    """
    Set the widths of a student's configuration, in place.

    Args:
        config ([`~transformers.PretrainedConfig`]): The student's configuration, so far as wide as the teacher's.
        teacher ([`~transformers.PretrainedConfig`]): The teacher's configuration.
        hidden_size (`int`, *optional*): Width; the teacher's if `None`.
        num_attention_heads (`int`, *optional*): Heads; as many of the teacher's size as fit the width if `None`.
        intermediate_size (`int`, *optional*): Width of the feed-forward layers; the teacher's ratio if `None`.

    Raises:
        InputError: If a width is not between 1 and the teacher's, or the heads do not divide it.
    """
    width = _within("hidden_size", hidden_size, teacher.hidden_size)
    head_size = teacher.hidden_size // teacher.num_attention_heads
    heads = _within("num_attention_heads", num_attention_heads, teacher.num_attention_heads, width // head_size)
    if heads < 1 or heads * head_size != width:
        raise InputError(
            f"student.hidden_size: {width} does not hold {max(heads, 1)} whole attention heads of the teacher's size; "
            f"choose a multiple of {head_size}"
        )
    most = getattr(teacher, feed_forward_name(teacher))
    inner = _within("intermediate_size", intermediate_size, most, max(1, most * width // teacher.hidden_size))
    # ELECTRA and DeBERTa give these a width of their own, which may be another one.
    for name in ("embedding_size", "pooler_hidden_size"):
        if getattr(config, name, None) == teacher.hidden_size:
            setattr(config, name, width)
    config.hidden_size, config.num_attention_heads = width, heads
    setattr(config, feed_forward_name(config), inner)


def _within(option: str, value: int | None, most: int, default: int | None = None) -> int:
    if value is None:
        return most if default is None else default
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        raise InputError(f"student.{option}: must be a whole number from 1 to the teacher's {most}; got {value!r}")
    return value


def narrow_tensor(name: str, value: torch.Tensor, shape: Sequence[int]) -> torch.Tensor:
    """
    Keep the first features of every dimension of a teacher's weight.

    Args:
        name (`str`): Name of the weight.
        value (`torch.Tensor`): The teacher's weight.
        shape (`Sequence[int]`): Shape of the student's.

    Returns:
        `torch.Tensor`: A copy of shape `shape`.

    Raises:
        InputError: If the architecture's weight is not one that can be cut so.
    """
    for axis, (old, new) in enumerate(zip(value.shape, shape)):
        if old != new:
            index = torch.tensor(_kept(old, new, _parts(name) if axis == 0 else 1), device=value.device)
            value = value.index_select(axis, index)
    if value.shape != torch.Size(shape):
        raise InputError(f"student.hidden_size: the teacher's {name} cannot be made narrower")
    return value.clone()


def _parts(name: str) -> int:
    # ModernBERT's fused matrices hold query, key and value, or a gate and its input, one below the other.
    return 3 if ".Wqkv." in name else 2 if ".Wi." in name else 1


def _kept(old: int, new: int, parts: int) -> list[int]:
    return [part * (old // parts) + kept for part in range(parts) for kept in range(new // parts)]
