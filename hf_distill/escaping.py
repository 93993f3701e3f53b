# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""What others wrote (names of labels, files and runs, values of recipes), made harmless where it is shown."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

LONGEST_NAME, LONGEST_LINE = 200, 2000
"""Characters of a name, and of a line with names in it; of longer ones the beginning is shown."""
MISLEADING = frozenset("\u061c\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff")
"""Characters without a shape: they turn the direction of the text around them, or make equal what is not."""
UNSEEN = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Unicode's categories of control characters, halves of characters, and separators of lines and paragraphs."""
ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
MARKUP = re.compile(r"[\\`*\[\]|~$]|(?<![^\W_])_|_(?![^\W_])|^(?:[#+=-]|\d+(?=[.)](?:\s|$)))")
"""What may mean something in Markdown: the rest of its signs do so at the start of a line only."""


class Markdown(str):
    """A text that is Markdown already, and stays as it is where other texts are escaped."""


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


def markdown(text: object) -> Markdown:
    r"""
    Return Markdown that shows a text as it was typed, within a line or a cell of a table; Markdown stays as it is.

    Args:
        text (`object`): A text, or anything that has one.

    Example:

    ```python
    >>> markdown("<b>*very*</b> | f1_micro")
    '&lt;b&gt;\\*very\\*&lt;/b&gt; \\| f1_micro'
    ```
    """
    if isinstance(text, Markdown):
        return text
    escaped = MARKUP.sub(_escaped, one_line(text, LONGEST_LINE))
    return Markdown(re.sub("[&<>]", lambda sign: ENTITIES[sign[0]], escaped))


def _escaped(found: re.Match[str]) -> str:
    """Put a backslash before a sign, or behind a number that would begin a list."""
    return f"{found[0]}\\" if found[0].isdigit() else f"\\{found[0]}"


def code(text: object) -> Markdown:
    """
    Return Markdown that shows a text within a line as code.

    Args:
        text (`object`): A text, or anything that has one.
    """
    line = one_line(text)
    fence = _fence(line, 1)
    # A space is needed where the text begins or ends with a backtick, and a code of nothing is none.
    space = " " if not line or line.startswith("`") or line.endswith("`") else ""
    return Markdown(f"{fence}{space}{line or ' '}{space}{fence}")


def code_block(text: str, language: str) -> Markdown:
    """
    Return Markdown that shows lines as they are.

    Args:
        text (`str`): The lines.
        language (`str`): What they are written in, for example `"yaml"`.
    """
    lines = visible(text.rstrip(), keep="\n\t")
    fence = _fence(lines, 3)
    return Markdown(f"{fence}{language}\n{lines}\n{fence}")


def markdown_table(headers: Sequence[str], lines: Sequence[Sequence[str]], names: int = 1) -> Markdown:
    """
    Return a Markdown table.

    Args:
        headers (`Sequence[str]`): A text for each column.
        lines (`Sequence[Sequence[str]]`): The texts of each line.
        names (`int`, *optional*, defaults to 1): How many columns, the first ones, are to the left; numbers are to the
            right.
    """
    rule = [Markdown(":---" if column < names else "---:") for column in range(len(headers))]
    return Markdown("\n".join(f"| {' | '.join(map(_cell, line))} |" for line in (headers, rule, *lines)))


def _cell(text: object) -> str:
    # A number, or the dash of what was not measured, needs no backslash before its minus.
    return str(text) if re.fullmatch(r"-|-?[\d.,]+[ %\w]*", str(text)) else markdown(text)


def _fence(text: str, least: int) -> str:
    """Return a fence that is longer than any in the text."""
    return "`" * max(least, 1 + max(map(len, re.findall("`+", text)), default=0))


def python_string(text: str) -> str:
    r"""
    Return the Python expression of a text, in double quotes where that needs no more signs.

    Args:
        text (`str`): The text.

    Example:

    ```python
    >>> python_string("ada/model"), python_string('a"b\n')
    ('"ada/model"', '\'a"b\\n\'')
    ```
    """
    quoted = repr(text)
    return f'"{quoted[1:-1]}"' if not {"'", '"'} & set(text) else quoted
