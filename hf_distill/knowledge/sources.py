# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Which source of knowledge a trainer's `teacher_model` means."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from transformers import PreTrainedModel

from hf_distill.errors import InputError
from hf_distill.knowledge.fetch import fetch_address, is_address
from hf_distill.knowledge.live import LiveTeacher, load_teacher
from hf_distill.knowledge.recorded import RecordedTeacher, is_recording
from hf_distill.knowledge.source import KnowledgeSource


def as_source(teacher_model: Any) -> KnowledgeSource:
    """
    Return the source of knowledge that a trainer's `teacher_model` means.

    Args:
        teacher_model: A source, a model, the folder or Hub id of one, the folder of a recording, or where one is on
            the Hub: `hf://datasets/OWNER/NAME`, optionally with `@REVISION`.

    Raises:
        InputError: If it is none of these.
    """
    if isinstance(teacher_model, KnowledgeSource):
        return teacher_model
    if is_address(teacher_model):
        teacher_model = fetch_address(teacher_model)
    if is_recording(teacher_model):
        return RecordedTeacher(teacher_model)
    if isinstance(teacher_model, (str, Path)):
        teacher_model = load_teacher(teacher_model)
    if not isinstance(teacher_model, PreTrainedModel):
        raise InputError(
            "teacher_model: must be a model, the folder or Hub id of one, or a recording, since there are objectives; "
            f"got {type(teacher_model).__name__}"
        )
    return LiveTeacher(teacher_model)
