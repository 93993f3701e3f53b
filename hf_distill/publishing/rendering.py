# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Filling in the templates of `model_cards/`, where every value that is not Markdown already is escaped."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from hf_distill.escaping import Markdown, code, code_block, markdown
from hf_distill.resources import resource_path

if TYPE_CHECKING:
    from huggingface_hub import CardData
    from jinja2 import Environment


def render_template(template: str, metadata: CardData, **texts: Any) -> str:
    """Fill in a template.

    Args:
        template (`str`): Its file in `model_cards/`.
        metadata (`CardData`): What stands at the top of the card, between lines of three dashes.
        **texts: What the template names. A value is shown as it was typed, unless it is [`Markdown`].

    Returns:
        `str`: The card.
    """
    block = Markdown(metadata.to_yaml())
    return _environment().get_template(template).render(card_data=block, **texts).rstrip()


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(resource_path("model_cards")),
        finalize=markdown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"code": code, "code_block": code_block}
    return environment
