# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Data sets that are built on the spot, without network, for recipes, examples and tests."""
