# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Which source of knowledge a trainer's `teacher_model` means."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from transformers import PreTrainedModel

from hf_distill.errors import InputError
from hf_distill.knowledge.fetch import fetch_address, is_address
from hf_distill.knowledge.live import LiveTeacher, load_teacher
from hf_distill.knowledge.precision import PRECISIONS, in_precision, settle_precision
from hf_distill.knowledge.recorded import RecordedTeacher, is_recording
from hf_distill.knowledge.source import KnowledgeSource

logger = logging.getLogger(__name__)


def as_source(teacher_model: Any, precision: str | None = None, compiler: str | None = None) -> KnowledgeSource:
    """
    Return the source of knowledge that a trainer's `teacher_model` means.

    Args:
        teacher_model: A source, a model, the folder or Hub id of one, the folder of a recording, or where one is on
            the Hub: `hf://datasets/OWNER/NAME`, optionally with `@REVISION`.
        precision (`str`, *optional*): What a model computes in, a key of `PRECISIONS`; left out, as it is given.
        compiler (`str`, *optional*): What its layers are compiled with, such as `"inductor"`; left out, they are not.

    Raises:
        InputError: If it is none of these, or if a precision or a compiler is given for what is no model.
    """
    if isinstance(teacher_model, KnowledgeSource):
        _check_nothing_runs(precision, compiler)
        return teacher_model
    if is_address(teacher_model):
        teacher_model = fetch_address(teacher_model)
    if is_recording(teacher_model):
        _check_nothing_runs(precision, compiler)
        return RecordedTeacher(teacher_model)
    precision = _settle(precision)
    if isinstance(teacher_model, (str, Path)):
        teacher_model = load_teacher(teacher_model, **({} if precision is None else {"dtype": PRECISIONS[precision]}))
    elif precision is not None and isinstance(teacher_model, PreTrainedModel):
        teacher_model = in_precision(teacher_model, precision)
    if not isinstance(teacher_model, PreTrainedModel):
        raise InputError(
            "teacher_model: must be a model, the folder or Hub id of one, or a recording, since there are objectives; "
            f"got {type(teacher_model).__name__}"
        )
    return LiveTeacher(teacher_model, autocast=precision is None, compiler=compiler)


def _check_nothing_runs(precision: str | None, compiler: str | None) -> None:
    for field, value in (("teacher_dtype", precision), ("teacher_compile", compiler)):
        if value is not None:
            raise InputError(
                f"{field}: is for a teacher that runs beside the student, not for a recording; leave it out"
            )


def _settle(precision: str | None) -> str | None:
    if precision != "auto":
        return precision
    settled = settle_precision(precision)
    reason = "has instructions for bf16" if settled == "bf16" else "is not fast in bf16"
    logger.warning("teacher_dtype auto: the teacher computes in %s, since this machine %s", settled, reason)
    return settled
