# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Rows that hold files, of which the collator makes what models read: recorded or not, in one piece or in several."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset, DatasetDict

from hf_distill import DistillationTrainer, record_knowledge
from hf_distill.errors import InputError
from hf_distill.knowledge.rows import hash_and_measure
from hf_distill.tasks import find_task
from tiny_media import TASKS, make_ast, make_files, make_media_setup, make_vit

MAKERS = {"image": make_vit, "audio": make_ast}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_media_setup(tmp_path_factory.mktemp("media")).folder


@pytest.fixture(scope="module", params=["image", "audio"])
def medium(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def given(folder: Path, medium: str) -> tuple[Dataset, Any]:
    """Twelve encoded rows, and the collator."""
    task = find_task(TASKS[medium])()
    processor = task.load_processor(folder / medium)
    data = task.select_columns(DatasetDict(train=make_files(medium, 12, seed=3)))
    return task.encode_inputs(task.encode_labels(data, ["a", "b"], [0, 1])["train"], processor), task.collator(
        processor
    )


def weights(given: tuple[Dataset, Any], medium: str, make_args: Callable, teacher: Any, **options: Any) -> dict:
    """Return the student's weights after training."""
    rows, collator = given
    # Adam would make steps of rounding errors, which is all that there is of the gradient of a key's bias.
    settings = {"max_steps": 3, "optim": "sgd", "learning_rate": 0.01, "remove_unused_columns": False}
    settings["objectives"] = ["logits_kl", "hidden_mse"]
    trainer = DistillationTrainer(
        model=MAKERS[medium](seed=1, num_hidden_layers=2),
        teacher_model=copy.deepcopy(teacher),
        args=make_args(**{**settings, **options}),
        train_dataset=rows,
        data_collator=collator,
    )
    trainer.train()
    return trainer.model.state_dict()


@pytest.mark.parametrize("objectives", [["logits_kl"], ["hidden_mse", "logits_mse"], ["minilm_v2:layers=uniform"]])
def test_recorded_teacher_teaches_as_the_live_one(
    given: tuple[Dataset, Any], medium: str, make_args: Callable, tmp_path: Path, objectives: list[str]
) -> None:
    rows, collator = given
    teacher = MAKERS[medium]()
    recording = record_knowledge(
        teacher_model=teacher,
        train_dataset=rows,
        objectives=objectives,
        output_dir=tmp_path / "recording",
        student_config=MAKERS[medium](num_hidden_layers=2).config,
        data_collator=collator,
        compression="fp32",
        rows_per_shard=5,
        batch_size=2,
    )
    one, other = (weights(given, medium, make_args, source, objectives=objectives) for source in (teacher, recording))
    assert all(torch.allclose(one[name], other[name], atol=1e-5) for name in one)


def test_other_files_are_not_those_of_the_recording(
    given: tuple[Dataset, Any], medium: str, make_args: Callable, tmp_path: Path
) -> None:
    rows, collator = given
    recording = record_knowledge(
        teacher_model=MAKERS[medium](),
        train_dataset=rows.select(range(11)),
        objectives=["logits_kl"],
        output_dir=tmp_path / "recording",
        data_collator=collator,
    )
    with pytest.raises(InputError, match="row 11 is not in the recording"):
        weights(given, medium, make_args, recording, objectives=["logits_kl"])


def test_batch_in_one_piece_or_in_several_teaches_the_same(
    given: tuple[Dataset, Any], medium: str, make_args: Callable
) -> None:
    whole, pieces = (
        weights(
            given,
            medium,
            make_args,
            MAKERS[medium](),
            per_device_train_batch_size=size,
            gradient_accumulation_steps=6 // size,
        )
        for size in (6, 2)
    )
    assert all(torch.allclose(whole[name], pieces[name], atol=1e-6) for name in whole)


def test_files_are_told_apart_and_have_no_tokens(given: tuple[Dataset, Any], medium: str) -> None:
    hashes, lengths = hash_and_measure(given[0], ["pixel_values", "input_values"])
    assert len(set(hashes.tolist())) == 12
    assert not lengths.any()
