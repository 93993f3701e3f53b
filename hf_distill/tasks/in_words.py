# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""What people read of a task: the text of an example, and answers in the task's words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from PIL import Image


class InWords:
    """
    How an example and the answers to it are told; a part of every [`Task`].

    An example is a row of the data under the task's column names, with encoded labels. Where examples are not rows of
    the data, it is an encoded row.
    """

    columns: ClassVar[tuple[str, ...]]
    optional_columns: ClassVar[tuple[str, ...]]
    label_column: ClassVar[str]
    answers_are_numbers: ClassVar[bool] = False
    """Whether answers are numbers, of which no two are equal and none is right, but some are near."""

    def texts_of(self, example: Mapping[str, Any], processor: Any) -> list[str]:
        """
        Return the texts of an example, in the order in which they are read; none where it has no text.

        Args:
            example (`Mapping[str, Any]`): The example.
            processor (`Processor`): What makes a model's inputs.
        """
        names = [name for name in self.columns + self.optional_columns if name != self.label_column]
        return [text for text in map(example.get, names) if isinstance(text, str)]

    def picture_of(self, example: Mapping[str, Any]) -> Image.Image | None:
        """Return the picture of an example, where it has one."""
        return None

    def in_words(
        self, answers: Sequence[Any], example: Mapping[str, Any], names: Sequence[str], processor: Any
    ) -> list[str]:
        """
        Return answers to one example as people say them.

        Args:
            answers (`Sequence`): What is right, as `Task.references` has it, and then what each model answers.
            example (`Mapping[str, Any]`): The example.
            names (`Sequence[str]`): The label names by id.
            processor (`Processor`): What makes a model's inputs.
        """
        return [str(answer) for answer in answers]

    def is_right(self, answer: Any, reference: Any) -> bool | None:
        """Say whether an answer is right; `None` where answers are only nearer or farther."""
        return bool(np.array_equal(answer, reference))

    def difference(self, one: Any, other: Any) -> float:
        """Return how much two answers differ: 0 where they are the same."""
        return float(not np.array_equal(one, other))


class NumbersInWords(InWords):
    """The same of tasks whose answers are numbers."""

    answers_are_numbers = True

    def in_words(
        self, answers: Sequence[Any], example: Mapping[str, Any], names: Sequence[str], processor: Any
    ) -> list[str]:
        """Return numbers with four digits."""
        return [f"{float(answer):.4g}" for answer in answers]

    def is_right(self, answer: Any, reference: Any) -> bool | None:
        """Return `None`: a number is nearer or farther."""
        return None

    def difference(self, one: Any, other: Any) -> float:
        """Return the distance of two numbers; infinite if one of them is no number."""
        return float(np.nan_to_num(abs(float(one) - float(other)), nan=np.inf))
