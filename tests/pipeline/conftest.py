# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""The tiny setup."""

from __future__ import annotations

from tiny_setup import command, media, own_cache, refused, restored_verbosity, setup

__all__ = ["command", "media", "own_cache", "refused", "restored_verbosity", "setup"]
