# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""The processes that a launcher has started to work together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Generic, TypeVar

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
    is_main = processes().is_main_process
    outcome = _try(work) if is_main else None
    _end_with(outcome, from_main(outcome.status if outcome else 0))
    outcome = outcome or _try(work)
    statuses = gather_object([outcome.status]) if processes().num_processes > 1 else [outcome.status]
    _end_with(outcome, max(statuses))
    return outcome.result


@dataclass(frozen=True)
class _Outcome(Generic[T]):
    result: T | None = None
    error: Exception | None = None

    @property
    def status(self) -> int:
        """Exit status of a command that ends so."""
        return 0 if self.error is None else 2 if isinstance(self.error, InputError) else 1


def _try(work: Callable[[], T]) -> _Outcome[T]:
    try:
        return _Outcome(work())
    except Exception as error:
        return _Outcome(error=error)


def _end_with(outcome: _Outcome | None, status: int) -> None:
    """End this process where it or another one has failed."""
    if outcome is not None and outcome.error is not None:
        raise outcome.error
    if status:
        raise SystemExit(status)
