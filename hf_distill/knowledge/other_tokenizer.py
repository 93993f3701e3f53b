# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Knowledge from a teacher that reads a text in tokens of its own."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from accelerate import Accelerator

from hf_distill.errors import InputError
from hf_distill.features.features import Features, Needs
from hf_distill.features.heads import Head, head_of
from hf_distill.features.shared import OF_TEACHER, SPANS, WORDS, inputs_of_teacher
from hf_distill.knowledge.columns import PREFIX
from hf_distill.knowledge.live import LiveTeacher
from hf_distill.knowledge.recorded import RecordedTeacher
from hf_distill.knowledge.source import KnowledgeSource
from hf_distill.objectives import Objective
from hf_distill.objectives.across_tokenizers import check_across_tokenizers


class TeacherWithOtherTokenizer(KnowledgeSource):
    """
    A teacher that reads the entries of a batch which are its own: those whose names begin with `teacher_`.

    What it says is of its own tokens.

    Args:
        teacher ([`LiveTeacher`] or [`RecordedTeacher`]): The teacher, or what was recorded of it with its tokenizer.
        tokenizer ([`~transformers.PreTrainedTokenizerBase`]): Its tokenizer.
    """

    def __init__(self, teacher: LiveTeacher | RecordedTeacher, tokenizer: Any):
        super().__init__(teacher.config)
        # What the caller has stays as it is.
        self._teacher, self._tokenizer = copy.copy(teacher), tokenizer
        if isinstance(teacher, RecordedTeacher):
            self._teacher.view = inputs_of_teacher

    @property
    def input_names(self) -> list[str]:
        """What the teacher reads, and what says which of its tokens stand for which of the student's."""
        recorded = [name for name in self._teacher.input_names if name.startswith(PREFIX)]
        own = [name for name in self._teacher.input_names if name not in recorded]
        return [*recorded, SPANS, WORDS, *(OF_TEACHER + name for name in (*own, SPANS, WORDS))]

    def to(self, device: torch.device) -> None:
        """Move the teacher to `device`."""
        self._teacher.to(device)

    def place(self, accelerator: Accelerator) -> None:
        """Move the teacher to where the processes that train the student need it."""
        self._teacher.place(accelerator)

    def attach(self, rows: Any, collator: Callable, tokenizer: Any) -> tuple[Any, Callable]:
        """Give each row what was recorded of it, if anything was; all must be encoded for both."""
        columns = getattr(rows, "column_names", None)
        if columns is not None and f"{OF_TEACHER}{SPANS}" not in columns:
            raise InputError(
                f"train_dataset: has no column {OF_TEACHER}{SPANS}; encode the texts with the TwoTokenizers that "
                "processing_class is"
            )
        return self._teacher.attach(rows, collator, self._tokenizer)

    def __call__(self, batch: Mapping[str, torch.Tensor], needs: Needs) -> Features:
        """Return what the teacher says of its own inputs."""
        recorded = isinstance(self._teacher, RecordedTeacher)
        return self._teacher(batch if recorded else inputs_of_teacher(batch), needs)

    def match(self, student: Features) -> None:
        """Bring the student's hidden states to where they are compared with the teacher's."""
        self._teacher.match(student)

    def check(self, objectives: Sequence[Objective], rows: Any, collator: Callable, from_teacher: bool) -> None:
        """Check that what these objectives compare can be aligned."""
        check_across_tokenizers(objectives)
        recorded = isinstance(self._teacher, RecordedTeacher)
        kind = self._teacher.content["teacher"]["class"] if recorded else type(self._teacher.model).__name__
        of_tokens = kind.endswith("ForMaskedLM") or head_of(self.config, kind) is Head.SPAN
        if of_tokens and any(objective.all_needs.logits for objective in objectives):
            raise InputError(
                f"teacher_model: the logits of {kind} are of its own tokens, and the student has others; choose "
                "objectives on hidden states, or a student with the teacher's tokenizer"
            )
        self._teacher.check(objectives, rows, collator, from_teacher)
