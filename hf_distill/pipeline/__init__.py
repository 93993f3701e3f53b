# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""A run: from a recipe, through its stages, to a folder with everything that came out of it."""
