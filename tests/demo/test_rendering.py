# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""The reply as HTML."""

from __future__ import annotations

from html.parser import HTMLParser

from hf_distill.demo.answers import Answer
from hf_distill.demo.rendering import STYLE, render_problem, render_reply
from hf_distill.demo.side_by_side import Reply, Shown

HOSTILE = "<script>alert(1)</script><img src=x onerror='alert(2)'>\"&amp;\u202e${7*7}"


class Seen(HTMLParser):
    """What there is in a page: tags with attributes, and the text."""

    def __init__(self, html: str):
        super().__init__()
        self.tags: list[tuple[str, tuple[str, ...]]] = []
        self.text = ""
        self.feed(html.removeprefix(STYLE))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(name for name, _ in attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_a_reply_tells_answers_times_and_how_they_were_measured() -> None:
    scores = (("pos", 0.75), ("neg", 0.25))
    teacher = Shown("teacher", Answer("pos", scores), 12.345, 1.0)
    student = Shown("quantized/quanto", Answer("neg", text=(("a ", None), ("b", "LOC"))), 1.5, 8.23)
    text = Seen(render_reply(Reply((teacher, student), 5, 2, "It was cut."))).text
    assert "12.35 ms" in text or "12.34 ms" in text
    assert "1.50 ms · 8.2x the teacher's speed" in text and "1.0x" not in text
    assert "pos75.0%" in text and "a bLOC" in text and "It was cut." in text
    assert "the median of 5 calls" in text and "on 2 threads" in text
    one = Seen(render_reply(Reply((teacher,), 1, 1))).text
    assert "the median of 1 call of" in one and "on 1 thread of" in one


def test_what_is_hostile_comes_out_as_text() -> None:
    answer = Answer(HOSTILE, ((HOSTILE, 0.5),), ((HOSTILE, HOSTILE), (HOSTILE, None)))
    harmless = Answer("a", (("a", 0.5),), (("a", "a"), ("a", None)))
    rendered = [
        Seen(render_reply(Reply((Shown(words, shown, 1.0, 2.0),), 1, 1, words)))
        for words, shown in ((HOSTILE, answer), ("a", harmless))
    ]
    assert rendered[0].tags == rendered[1].tags
    assert rendered[0].text.count(HOSTILE) == 7
    problem = Seen(render_problem(HOSTILE))
    assert [tag for tag, _ in problem.tags] == ["p"] and problem.text == HOSTILE
