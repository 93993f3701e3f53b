# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Measuring and comparing the models of a run: scores, latency, size, report and picture."""
