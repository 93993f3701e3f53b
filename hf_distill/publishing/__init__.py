# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Describing the models of a run for others and publishing them on the Hugging Face Hub."""
