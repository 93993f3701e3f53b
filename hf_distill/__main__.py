# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""`python -m hf_distill`."""

from __future__ import annotations

from hf_distill.cli import main

if __name__ == "__main__":
    main()
