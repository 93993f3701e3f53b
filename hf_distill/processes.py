# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""The processes that a launcher has started to work together."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

import torch
from accelerate import PartialState
from accelerate.utils import broadcast_object_list, gather_object, parse_flag_from_env

from hf_distill.errors import InputError
from hf_distill.launch import is_launched

T = TypeVar("T")

PATIENCE = timedelta(hours=1)
"""How long processes wait for one that works alone, such as in quantization."""


def processes() -> PartialState:
    """Return the processes that work together; without `cpu`, those without a GPU do not know of each other."""
    cpu = parse_flag_from_env("ACCELERATE_USE_CPU") or not torch.accelerator.is_available()
    return PartialState(cpu=cpu, timeout=PATIENCE)


def leave_processes() -> None:
    """
    End the connections to the other processes, when the work of all is done.

    torch leaves their threads running while the interpreter ends, and now and then a process that has done all of its
    work is aborted there, which its launcher reports as a failure.
    """
    if is_launched():
        processes().destroy_process_group()


def from_main(value: T) -> T:
    """Return to all processes what the main one gives; all of them must call this."""
    return broadcast_object_list([value])[0] if processes().num_processes > 1 else value


def main_first(work: Callable[[], T]) -> T:
    """
    Do the same in all processes, in the main one first: the others find what it has fetched and kept.

    None goes on before all have done it, so that none changes what another still looks at.

    Args:
        work (`Callable`): What to do.

    Returns:
        What `work` returns in this process.

    Raises:
        SystemExit: Where it did not fail, with the same exit status as in the process where it did, which tells why.
    """
    result, error = None, None
    is_main = processes().is_main_process
    for is_our_turn in (is_main, not is_main):
        if is_our_turn:
            try:
                result = work()
            except Exception as raised:
                error = raised
        status = max(gather_object([_exit_status(error)]))
        if status:
            raise error or SystemExit(status)
    return result


def _exit_status(error: Exception | None) -> int:
    return 0 if error is None else 2 if isinstance(error, InputError) else 1
