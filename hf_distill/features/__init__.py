# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""What models give to objectives: logits, hidden states, the layer maps and projections that make them comparable."""
