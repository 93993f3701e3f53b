# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Recording: the teacher runs once over the rows, and what it says is written to a folder."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from transformers import PretrainedConfig, PreTrainedModel

from hf_distill.errors import InputError
from hf_distill.files import write_atomically
from hf_distill.fitting import measure_layer_maps
from hf_distill.knowledge.compression import Compression
from hf_distill.knowledge.fingerprints import fingerprint_of_all, fingerprint_of_tokenizer, fingerprint_of_weights
from hf_distill.knowledge.live import LiveTeacher, load_teacher
from hf_distill.knowledge.precision import PRECISIONS, settle_precision
from hf_distill.knowledge.recorder import Recorder
from hf_distill.knowledge.rows import check_same_twice, default_collator, hash_and_measure, read_by_teacher
from hf_distill.knowledge.shards import PLAN_FILE, RECORDING_FILE, finish, read_json, shard_name, tidy
from hf_distill.objectives import LayersObjective, Objective, build_objective
from hf_distill.processes import processes

KINDS = {
    "objectives": ((list, tuple, type(None)), "a list"),
    "output_dir": ((str, Path), "a folder"),
    "student_config": ((PretrainedConfig, type(None)), "the configuration of a model"),
    "student": ((PreTrainedModel, type(None)), "a model"),
    "data_collator": ((Callable, type(None)), "a function that makes a batch of rows"),
}
"""What arguments must be."""


def record_knowledge(
    teacher_model: PreTrainedModel | str | Path,
    train_dataset: Any,
    objectives: Sequence[Any],
    output_dir: str | Path,
    student_config: PretrainedConfig | None = None,
    data_collator: Callable | None = None,
    compression: str | Mapping[str, Any] | Compression = "fp16",
    processing_class: Any = None,
    precision: str = "auto",
    batch_size: int = 64,
    rows_per_shard: int = 1024,
    student: PreTrainedModel | None = None,
) -> Path:
    """
    Run the teacher once over the training rows, and write what the objectives need of what it says.

    The folder is a data set with a row for each example, in the order of `train_dataset`, that
    [`~datasets.load_from_disk`] reads too. Only real tokens are stored, no padding. A start that was interrupted is
    continued by the same call. Under `accelerate launch` each process records a part of the shards.

    Args:
        teacher_model ([`~transformers.PreTrainedModel`], `str` or `Path`): The teacher, or where to load it from.
        train_dataset (`Dataset` or a sequence of rows): The training data, as the trainer will be given them.
        objectives (`list`): The objectives, as [`DistillationTrainingArguments`] takes them.
        output_dir (`str` or `Path`): The recording's folder.
        student_config ([`~transformers.PretrainedConfig`], *optional*): The student's configuration, for layer maps
            that depend on its depth.
        data_collator (`Callable`, *optional*): Makes a batch of rows; the trainer's default if it is left out.
        compression (`str`, `dict` or [`Compression`], *optional*, defaults to `"fp16"`): How knowledge is stored.
        processing_class ([`~transformers.PreTrainedTokenizerBase`], *optional*): The tokenizer; the collator's by
            default.
        precision (`str`, *optional*, defaults to `"auto"`): What the teacher computes in: `"fp32"`, `"bf16"`,
            `"fp16"` or `"auto"`: bf16 where the device is fast in it, unless knowledge is stored in fp32.
        batch_size (`int`, *optional*, defaults to 64): Rows that the teacher reads at once.
        rows_per_shard (`int`, *optional*, defaults to 1024): Rows of a shard: what an interruption may cost.
        student ([`~transformers.PreTrainedModel`], *optional*): The student; needed for the layer map `"auto"`, which
            is measured.

    Returns:
        `Path`: `output_dir`, which [`DistillationTrainer`] takes as its `teacher_model`.

    Raises:
        InputError: If something given is wrong, if the rows are drawn at random each time they are read, or if the
            folder holds something else.
        OSError: If the disk is full; the same call continues when there is room.

    Example:

    ```python
    >>> from hf_distill import DistillationTrainer, record_knowledge
    >>> path = record_knowledge(  # doctest: +SKIP
    ...     teacher_model=teacher,
    ...     train_dataset=rows,
    ...     objectives=["logits_mse", "hidden_mse"],
    ...     student_config=student.config,
    ...     output_dir="recording",
    ...     processing_class=tokenizer,
    ... )
    >>> trainer = DistillationTrainer(model=student, teacher_model=path, train_dataset=rows)  # doctest: +SKIP
    ```
    """
    _check_counts(batch_size=batch_size, rows_per_shard=rows_per_shard)
    _check_kinds(
        objectives=objectives,
        output_dir=output_dir,
        student_config=student_config,
        student=student,
        data_collator=data_collator,
    )
    if precision not in PRECISIONS:
        raise InputError(f"precision: must be {' or '.join(PRECISIONS)}; got {precision!r}")
    compression, folder = Compression.parse(compression), Path(output_dir)
    model, path = _open_teacher(teacher_model)
    weights, teacher = fingerprint_of_weights(model), LiveTeacher(model.to(processes().device))
    tokenizer = processing_class if processing_class is not None else getattr(data_collator, "tokenizer", None)
    collator = data_collator if data_collator is not None else default_collator(tokenizer)
    rows = read_by_teacher(train_dataset, teacher.input_names)
    check_same_twice(rows, collator)
    # Objectives that are given as objects stay as they are.
    bound = [copy.deepcopy(build_objective(objective)) for objective in objectives or []]
    if student is not None:
        measure_layer_maps(bound, student, teacher, rows, collator, batch_size)
    _bind(bound, student.config if student is not None else student_config, model.config)
    hashes, lengths = hash_and_measure(rows, teacher.input_names)
    plan = {
        "format": 1,
        "teacher": {"path": path, "class": type(model).__name__, "weights": weights},
        "teacher_inputs": teacher.input_names,
        "tokenizer": fingerprint_of_tokenizer(tokenizer),
        "rows": len(hashes),
        "max_length": int(lengths.max()),
        "rows_hash": fingerprint_of_all(hashes),
        "objectives": [objective.to_dict() for objective in bound],
        "compression": compression.to_dict(),
        "precision": settle_precision(precision, exact=compression.values == "fp32"),
        "batch_size": batch_size,
        "rows_per_shard": rows_per_shard,
    }
    recorder = Recorder(teacher, rows, collator, hashes, lengths, bound, compression, plan["precision"], batch_size)
    recorder.check()
    plan["needs"] = [column.to_dict() for column in recorder.layout.columns]
    if not _is_done(folder, plan):
        _write(recorder, folder, plan)
    return folder


def _write(recorder: Recorder, folder: Path, plan: dict[str, Any]) -> None:
    """Write the shards of all processes, then what makes a data set of them."""
    recorder.settle(folder)
    shards = -(-plan["rows"] // plan["rows_per_shard"])
    names = [shard_name(number, shards) for number in range(shards)]
    recorder.write(folder, names, plan["rows_per_shard"])
    recorder.state.wait_for_everyone()
    if recorder.state.is_main_process:
        finish(folder, names, [column.name for column in recorder.layout.columns], {**plan, **recorder.findings()})
    recorder.state.wait_for_everyone()


def _check_counts(**given: Any) -> None:
    for name, value in given.items():
        if type(value) is not int or value < 1:
            raise InputError(f"{name}: must be a whole number at least 1; got {value!r}")


def _check_kinds(**given: Any) -> None:
    for name, value in given.items():
        kinds, what = KINDS[name]
        if not isinstance(value, kinds):
            raise InputError(f"{name}: must be {what}; got {type(value).__name__}")


def _open_teacher(teacher_model: Any) -> tuple[PreTrainedModel, str | None]:
    """Return the teacher, and where it was loaded from, if it was."""
    if not isinstance(teacher_model, (str, Path, PreTrainedModel)):
        kind = type(teacher_model).__name__
        raise InputError(f"teacher_model: must be a model, or the folder or Hub id of one; got {kind}")
    if isinstance(teacher_model, PreTrainedModel):
        return teacher_model, None
    path = str(Path(teacher_model).resolve()) if Path(teacher_model).is_dir() else str(teacher_model)
    return load_teacher(path), path


def _bind(
    objectives: Sequence[Objective], student_config: PretrainedConfig | None, teacher_config: PretrainedConfig
) -> None:
    """Settle the layer maps."""
    if not objectives:
        raise InputError("objectives: are empty, so there is nothing to record; name at least one")
    for objective in objectives:
        if isinstance(objective, LayersObjective) and student_config is None:
            raise InputError(f"student_config: is needed for the layer map of {objective.name}")
        if isinstance(objective, LayersObjective) and objective.chooses_layers:
            raise InputError(f"objective {objective.name}: layers auto is measured with a student; give student=")
        # Objectives on logits do not look at the student.
        objective.bind(student_config, teacher_config)


def _is_done(folder: Path, plan: dict[str, Any]) -> bool:
    """Take the folder, or find there what was begun; return whether all of it is done already."""
    # What is read from a file has lists where objectives may have tuples.
    state, plan = processes(), json.loads(json.dumps(plan))
    found = next((name for name in (RECORDING_FILE, PLAN_FILE) if (folder / name).is_file()), None)
    if found is not None:
        content = read_json(folder / found)
        # Of the objectives it matters what they need, and not their weights.
        wrong = next((key for key in plan if key != "objectives" and content.get(key) != plan[key]), None)
        if wrong is not None:
            raise InputError(
                f"output_dir: {folder} holds a recording that differs in {wrong.replace('_', ' ')}; choose another "
                "folder, or remove this one"
            )
    elif folder.exists() and (not folder.is_dir() or any(not _is_begun_plan(entry) for entry in folder.iterdir())):
        raise InputError(f"output_dir: {folder} is not empty and no recording; choose another folder")
    # No process may write before all have looked.
    state.wait_for_everyone()
    if state.is_main_process:
        if found is None:
            write_atomically(folder / PLAN_FILE, json.dumps(plan, indent=2) + "\n")
        elif found == RECORDING_FILE:
            tidy(folder)
    state.wait_for_everyone()
    return found == RECORDING_FILE


def _is_begun_plan(path: Path) -> bool:
    """Say whether this is what a start left that was killed while it wrote its first file."""
    return path.name.startswith(f".{PLAN_FILE}.")
