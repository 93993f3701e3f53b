# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Make a shallower and/or narrower model of the teacher's architecture, started from the teacher."""

from __future__ import annotations

import copy
import logging
import re
from collections.abc import Sequence
from typing import Any

import torch
from transformers import PretrainedConfig, PreTrainedModel

from hf_distill.errors import InputError
from hf_distill.features.layer_map import uniform
from hf_distill.features.layers import depth_of, layer_prefix
from hf_distill.students.narrow import narrow_config, narrow_tensor

logger = logging.getLogger(__name__)


def build_student(
    teacher: PreTrainedModel,
    num_hidden_layers: int | None = None,
    layers: Sequence[int] | None = None,
    hidden_size: int | None = None,
    num_attention_heads: int | None = None,
    intermediate_size: int | None = None,
    seed: int = 42,
) -> PreTrainedModel:
    """
    Make a student of the teacher's architecture that starts from the teacher's weights, head included.

    Embeddings, pooler and head are the teacher's; student layer j is a copy of teacher layer `layers[j]`. A narrower
    student keeps the first features of every dimension and the first whole attention heads (of a fused query/key/value
    matrix: of each part), so that every weight still connects the features that it connected in the teacher.

    Args:
        teacher ([`~transformers.PreTrainedModel`]): The model to start from. It is not changed.
        num_hidden_layers (`int`, *optional*): Depth of the student, from 1 to the teacher's; defaults to the length
            of `layers`, or to the teacher's depth.
        layers (`Sequence[int]`, *optional*): The teacher layer, counted from 0, that each student layer starts from.
            Defaults to layers spread uniformly that end with the last: of 6 layers, 2 start from `[2, 5]`.
        hidden_size (`int`, *optional*): Width of the student, at most the teacher's, which is the default.
        num_attention_heads (`int`, *optional*): Defaults to as many heads of the teacher's size as fit the width.
        intermediate_size (`int`, *optional*): Width of the feed-forward layers; defaults to the teacher's ratio.
        seed (`int`, *optional*, defaults to 42): Seed of the few weights that the teacher has nothing for.

    Returns:
        [`~transformers.PreTrainedModel`]: The student, in the teacher's class, dtype and label names.

    Raises:
        InputError: If the student would be deeper or wider than the teacher, or the numbers contradict each other.

    Example:

    ```python
    >>> from hf_distill import build_student
    >>> student = build_student(teacher, num_hidden_layers=2, layers=[1, 5])  # doctest: +SKIP
    ```
    """
    shape = num_hidden_layers, layers, hidden_size, num_attention_heads, intermediate_size
    config = student_config(teacher.config, *shape)
    if _is_whole(shape):
        # In training mode, as every fresh model is.
        return copy.deepcopy(teacher).train()
    layers = choose_layers(teacher.config.num_hidden_layers, num_hidden_layers, layers)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        student = type(teacher)(config).to(dtype=teacher.dtype)
    _start_from(student, teacher, layers)
    return student


def student_config(
    teacher: PretrainedConfig,
    num_hidden_layers: int | None = None,
    layers: Sequence[int] | None = None,
    hidden_size: int | None = None,
    num_attention_heads: int | None = None,
    intermediate_size: int | None = None,
) -> PretrainedConfig:
    """
    Return the configuration of the student that [`build_student`] makes with these arguments.

    Raises:
        InputError: As [`build_student`] does.
    """
    if _is_whole((num_hidden_layers, layers, hidden_size, num_attention_heads, intermediate_size)):
        return copy.deepcopy(teacher)
    depth_of(teacher, "student.num_hidden_layers")
    config = _shallow_config(teacher, choose_layers(teacher.num_hidden_layers, num_hidden_layers, layers))
    narrow_config(config, teacher, hidden_size, num_attention_heads, intermediate_size)
    return config


def _is_whole(shape: Sequence[Any]) -> bool:
    """Say whether nothing of depth and width is asked: then a student of any architecture is as large as its start."""
    return all(value is None for value in shape)


def choose_layers(depth: int, number: int | None, layers: Sequence[int] | None) -> list[int]:
    """
    Return the teacher layer, counted from 0, that each student layer starts from.

    Args:
        depth (`int`): Number of layers of the teacher.
        number (`int`, *optional*): Number of layers of the student.
        layers (`Sequence[int]`, *optional*): The choice, if it is made already.

    Raises:
        InputError: If the choice cannot be met.
    """
    if layers is None:
        number = depth if number is None else number
        if isinstance(number, bool) or not isinstance(number, int) or number < 1:
            raise InputError(f"student.num_hidden_layers: must be a whole number of at least 1; got {number!r}")
        if number > depth:
            raise InputError(f"student.num_hidden_layers: {number} is more than the teacher's {depth} layers")
        return [teacher_layer - 1 for _, teacher_layer in uniform(number, depth)]
    layers = list(layers)
    if not layers or not all(type(layer) is int and 0 <= layer < depth for layer in layers):
        raise InputError(f"student.layers: must name teacher layers from 0 to {depth - 1}; got {layers!r}")
    if number is not None and number != len(layers):
        raise InputError(f"student.layers: names {len(layers)} layers but student.num_hidden_layers is {number}")
    return layers


def _shallow_config(teacher: PretrainedConfig, layers: list[int]) -> PretrainedConfig:
    config = copy.deepcopy(teacher)
    # Some architectures list a property of each layer (ModernBERT's attention types): the student keeps the chosen.
    for name, value in vars(teacher).items():
        if isinstance(value, list) and "layer" in name and len(value) == teacher.num_hidden_layers:
            setattr(config, name, [value[layer] for layer in layers])
    config.num_hidden_layers = len(layers)
    return config


def _start_from(student: PreTrainedModel, teacher: PreTrainedModel, layers: list[int]) -> None:
    prefix = layer_prefix(teacher)
    source = teacher.state_dict()
    target = student.state_dict()
    fresh = []
    for name, value in target.items():
        origin = _origin(name, prefix, layers)
        if origin not in source:
            fresh.append(name)
        elif source[origin].shape == value.shape:
            target[name] = source[origin].clone()
        else:
            target[name] = narrow_tensor(origin, source[origin], value.shape)
    student.load_state_dict(target)
    student.tie_weights()
    if fresh:
        logger.warning("The teacher has nothing for %d of the student's weights, such as %s", len(fresh), fresh[0])


def _origin(name: str, prefix: str | None, layers: list[int]) -> str:
    """Return the name of the teacher's weight that a student's weight starts from."""
    match = re.match(rf"{re.escape(prefix)}\.(\d+)\.(.*)", name) if prefix else None
    return f"{prefix}.{layers[int(match[1])]}.{match[2]}" if match else name
