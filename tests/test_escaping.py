# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Tests of escaping what others wrote."""

from __future__ import annotations

import ast

import pytest
from markdown_it import MarkdownIt

from hf_distill.escaping import Markdown, code, code_block, markdown, markdown_table, one_line, python_string, visible


@pytest.mark.parametrize("text", ["plain-name_2", "BANKING77", "a (b), c: d", "été \U0001f600", "0.5", "f1_micro"])
def test_plain_names_stay_as_they_are(text: str) -> None:
    assert markdown(text) == text
    assert visible(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\u202eb", "a[U+202E]b"),
        ("\x1b[31m", "[U+001B][31m"),
        ("zero\u200bwidth", "zero[U+200B]width"),
        ("half \ud800", "half [U+D800]"),
    ],
)
def test_what_cannot_be_seen_is_named(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_an_emoji_of_several_characters_stays_whole() -> None:
    family = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
    assert visible(family) == family


def test_a_line_is_one_and_not_too_long() -> None:
    assert one_line(" two\n lines ") == "two lines"
    assert one_line("x" * 300) == "x" * 199 + "…"


@pytest.mark.parametrize(
    "text",
    [
        "<b>",
        "a & b",
        "&lt;",
        "*a*",
        "_a_",
        "__init__",
        "~~a~~",
        "`a`",
        "[a](b)",
        "\\",
        "# a",
        "- a",
        "1. a",
        "=",
        "| a |",
    ],
)
def test_markdown_shows_what_was_typed(text: str) -> None:
    tokens = MarkdownIt("commonmark", {"html": True}).enable("strikethrough").parse(markdown(text))
    assert [token.type for token in tokens] == ["paragraph_open", "inline", "paragraph_close"]
    assert {child.type for child in tokens[1].children} <= {"text", "text_special"}
    assert "".join(child.content for child in tokens[1].children) == text


def test_markdown_is_not_escaped_twice() -> None:
    assert markdown(markdown("<b>")) == "&lt;b&gt;"
    assert markdown(Markdown("**bold**")) == "**bold**"


@pytest.mark.parametrize("text", ["a", "`", "a``b", "`a`", "", "<script>"])
def test_code_within_a_line(text: str) -> None:
    inline = MarkdownIt("commonmark").parse(f"see {code(text)}")[1]
    assert [child.type for child in inline.children] == ["text", "code_inline"]
    assert inline.children[1].content.strip() == text


def test_a_block_of_code_ends_where_it_should() -> None:
    tokens = MarkdownIt("commonmark").parse(code_block("a\n````\nb\n", "yaml"))
    assert [(token.type, token.info, token.content) for token in tokens] == [("fence", "yaml", "a\n````\nb\n")]


def test_a_table_has_its_cells() -> None:
    table = markdown_table(["Model", "a|b"], [["x\ny", "-0.50"], ["-", "-"]])
    assert table == "| Model | a\\|b |\n| :--- | ---: |\n| x y | -0.50 |\n| - | - |"


@pytest.mark.parametrize(
    "text", ["ada/model", "it's", 'say "x"', "both ' and \"", "a\\b\n", "\u202e", "\U0001f600", ""]
)
def test_python_reads_back_the_text(text: str) -> None:
    assert ast.literal_eval(python_string(text)) == text
    assert python_string(text).isprintable()
