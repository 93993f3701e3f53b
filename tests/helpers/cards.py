# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""How tests judge a card: by the Hub's rules, and by what a Markdown parser makes of it."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

from markdown_it import MarkdownIt
from markdown_it.token import Token

RULES = Path(__file__).parents[1] / "hub" / "card_rules.py"
HOSTILE = [
    "<script>alert(1)</script>",
    "a | b",
    "two\nlines\n\n# and a heading\n---\nlicense: evil",
    "```\nfence\n````",
    "`tick`",
    "\"double\" and 'single'",
    "key: value # comment",
    "x" * 5000,
    "\U0001f600 emoji",
    "txt\u202egpj.exe \u2066x\u2069",
    "[link](javascript:alert(1)) ![picture](x)",
    "\x1b[31mred\x1b[0m [red]markup",
    "{{ 7 * 7 }} {% raw %}",
    "&lt;b&gt; &#60;",
    "- {a: [b}",
    "\\ *stars* __lines__ ~~gone~~ $x$",
]
"""What a name may be that someone gives to break a card."""


def card_rules() -> ModuleType:
    """Return the module with the Hub's rules."""
    specification = importlib.util.spec_from_file_location("card_rules", RULES)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def tokens_of(markdown: str) -> list[Token]:
    """Return everything that a parser which lets HTML through, and knows tables, finds in a card's text."""
    parser = MarkdownIt("commonmark", {"html": True}).enable("table").enable("strikethrough")
    top = parser.parse(markdown)
    return [token for outer in top for token in (outer, *(outer.children or []))]


def shape_of(markdown: str) -> list[str]:
    """Return what a card's text consists of, apart from the words: headings, cells, blocks of code, links."""
    inline = ("text", "softbreak", "text_special")
    return [token.type for token in tokens_of(markdown) if token.type not in inline]


def cells_of(markdown: str) -> list[list[str]]:
    """Return the cells of all tables as a reader sees them, line by line."""
    lines: list[list[str]] = []
    cell = False
    for token in tokens_of(markdown):
        if token.type == "tr_open":
            lines.append([])
        elif token.type in ("th_open", "td_open"):
            cell = True
        elif token.type == "inline" and cell:
            lines[-1].append("".join(child.content for child in token.children))
            cell = False
    return lines
