# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""The reply of a demo as HTML, in which nothing that a visitor or a model's configuration says is HTML."""

from __future__ import annotations

import html

from hf_distill.demo.answers import Answer
from hf_distill.demo.side_by_side import Reply, Shown

STYLE = """<style>
.hf-distill { display: flex; flex-wrap: wrap; gap: 1rem; color: var(--body-text-color) }
.hf-distill article { flex: 1 1 15rem; min-width: 0; padding: 1rem; border: 1px solid var(--border-color-primary);
  border-radius: .5rem; background: var(--block-background-fill); overflow-wrap: anywhere }
.hf-distill article h3 { margin: 0 !important; font-size: .9rem; opacity: .75 }
.hf-distill .words { margin: .25rem 0; font-size: 1.2rem; line-height: 1.3; font-weight: 600; unicode-bidi: isolate }
.hf-distill .time { margin: 0 0 .75rem; font-variant-numeric: tabular-nums }
.hf-distill .score { display: grid; grid-template-columns: 1fr auto; column-gap: .5rem; margin-top: .35rem }
.hf-distill .score span { min-width: 0; unicode-bidi: isolate }
.hf-distill .score i { grid-column: 1 / 3; height: .35rem; border-radius: .2rem; background: var(--color-accent) }
.hf-distill .text { margin-top: .75rem; line-height: 1.9; white-space: pre-wrap }
.hf-distill mark { padding: .1rem .25rem; border-radius: .25rem; color: inherit; background: var(--color-accent-soft);
  border-bottom: 2px solid var(--color-accent) }
.hf-distill mark b { margin-left: .3rem; font-size: .7rem; opacity: .75 }
.hf-distill ~ p.hf-distill-note { margin-top: 1rem; font-size: .85rem; opacity: .75 }
.hf-distill-wrong { font-weight: 600 }
</style>"""
MEASURED = (
    "Time: the median of {calls} of the model alone on this one input, after a warm-up, {threads} of this machine's "
    "processor. Making the model's input of it (tokens, pixels, frames) is not in it."
)


def render_reply(reply: Reply) -> str:
    """
    Return the reply as HTML.

    Args:
        reply ([`Reply`]): What the models say.
    """
    models = "".join(map(_model, reply.models))
    calls = f"{reply.rounds} call{'s' if reply.rounds > 1 else ''}"
    threads = f"on {reply.threads} thread{'s' if reply.threads > 1 else ''}"
    notes = [reply.notice, MEASURED.format(calls=calls, threads=threads)]
    told = "".join(f'<p class="hf-distill-note">{html.escape(note)}</p>' for note in notes if note)
    return f'{STYLE}<div class="hf-distill">{models}</div>{told}'


def render_problem(message: str) -> str:
    """Return what is wrong with an input as HTML."""
    return f'{STYLE}<p class="hf-distill-wrong" role="alert">{html.escape(message)}</p>'


def _model(shown: Shown) -> str:
    speed = (
        "" if shown.speed_up is None or shown.name == "teacher" else f" · {shown.speed_up:.1f}x the teacher's speed"
    )
    return (
        f"<article><h3>{html.escape(shown.name)}</h3>"
        f'<p class="words">{html.escape(shown.answer.words)}</p>'
        f'<p class="time">{shown.milliseconds:.2f} ms{speed}</p>'
        f"{_scores(shown.answer)}{_text(shown.answer)}</article>"
    )


def _scores(answer: Answer) -> str:
    return "".join(
        f'<div class="score"><span>{html.escape(name)}</span><span>{100 * probability:.1f}%</span>'
        f'<i style="width: {100 * probability:.1f}%"></i></div>'
        for name, probability in answer.scores
    )


def _text(answer: Answer) -> str:
    pieces = [
        html.escape(piece) if mark is None else f"<mark>{html.escape(piece)}<b>{html.escape(mark)}</b></mark>"
        for piece, mark in answer.text
    ]
    return f'<div class="text">{"".join(pieces)}</div>' if pieces else ""
