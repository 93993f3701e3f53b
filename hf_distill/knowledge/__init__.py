# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Knowledge: what a teacher says of a batch, wherever it comes from."""
