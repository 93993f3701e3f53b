# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""The tiny setup of tests/pipeline, for these tests too."""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

# Test folders are no packages, so that one conftest cannot import another by name.
_spec = spec_from_file_location("tiny_setup", Path(__file__).parents[1] / "pipeline" / "conftest.py")
_tiny_setup = module_from_spec(_spec)
sys.modules[_spec.name] = _tiny_setup
_spec.loader.exec_module(_tiny_setup)

setup = _tiny_setup.setup
media = _tiny_setup.media
own_cache = _tiny_setup.own_cache
restored_verbosity = _tiny_setup.restored_verbosity
command = _tiny_setup.command
