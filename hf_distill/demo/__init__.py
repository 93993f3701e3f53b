# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""A page on which teacher, student and quantized models answer side by side."""

from hf_distill.demo.models import DemoModels, DemoSource, load_models, published_source, source_of_run
from hf_distill.demo.page import build_page, serve
from hf_distill.demo.side_by_side import Reply, Shown, ask

__all__ = [
    "DemoModels",
    "DemoSource",
    "Reply",
    "Shown",
    "ask",
    "build_page",
    "load_models",
    "published_source",
    "serve",
    "source_of_run",
]
