# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Knowledge from a teacher that reads a text in tokens of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from accelerate import Accelerator

from hf_distill.errors import InputError
from hf_distill.features.features import Features, Needs
from hf_distill.features.heads import Head, head_of
from hf_distill.features.shared import OF_TEACHER, SPANS, WORDS, inputs_of_teacher
from hf_distill.knowledge.live import LiveTeacher
from hf_distill.knowledge.source import KnowledgeSource
from hf_distill.objectives import Objective
from hf_distill.objectives.across_tokenizers import check_across_tokenizers


class TeacherWithOtherTokenizer(KnowledgeSource):
    """
    A live teacher that reads the entries of a batch which are its own: those whose names begin with `teacher_`.

    What it says is of its own tokens.

    Args:
        teacher ([`LiveTeacher`]): The teacher.

    Raises:
        InputError: If it does not run beside the student.
    """

    def __init__(self, teacher: KnowledgeSource):
        if not isinstance(teacher, LiveTeacher):
            raise InputError(
                "teacher_model: a recording is read with the student's own tokens; where the teacher has another "
                "tokenizer give the teacher itself"
            )
        super().__init__(teacher.config)
        self._teacher = teacher

    @property
    def input_names(self) -> list[str]:
        """What the teacher reads, and what says which of its tokens stand for which of the student's."""
        own = [*self._teacher.input_names, SPANS, WORDS]
        return [SPANS, WORDS, *(OF_TEACHER + name for name in own)]

    def to(self, device: torch.device) -> None:
        """Move the teacher to `device`."""
        self._teacher.to(device)

    def place(self, accelerator: Accelerator) -> None:
        """Move the teacher to where the processes that train the student need it."""
        self._teacher.place(accelerator)

    def __call__(self, batch: Mapping[str, torch.Tensor], needs: Needs) -> Features:
        """Return what the teacher says of its own inputs."""
        return self._teacher(inputs_of_teacher(batch), needs)

    def check(self, objectives: Sequence[Objective], rows: Any, collator: Callable, from_teacher: bool) -> None:
        """Check that what these objectives compare can be aligned, and that rows are encoded for both."""
        check_across_tokenizers(objectives)
        if any(objective.all_needs.logits for objective in objectives):
            kind = type(self._teacher.model).__name__
            if self._teacher.output_layer is not None or head_of(self.config, kind) is Head.SPAN:
                raise InputError(
                    f"teacher_model: the logits of {kind} are of its own tokens, and the student has others; choose "
                    "objectives on hidden states, or a student with the teacher's tokenizer"
                )
        columns = getattr(rows, "column_names", None)
        if columns is not None and f"{OF_TEACHER}{SPANS}" not in columns:
            raise InputError(
                f"train_dataset: has no column {OF_TEACHER}{SPANS}; encode the texts with the TwoTokenizers that "
                "processing_class is"
            )
