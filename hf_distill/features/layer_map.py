# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Layer maps: which student layer learns from which teacher layer."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hf_distill.errors import InputError

LayerPairs = list[tuple[int, int]]


def uniform(student_layers: int, teacher_layers: int) -> LayerPairs:
    """Pair student layer i with the teacher layer nearest to i * N / M, the last with the last (PKD, TinyBERT)."""
    # Whole numbers only, halves up: Python's round() would send halves to the even neighbour.
    return [
        (i, (2 * i * teacher_layers + student_layers) // (2 * student_layers)) for i in range(1, student_layers + 1)
    ]


def last(student_layers: int, teacher_layers: int) -> LayerPairs:
    """Pair the last student layer with the last teacher layer."""
    return [(student_layers, teacher_layers)]


def skip(student_layers: int, teacher_layers: int) -> LayerPairs:
    """Pair as `uniform` does, without the last layers, which the logits speak for (PKD-skip)."""
    return uniform(student_layers, teacher_layers)[:-1]


LAYER_MAPS: dict[str, Callable[[int, int], LayerPairs]] = {"uniform": uniform, "skip": skip, "last": last}

AUTO = "auto"
"""The layer map that is measured: the teacher layers that the student's resemble most."""


def check_layers(layers: str | Sequence[Sequence[int]], owner: str) -> None:
    """
    Check that `layers` is the name of a layer map or a list of pairs.

    Args:
        layers (`str` or `Sequence[Sequence[int]]`): The value to check.
        owner (`str`): Whose value it is, for the message.

    Raises:
        InputError: If it is neither.
    """
    names = [*LAYER_MAPS, AUTO]
    expected = f"{owner}: layers must be {', '.join(names)}, or pairs such as [[1, 3], [2, 6]]"
    if isinstance(layers, str):
        if layers not in names:
            raise InputError(f"{expected}; got {layers!r}")
        return
    pairs = list(layers) if isinstance(layers, Sequence) else []
    good = [
        isinstance(pair, Sequence) and len(pair) == 2 and all(type(layer) is int for layer in pair) for pair in pairs
    ]
    if not pairs or not all(good):
        raise InputError(f"{expected}; got {layers!r}")


def resolve_layers(
    layers: str | Sequence[Sequence[int]], student_layers: int, teacher_layers: int, owner: str = "layers"
) -> LayerPairs:
    """
    Turn a layer map into pairs of hidden states, 0 being the embeddings' output.

    Args:
        layers (`str` or `Sequence[Sequence[int]]`): `"uniform"`, `"skip"`, `"last"` or `[[student, teacher], ...]`.
        student_layers (`int`): Number of layers of the student.
        teacher_layers (`int`): Number of layers of the teacher; need not be a multiple of the student's.
        owner (`str`, *optional*): Whose layer map it is, for the message.

    Returns:
        `list[tuple[int, int]]`: `(student layer, teacher layer)` pairs.

    Raises:
        InputError: If a layer is outside its model, or if there is no pair.

    Example:

    ```python
    >>> resolve_layers("uniform", student_layers=2, teacher_layers=6)
    [(1, 3), (2, 6)]
    ```
    """
    check_layers(layers, owner)
    pairs = LAYER_MAPS[layers](student_layers, teacher_layers) if isinstance(layers, str) else layers
    if not pairs:
        raise InputError(f"{owner}: layers {layers!r} pairs nothing with a student of {student_layers} layer")
    for student, teacher in pairs:
        for role, layer, depth in (("student", student, student_layers), ("teacher", teacher, teacher_layers)):
            if not 0 <= layer <= depth:
                raise InputError(
                    f"{owner}: {role} layer {layer} in layers is outside 0 to {depth} (0: the embeddings)"
                )
    return [(int(student), int(teacher)) for student, teacher in pairs]
