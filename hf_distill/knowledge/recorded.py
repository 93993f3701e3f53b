# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Knowledge from a recording: what the teacher said once, read again with the rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from transformers import AutoConfig, PretrainedConfig, PreTrainedModel

from hf_distill.errors import InputError
from hf_distill.features.features import Features, Needs
from hf_distill.features.units import Unit, unit_masks
from hf_distill.knowledge.attach import KnowledgeCollator, attach, match_rows
from hf_distill.knowledge.columns import ROW_COLUMN, Column, poolings_of
from hf_distill.knowledge.fingerprints import fingerprint_of_tokenizer, fingerprint_of_weights
from hf_distill.knowledge.layout import Layout
from hf_distill.knowledge.live import LiveTeacher, load_teacher
from hf_distill.knowledge.reduction import Reduction
from hf_distill.knowledge.rows import as_it_is, check_same_twice, fetch, hash_and_measure
from hf_distill.knowledge.shards import PLAN_FILE, RECORDING_FILE, REDUCTIONS_FILE, check_file, open_shards, read_json
from hf_distill.knowledge.source import KnowledgeSource
from hf_distill.objectives import LayersObjective, Objective

AGAIN = "record again with record_knowledge or hf-distill record"
COMPARED_ROWS = 16
"""Rows of which a teacher at hand is asked again when a training starts."""
SLACK = 3.0
"""How much further from the teacher than the recording's sample those rows may be."""
NOISE = 1e-4
"""Relative difference that the same model may have between two batches of the same rows."""


class RecordedTeacher(KnowledgeSource):
    """
    A recording in a teacher's place.

    Args:
        folder (`str` or `Path`): The folder that [`record_knowledge`] wrote.
        teacher ([`~transformers.PreTrainedModel`], *optional*): The teacher it was made with, if it is at hand: when a
            training starts it is asked again of a few rows. Where the teacher was given to [`record_knowledge`] as a
            folder, it is loaded from there.

    Raises:
        InputError: If the folder holds no complete recording, or if one of its files is damaged.
    """

    def __init__(self, folder: str | Path, teacher: PreTrainedModel | None = None):
        self.folder = Path(folder)
        if not (self.folder / RECORDING_FILE).is_file():
            raise InputError(
                f"teacher_model: {folder} holds no complete recording (it has no {RECORDING_FILE}); the call that "
                "began it continues it"
            )
        self.content = read_json(self.folder / RECORDING_FILE)
        super().__init__(_config_of(self.content["teacher_config"]))
        self.data = open_shards(self.folder, self.content["shards"])
        if "reductions" in self.content:
            check_file(self.folder, REDUCTIONS_FILE, self.content["reductions"])
        columns = [Column(**column) for column in self.content["columns"]]
        reduced = self.content["compression"].get("space") == "reduced"
        heads = getattr(self.config, "num_attention_heads", 1)
        self.layout = Layout(columns, read_reductions(self.folder), heads, reduced)
        self._teacher = teacher
        self.view = as_it_is
        """What of a row, and of a batch, is the teacher's."""

    def to(self, device: torch.device) -> None:
        """Read on `device`."""
        self.layout.to(device)

    @property
    def name(self) -> str | None:
        """The folder or Hub id of the teacher, as the recording has it."""
        return self.content["teacher"]["path"] or super().name

    @property
    def input_names(self) -> list[str]:
        """The columns that are read of a row: its knowledge, and what tells whether the row is the recorded one."""
        return [*self.content["teacher_inputs"], ROW_COLUMN, *(column.name for column in self.layout.columns)]

    @property
    def layer_maps(self) -> dict[str, Any]:
        """The layer maps that it was made for, by objective; those that were measured among them."""
        return {entry["name"]: entry["layers"] for entry in self.content["objectives"] if "layers" in entry}

    def __call__(self, batch: Mapping[str, torch.Tensor], needs: Needs) -> Features:
        """Return what `needs` names for this batch."""
        recorded = {column.name: batch[column.name] for column in self.layout.columns if column.name in batch}
        return self.layout.decode({**self.view(batch), **recorded}, needs)

    def match(self, student: Features) -> None:
        """Bring the student's hidden states to where they are compared, if only a part of the teacher's was kept."""
        self.layout.match(student)

    def attach(self, rows: Any, collator: Callable, tokenizer: Any) -> tuple[Any, Callable]:
        """
        Give each row what was recorded of it, and let the collator make batches of that too.

        Args:
            rows (`Dataset`, `IterableDataset` or a sequence): The training data. Rows that have the columns of a
                recording already keep them.
            collator (`Callable`): Makes a batch.
            tokenizer ([`~transformers.PreTrainedTokenizerBase`], *optional*): The tokenizer.

        Raises:
            InputError: If the tokenizer or a row is not that of the recording.
        """
        own, recorded = fingerprint_of_tokenizer(tokenizer), self.content["tokenizer"]
        if own is not None and recorded is not None and own != recorded:
            raise InputError(f"processing_class: is not the tokenizer of the recording {self.folder}; {AGAIN}")
        if rows is None:
            return rows, collator
        names = self.content["teacher_inputs"]
        positions = None
        if hasattr(rows, "__len__") and ROW_COLUMN not in (getattr(rows, "column_names", None) or ()):
            hashes, lengths = hash_and_measure(rows, names, self.view)
            if max(lengths, default=0) > self.content["max_length"]:
                raise InputError(
                    f"train_dataset: has rows of {max(lengths)} tokens, the recording {self.folder} was made of at "
                    f"most {self.content['max_length']} (max_length); {AGAIN}"
                )
            positions = match_rows(hashes, np.asarray(self.data.with_format("numpy")[ROW_COLUMN][:]))
            if not isinstance(positions, np.ndarray):
                raise InputError(
                    f"train_dataset: row {positions} is not in the recording {self.folder} of {len(self.data)} rows, "
                    f"or more often than there; it was made of other rows, or cut to another max_length; {AGAIN}"
                )
        # A stream cannot be searched beforehand, so each of its rows is compared as it comes.
        watched = names if positions is None else None
        return attach(rows, self.data, positions), KnowledgeCollator(collator, self.layout.columns, watched, self.view)

    def check(self, objectives: Sequence[Objective], rows: Any, collator: Callable, from_teacher: bool) -> None:
        """
        Check that this is what the objectives need, and, where the teacher is at hand, that it says so still.

        Raises:
            InputError: If something that is needed was not recorded, if batches are drawn at random, or if the
                teacher says something else.
        """
        self._check_needs(objectives)
        if from_teacher and self.layout.in_reduced_space:
            raise InputError("projection_direction: teacher_to_student needs a recording with space: full")
        # A stream has no rows that could be read beforehand.
        if rows is None or not hasattr(rows, "__len__"):
            return
        check_same_twice(rows, collator)
        teacher = self._teacher_at_hand()
        if teacher is not None:
            self._compare(teacher, rows, collator)

    def _check_needs(self, objectives: Sequence[Objective]) -> None:
        needs = Needs.union(objective.all_needs for objective in objectives)
        columns = {(column.kind, column.layer): column for column in self.layout.columns}
        wanted = [("logits", 0)] if needs.logits else []
        wanted += [("hidden", layer) for layer in sorted(needs.hidden_states)]
        wanted += [("query", layer) for layer in sorted(needs.attention)]
        has = ", ".join(column.what for column in self.layout.columns)
        for kind, layer in wanted:
            if (kind, layer) not in columns:
                what = Column(kind, layer).what
                raise InputError(
                    f"objectives: need {what}, and the recording {self.folder} has {has}; {AGAIN} and these objectives"
                )
        for layer, poolings in poolings_of(objectives).items():
            pooling = columns["hidden", layer].pooling
            if pooling is not None and poolings != {pooling}:
                raise InputError(
                    f"objectives: need hidden states of layer {layer} for each token, and the recording {self.folder} "
                    f"has them pooled ({pooling}); {AGAIN} and these objectives"
                )

    def _teacher_at_hand(self) -> PreTrainedModel | None:
        path = self.content["teacher"]["path"]
        model = self._teacher
        if model is None and path is not None and (Path(path) / "config.json").is_file():
            model = load_teacher(path)
        if model is not None and fingerprint_of_weights(model) != self.content["teacher"]["weights"]:
            raise InputError(
                f"teacher_model: the weights of the teacher are not those that the recording {self.folder} was made "
                f"with; {AGAIN}"
            )
        return model

    def _compare(self, teacher: PreTrainedModel, rows: Any, collator: Callable) -> None:
        chosen = np.random.default_rng().choice(len(rows), min(COMPARED_ROWS, len(rows)), replace=False)
        batch = {
            name: value.to(teacher.device) if isinstance(value, torch.Tensor) else value
            for name, value in dict(collator(fetch(rows, chosen))).items()
        }
        layout = replace(self.layout)
        layout.to(teacher.device)
        own = self.view(batch)
        mask = unit_masks(own).get(Unit.TOKEN)
        knowledge = LiveTeacher(teacher)(own, _needs_of(layout.columns))
        packed = {column.name: column.only_real(batch[column.name], mask) for column in layout.columns}
        for name, (difference, length) in layout.errors(packed, knowledge, mask).items():
            error, promised = (difference / max(length, 1e-30)) ** 0.5, self.content["relative_error"][name]
            if not error <= SLACK * promised + NOISE:
                raise InputError(
                    f"teacher_model: {name} of the recording {self.folder} is {error:.2g} from what the teacher says "
                    f"of the same rows, and was {promised:.2g} when it was recorded; {AGAIN}"
                )


def _needs_of(columns: Sequence[Column]) -> Needs:
    return Needs(
        any(column.kind == "logits" for column in columns),
        frozenset(column.layer for column in columns if column.kind == "hidden"),
        frozenset(column.layer for column in columns if column.kind == "query"),
    )


def choose_recorded_layers(objectives: Sequence[Objective], maps: Mapping[str, Any]) -> None:
    """Give objectives whose layer map is `"auto"` the one that was measured for the recording."""
    for objective in objectives:
        if isinstance(objective, LayersObjective) and objective.chooses_layers:
            if not isinstance(maps.get(objective.name), list):
                raise InputError(
                    f"objective {objective.name}: layers auto was not measured for this recording; {AGAIN}"
                )
            objective.choose_layers([tuple(pair) for pair in maps[objective.name]])


def read_reductions(folder: Path) -> dict[int, Reduction]:
    """Return what is kept of the hidden states of each layer; none if all is."""
    if not (folder / REDUCTIONS_FILE).is_file():
        return {}
    content = load_file(folder / REDUCTIONS_FILE)
    layers = [int(name.rpartition("_")[2]) for name in content if name.startswith("components")]
    return {layer: Reduction(content[f"components_{layer}"], content[f"mean_{layer}"]) for layer in sorted(layers)}


def is_recording(path: Any) -> bool:
    """Say whether a folder is a recording, complete or not."""
    return isinstance(path, (str, Path)) and any((Path(path) / name).is_file() for name in (RECORDING_FILE, PLAN_FILE))


def _config_of(content: Mapping[str, Any]) -> PretrainedConfig:
    options = {name: value for name, value in content.items() if name != "model_type"}
    try:
        return AutoConfig.for_model(content.get("model_type"), **options)
    except ValueError:
        return PretrainedConfig(**options)
