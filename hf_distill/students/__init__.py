# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Students: compact models made from a teacher."""

from __future__ import annotations

from hf_distill.students.build import build_student

__all__ = ["build_student"]
