# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Distil BERT-style models with the Hugging Face Trainer: measured, quantized, described."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hf_distill.data.two_tokenizers import TwoTokenizers
    from hf_distill.knowledge.record import record_knowledge
    from hf_distill.objectives import list_objectives, register_objective
    from hf_distill.publishing.recordings import push_recording
    from hf_distill.students import build_student
    from hf_distill.tasks import list_tasks, register_task
    from hf_distill.trainer import DistillationTrainer
    from hf_distill.training_args import DistillationTrainingArguments

__version__ = "0.1.0"

_HOME = {
    "DistillationTrainer": "hf_distill.trainer",
    "DistillationTrainingArguments": "hf_distill.training_args",
    "TwoTokenizers": "hf_distill.data.two_tokenizers",
    "build_student": "hf_distill.students",
    "list_objectives": "hf_distill.objectives",
    "list_tasks": "hf_distill.tasks",
    "push_recording": "hf_distill.publishing.recordings",
    "record_knowledge": "hf_distill.knowledge.record",
    "register_objective": "hf_distill.objectives",
    "register_task": "hf_distill.tasks",
}

__all__ = [
    "DistillationTrainer",
    "DistillationTrainingArguments",
    "TwoTokenizers",
    "__version__",
    "build_student",
    "list_objectives",
    "list_tasks",
    "push_recording",
    "record_knowledge",
    "register_objective",
    "register_task",
]


def __getattr__(name: str) -> object:
    # Imported when first asked for: torch and transformers take seconds, and the command line's help needs neither.
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
