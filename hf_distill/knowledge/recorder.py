# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Asking the teacher of every row, shard by shard."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate.utils import send_to_device
from safetensors.torch import save
from tqdm.auto import tqdm

from hf_distill.data.sampling import spread_rows
from hf_distill.errors import InputError
from hf_distill.features.features import Features, Needs
from hf_distill.features.units import Unit, unit_masks
from hf_distill.files import write_atomically
from hf_distill.knowledge.columns import plan_columns, settle_column
from hf_distill.knowledge.compression import Compression
from hf_distill.knowledge.gathering import Gathered
from hf_distill.knowledge.layout import Layout
from hf_distill.knowledge.live import LiveTeacher
from hf_distill.knowledge.precision import in_precision
from hf_distill.knowledge.recorded import read_reductions
from hf_distill.knowledge.reduction import fit_reduction
from hf_distill.knowledge.rows import fetch
from hf_distill.knowledge.shards import REDUCTIONS_FILE, is_finished, write_shard
from hf_distill.objectives import Objective
from hf_distill.processes import processes

SAMPLE_TOKENS = 50_000
"""Tokens, about, that reductions are fitted on."""
SAMPLE_ROWS = 16
"""Rows on which widths are learnt and the error of a recording is measured."""


class Recorder:
    """
    Turns rows into shards.

    Args:
        teacher ([`LiveTeacher`]): The teacher, as the user has it.
        rows (`Dataset` or a sequence): What it reads.
        collator (`Callable`): Makes a batch.
        hashes (`np.ndarray`): What tells the rows.
        lengths (`np.ndarray`): How many tokens they have.
        objectives (`Sequence[Objective]`): The objectives, bound to the models.
        compression ([`Compression`]): How knowledge is stored.
        precision (`str`): What the teacher computes in.
        batch_size (`int`): Rows that the teacher reads at once.
    """

    def __init__(
        self,
        teacher: LiveTeacher,
        rows: Any,
        collator: Callable,
        hashes: np.ndarray,
        lengths: np.ndarray,
        objectives: Sequence[Objective],
        compression: Compression,
        precision: str,
        batch_size: int,
    ):
        self.state = processes()
        self._exact = self._teacher = teacher
        model = in_precision(teacher.model, precision)
        if model is not teacher.model:
            self._teacher = LiveTeacher(model)
        self._rows, self._collator, self._hashes, self._lengths = rows, collator, hashes, lengths
        self._needs = Needs.union(objective.all_needs for objective in objectives)
        self._compression, self._batch_size = compression, batch_size
        heads = getattr(teacher.config, "num_attention_heads", 1)
        self.layout = Layout(plan_columns(objectives, compression), heads=heads)

    def check(self) -> None:
        """
        Check that a part of hidden states can be kept, if not all is to be.

        Raises:
            InputError: If there are none, or if they are narrower than what is to be kept.
        """
        if self._compression.reduction is None:
            return
        kind, size = self._compression.reduction
        if not any(column.kind == "hidden" for column in self.layout.columns):
            raise InputError(f"compression.{kind}: no objective needs hidden states; leave it out")
        width = getattr(self._exact.config, "hidden_size", size)
        if size > width:
            raise InputError(f"compression.{kind}: {size} is more than the teacher's {width} features")

    def settle(self, folder: Path) -> None:
        """Learn the widths, and what to keep of hidden states, from a sample of the rows."""
        knowledge, mask, _ = self._ask(spread_rows(len(self._hashes), 2))
        self.layout.columns = [settle_column(column, knowledge, mask) for column in self.layout.columns]
        if self._compression.reduction is None:
            return
        if self.state.is_main_process and not (folder / REDUCTIONS_FILE).is_file():
            write_atomically(folder / REDUCTIONS_FILE, self._fit_reductions())
        self.state.wait_for_everyone()
        self.layout.reductions = read_reductions(folder)
        self.layout.columns = [
            column.keeping(self.layout.reductions[column.layer]) if column.kind == "hidden" else column
            for column in self.layout.columns
        ]
        self.layout.to(self.state.device)

    def write(self, folder: Path, names: Sequence[str], rows_per_shard: int) -> None:
        """
        Write this process's shards; those that an earlier start has finished are kept.

        Args:
            folder (`Path`): The recording's folder.
            names (`Sequence[str]`): All shards, in order.
            rows_per_shard (`int`): Rows of a shard, but for the last.
        """
        mine = range(self.state.process_index, len(names), self.state.num_processes)
        hidden = not self.state.is_local_main_process or len(mine) < 2
        # The teacher reads on into one while the other is written.
        this, other = ({column.name: Gathered() for column in self.layout.columns} for _ in range(2))
        with ThreadPoolExecutor(1) as writer:
            written: Future | None = None
            for shard in tqdm(mine, desc="Recording", unit="shard", disable=hidden):
                if is_finished(folder, names[shard]):
                    continue
                rows = range(shard * rows_per_shard, min((shard + 1) * rows_per_shard, len(self._hashes)))
                places = self._gather(rows, this)
                if written is not None:
                    written.result()
                columns, hashes = {name: column.rows() for name, column in this.items()}, self._hashes[list(rows)]
                written = writer.submit(write_shard, folder, names[shard], hashes, columns, places)
                this, other = other, this
            if written is not None:
                written.result()

    def _gather(self, rows: range, columns: Mapping[str, Gathered]) -> np.ndarray:
        """Ask the teacher of rows, and return where each of them is in the columns."""
        for column in columns.values():
            column.clear()
        read: list[int] = []
        for batch in self._sorted_batches(rows):
            knowledge, mask, counts = self._ask(batch)
            packed = self.layout.pack(knowledge, mask)
            for column in self.layout.columns:
                vectors = packed[column.name]
                each = counts if column.of_tokens else [len(vectors) // len(batch)] * len(batch)
                columns[column.name].add(vectors, each)
            read += batch
        return np.argsort(read)

    def _sorted_batches(self, rows: Sequence[int]) -> Iterator[list[int]]:
        """Cut rows into batches of like lengths; the same rows always make the same batches."""
        order = sorted(rows, key=lambda row: (-self._lengths[row], row))
        for first in range(0, len(order), self._batch_size):
            yield order[first : first + self._batch_size]

    def _ask(
        self, rows: Sequence[int], teacher: LiveTeacher | None = None
    ) -> tuple[Features, torch.Tensor | None, list[int]]:
        """Return what the teacher says of rows, their real tokens, and how many vectors each of them has."""
        inputs = send_to_device(dict(self._collator(fetch(self._rows, rows))), self.state.device)
        knowledge, mask = (teacher or self._teacher)(inputs, self._needs), unit_masks(inputs).get(Unit.TOKEN)
        if mask is not None:
            return knowledge, mask, mask.reshape(len(rows), -1).sum(1).tolist()
        # Images all have the same number of patches.
        states = next(
            iter([*knowledge.hidden_states.values(), *(s.query for s in knowledge.attention.values())]), None
        )
        return knowledge, mask, [1 if states is None else states.shape[1]] * len(rows)

    def _fit_reductions(self) -> bytes:
        kind, size = self._compression.reduction
        hidden = [column for column in self.layout.columns if column.kind == "hidden"]
        vectors: dict[int, list[np.ndarray]] = {column.layer: [] for column in hidden}
        mean_length, tokens = max(float(self._lengths.mean()), 1.0), 0
        for batch in self._sorted_batches(spread_rows(len(self._hashes), int(SAMPLE_TOKENS / mean_length) + 1)):
            knowledge, mask, _ = self._ask(batch)
            for column in hidden:
                vectors[column.layer].append(column.of(knowledge, mask).float().cpu().numpy())
            # Lengths are not known where the collator makes the tokens, nor of images.
            tokens += len(vectors[hidden[0].layer][-1])
            if tokens >= 2 * SAMPLE_TOKENS:
                break
        content = {}
        for layer, parts in vectors.items():
            reduction = fit_reduction(kind, np.concatenate(parts), size)
            content |= {f"components_{layer}": reduction.components, f"mean_{layer}": reduction.mean}
        return save(content)

    def findings(self) -> dict[str, Any]:
        """Return what is known once all is recorded: columns, their size, and how far they are from the teacher."""
        tokens = int(self._lengths.sum())
        rows_per_token = len(self._hashes) / tokens if tokens else 1
        sizes = {
            column.name: round(column.stored.size * (1 if column.of_tokens else rows_per_token), 2)
            for column in self.layout.columns
        }
        return {
            "teacher_config": {
                name: value for name, value in self._exact.config.to_diff_dict().items() if name != "_name_or_path"
            },
            "columns": [column.to_dict() for column in self.layout.columns],
            "tokens": tokens,
            "bytes_per_token": sizes,
            "relative_error": self._errors(),
        }

    def _errors(self) -> dict[str, float]:
        """Measure how far the columns are from the user's own teacher, on a sample of rows."""
        sums: dict[str, np.ndarray] = {}
        for batch in self._sorted_batches(spread_rows(len(self._hashes), SAMPLE_ROWS)):
            knowledge, mask, _ = self._ask(batch)
            exact, _, _ = self._ask(batch, self._exact)
            for name, found in self.layout.errors(self.layout.pack(knowledge, mask), exact, mask).items():
                sums[name] = sums.get(name, np.zeros(2)) + found
        return {name: float(np.sqrt(difference / max(length, 1e-30))) for name, (difference, length) in sums.items()}
