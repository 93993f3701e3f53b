# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""What a visitor gives for each task."""

from __future__ import annotations

from typing import Any

from tiny_media import TASKS, draw_image, draw_sound

MEDIA = {task: medium for medium, task in TASKS.items()}
DRAW = {"image": draw_image, "audio": draw_sound}
CONTEXT = "the film was a film. anna was in rome and otto was in paris."
GIVEN: dict[str, dict[str, Any]] = {
    "text-classification": {"text": "the film was good", "text_pair": ""},
    "multi-label-text-classification": {"text": "the film was good", "text_pair": None},
    "text-regression": {"text": "the film was good"},
    "token-classification": {"tokens": "anna was in rome."},
    "multiple-choice": {"text": "rome", "choices": "rome\nparis\n\nfilm"},
    "fill-mask": {"text": "the [MASK] was [MASK]"},
    "sentence-similarity": {"text": "the film was good", "text_pair": "a great film"},
    "question-answering": {"question": "was anna in", "context": " ".join([CONTEXT] * 3)},
}
"""What a visitor gives."""
