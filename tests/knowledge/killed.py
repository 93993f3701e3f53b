# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Records, as a script in processes of its own that are killed at a given moment each."""

from __future__ import annotations

import io
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from transformers import AutoConfig

from hf_distill import record_knowledge

SHARD = "data/train-{:05}-of-00003.arrow"


def pad(rows: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
    length = max(len(row["input_ids"]) for row in rows)
    return {name: torch.tensor([row[name] + [0] * (length - len(row[name])) for row in rows]) for name in rows[0]}


def record(teacher: Path, folder: Path) -> Path:
    """Record three shards, and what is kept of hidden states."""
    lengths = [3 + 5 * number % 9 for number in range(20)]
    return record_knowledge(
        teacher_model=teacher,
        train_dataset=Dataset.from_dict(
            {
                "input_ids": [[1 + (number + place) % 60 for place in range(n)] for number, n in enumerate(lengths)],
                "attention_mask": [[1] * length for length in lengths],
            }
        ),
        objectives=["logits_kl", "hidden_mse", "rkd_angle"],
        output_dir=folder,
        student_config=AutoConfig.from_pretrained(teacher, num_hidden_layers=2),
        data_collator=pad,
        compression="int8:pca=8",
        batch_size=4,
        rows_per_shard=8,
    )


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def nth(number: int, original: Callable, last: Callable) -> Callable:
    """Return a function that is `original`, and `last` when it is called for the n-th time."""
    calls = iter(range(1, 1000))
    return lambda *args, **options: (last if next(calls) == number else original)(*args, **options)


class HalfWritten(io.FileIO):
    """A file at whose end only half of it is there."""

    def close(self) -> None:
        if not self.closed:
            self.truncate(self.tell() // 2)
            die()
        super().close()


class SlowlyWritten(io.FileIO):
    """A file that takes 64 bytes at a time."""

    def write(self, content: Any) -> int:
        parts = memoryview(content).cast("B")
        for first in range(0, len(parts), 64):
            super().write(parts[first : first + 64])
            time.sleep(0.01)
        return len(parts)


def replace_last(source: Path, target: Path) -> None:
    os.rename(source, target)
    die()


def prepare(kind: str, number: int) -> None:
    if kind == "within_write":
        open_for_writing(nth(number, Path.open, lambda path, mode: HalfWritten(path, mode)))
    elif kind == "after_write":
        os.replace = nth(number, os.replace, replace_last)
    elif kind == "before_removal":
        Path.unlink = nth(number, Path.unlink, lambda *args, **options: die())
    else:
        open_for_writing(lambda path, mode: SlowlyWritten(path, mode))


def open_for_writing(how: Callable) -> None:
    """Open files that are written in this way, and others as ever."""
    original = Path.open

    def opened(path: Path, mode: str = "r", *args: Any, **options: Any) -> Any:
        return how(path, mode) if mode == "wb" else original(path, mode, *args, **options)

    Path.open = opened


def start_and_kill(teacher: Path, folder: Path, kind: str, number: int) -> int:
    """Return the signal that ended a process that recorded."""
    process = os.fork()
    if process == 0:
        prepare(kind, number)
        record(teacher, folder)
        os._exit(0)
    if kind == "shard_is_there":
        while not (folder / SHARD.format(number)).is_file():
            time.sleep(0.002)
        os.kill(process, signal.SIGKILL)
    return os.WTERMSIG(os.waitpid(process, 0)[1])


if __name__ == "__main__":
    torch.set_num_threads(1)
    teacher, jobs = Path(sys.argv[1]), json.loads(sys.argv[2])
    ended = [start_and_kill(teacher, Path(folder), kind, number) for folder, kind, number in jobs]
    print(json.dumps(ended))
