# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""
What ends a command early: input that is wrong, with how to say what would be right, a Hub that fails, and a wish to
stop.
"""

from __future__ import annotations

import difflib
import signal
from collections.abc import Iterable


class InputError(ValueError):
    """Something that the user gave is wrong; the message is one line that names it and says what would be right."""


class HubError(RuntimeError):
    """The Hugging Face Hub, or the way to it, failed for too long; the message is one line that says what to do."""


class Preempted(SystemExit):
    """
    The machine is wanted back (SIGTERM): ends the process with status 143; whoever wants to go on catches it.

    Args:
        message (`str`): What was done before the end.
    """

    def __init__(self, message: str):
        super().__init__(128 + signal.SIGTERM)
        self.message = message


def nearest_name(wrong: str, names: Iterable[str]) -> str:
    """
    Return `"; did you mean 'name'?"`, or the list of names where none is near.

    Args:
        wrong (`str`): What was given.
        names (`Iterable[str]`): What there is.
    """
    names = sorted(names)
    near = difflib.get_close_matches(wrong, names, n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else f"; there are: {', '.join(names)}"
