# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Taking the steps that a process is started with."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping


def take(functions: Mapping[str, Callable]) -> None:
    """Take the steps of the first argument; the result of one that fails is what is said of it."""
    results = []
    for name, options in json.loads(sys.argv[1]):
        try:
            results.append(functions[name](**options))
        except Exception as error:
            results.append(f"{type(error).__name__}: {error}")
    print(json.dumps(results))
