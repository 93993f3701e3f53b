# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""A filter that keeps near-copies of a text out of a data set."""

from __future__ import annotations

import re
from collections import Counter, defaultdict

SHINGLE_WORDS = 5
NEAR_COPY_OVERLAP = 0.5

_WORD = re.compile(r"[a-z]+")


class NearCopyFilter:
    """Accepts texts one by one and refuses those that nearly repeat a text accepted before.

    Two texts are near-copies when the overlap coefficient of their sets of word 5-grams, that is the number of shared
    5-grams over the number of 5-grams of the shorter text, is `overlap` or more (Szymkiewicz-Simpson coefficient).

    Args:
        overlap (`float`, *optional*, defaults to 0.5): Overlap from which two texts are near-copies, in (0, 1].

    Example:

    ```py
    >>> from hf_distill.data.near_copies import NearCopyFilter
    >>> near_copies = NearCopyFilter()
    >>> near_copies.accept("Return the number of nodes in the graph as an integer.")
    True
    >>> near_copies.accept("Return the number of nodes in the graph as a float.")
    False
    ```
    """

    def __init__(self, overlap: float = NEAR_COPY_OVERLAP) -> None:
        self.overlap = overlap
        self._sizes: list[int] = []
        self._texts_with_shingle: dict[tuple[str, ...], list[int]] = defaultdict(list)

    def accept(self, text: str) -> bool:
        """Accept a text unless it is a near-copy of one accepted before.

        Args:
            text (`str`): The text.

        Returns:
            `bool`: `True` where the text is new; it then counts as accepted.
        """
        words = _WORD.findall(text.lower())
        shingles = {
            tuple(words[start : start + SHINGLE_WORDS]) for start in range(max(1, len(words) - SHINGLE_WORDS + 1))
        }
        shared = Counter(index for shingle in shingles for index in self._texts_with_shingle.get(shingle, ()))
        if any(count >= self.overlap * min(len(shingles), self._sizes[index]) for index, count in shared.items()):
            return False
        for shingle in shingles:
            self._texts_with_shingle[shingle].append(len(self._sizes))
        self._sizes.append(len(shingles))
        return True
