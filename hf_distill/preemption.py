# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Ending early when the machine is wanted back (SIGTERM): with a checkpoint, and a status that says so."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from hf_distill.launch import end_with_launcher


class Preemption(TrainerCallback):
    """
    Ends a training after the step in which any of its processes was sent SIGTERM, with a checkpoint.

    Processes must stop at the same step, so what one of them knows travels with a tensor that all of them add up in
    every step anyway.

    Attributes:
        signalled (`bool`): Whether this process was sent SIGTERM.
        stopped (`bool`): Whether the training was ended because of it.
    """

    def __init__(self) -> None:
        self.stopped = False
        self.signalled = False
        self._last: torch.Tensor | bool = False
        self._agreed: torch.Tensor | bool = False

    def agree(self, signalled: torch.Tensor | bool) -> None:
        """Take what all processes know of each other; it is looked at one step later, so that none waits for it."""
        self._last, self._agreed = self._agreed, signalled

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Take SIGTERM as a wish during a training; outside of it, it ends the process at once."""
        self.stopped, self.signalled, self._last, self._agreed = False, False, False, False
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        end_with_launcher()
        before, owner = signal.getsignal(signal.SIGTERM), os.getpid()

        def note(number: int, frame: Any) -> None:
            if os.getpid() == owner:
                self.signalled = True
            else:
                # A child that was forked meanwhile is not part of the training.
                signal.signal(signal.SIGTERM, signal.SIG_DFL)
                os.kill(os.getpid(), signal.SIGTERM)

        signal.signal(signal.SIGTERM, note)
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, before if before is not None else signal.SIG_DFL)
        if self.signalled and not self.stopped:
            # No step came after it that could have taken it as a wish.
            os.kill(os.getpid(), signal.SIGTERM)

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Ask for a checkpoint and the end, if a process was sent SIGTERM."""
        if bool(self.signalled if args.world_size == 1 else self._last):
            control.should_save = control.should_training_stop = self.stopped = True

    def on_epoch_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Leave out what the end of an epoch asks for: the machine is wanted back soon."""
        if self.stopped:
            control.should_save = control.should_evaluate = False
