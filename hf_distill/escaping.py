# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""What others wrote (names of labels, files and runs, values of recipes), made harmless where it is shown."""

from __future__ import annotations

import unicodedata

LONGEST_NAME, LONGEST_LINE = 200, 2000
"""Characters of a name, and of a line with names in it; of longer ones the beginning is shown."""
MISLEADING = frozenset("\u061c\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff")
"""Characters without a shape: they turn the direction of the text around them, or make equal what is not."""
UNSEEN = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Unicode's categories of control characters, halves of characters, and separators of lines and paragraphs."""


def visible(text: object, keep: str = "") -> str:
    r"""
    Return a text in which every character can be seen: what controls a terminal or turns directions is named.

    Args:
        text (`object`): A text, or anything that has one.
        keep (`str`, *optional*): Control characters that stay, for example line breaks.

    Returns:
        `str`: The text.

    Example:

    ```python
    >>> visible("txt\u202egpj.exe\x1b[31m")
    'txt[U+202E]gpj.exe[U+001B][31m'
    ```
    """
    return "".join(
        f"[U+{ord(sign):04X}]"
        if sign in MISLEADING or (unicodedata.category(sign) in UNSEEN and sign not in keep)
        else sign
        for sign in str(text)
    )


def one_line(text: object, longest: int = LONGEST_NAME) -> str:
    """
    Return a text as it can stand within a line: one line, every character visible, and not too long.

    Args:
        text (`object`): A text, or anything that has one.
        longest (`int`, *optional*, defaults to 200): How many characters may be shown.
    """
    line = visible(" ".join(str(text).split()))
    return line if len(line) <= longest else f"{line[: longest - 1]}…"
