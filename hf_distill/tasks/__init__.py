# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Tasks: what a data set is for. A task per file."""

from __future__ import annotations

from hf_distill.tasks.base import Task
from hf_distill.tasks.catalogue import find_task, list_tasks, register_task

__all__ = ["Task", "find_task", "list_tasks", "register_task"]
