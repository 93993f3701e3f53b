# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import PreTrainedModel

from hf_distill import record_knowledge
from hf_distill.errors import InputError
from hf_distill.features.features import Needs
from hf_distill.knowledge import precision, sources
from hf_distill.knowledge.live import LiveTeacher

OBJECTIVES = ["logits_kl", "hidden_mse", "minilm_v2"]
NEEDS = Needs(logits=True, hidden_states=frozenset({2, 4}), attention=frozenset({4}))


def losses(trainer: Any) -> torch.Tensor:
    """Train, and return the components of each step."""
    trainer.train()
    lines = [line for line in trainer.state.log_history if "loss_task" in line]
    return torch.tensor([[line[name] for name in sorted(line) if name.startswith("loss_")] for line in lines])


@pytest.mark.parametrize("dtype", ["bf16", "fp16"])
def test_a_teacher_of_few_bits_leaves_the_losses_near_those_of_32(
    dtype: str, make_trainer: Callable, make_bert: Callable, teacher: PreTrainedModel
) -> None:
    options = {"objectives": OBJECTIVES, "max_steps": 3, "logging_strategy": "steps", "logging_steps": 1}
    small = {"seed": 1, "num_hidden_layers": 2, "hidden_size": 16, "num_attention_heads": 2}
    expected = losses(make_trainer(make_bert(**small), teacher, **options))
    found = losses(make_trainer(make_bert(**small), teacher, teacher_dtype=dtype, **options))
    assert not found.equal(expected)
    torch.testing.assert_close(found, expected, rtol=0.02, atol=0.02)


def test_a_teacher_that_is_given_stays_in_its_precision(
    make_trainer: Callable, student: PreTrainedModel, teacher: PreTrainedModel
) -> None:
    before = {name: value.clone() for name, value in teacher.state_dict().items()}
    trainer = make_trainer(student, teacher, teacher_dtype="bf16")
    trainer.train()
    assert trainer.teacher.model.dtype == torch.bfloat16
    assert all(value.equal(before[name]) for name, value in teacher.state_dict().items())


@pytest.mark.parametrize("dtype", [None, "fp32"])
def test_a_teacher_in_the_right_precision_is_used_itself(
    dtype: str | None, make_trainer: Callable, student: PreTrainedModel, teacher: PreTrainedModel
) -> None:
    assert make_trainer(student, teacher, teacher_dtype=dtype).teacher.model is teacher


@pytest.mark.parametrize(
    ("dtype", "expected"), [(None, torch.float32), ("fp32", torch.float32), ("bf16", torch.bfloat16)]
)
def test_a_folder_is_loaded_in_the_precision(
    dtype: str | None,
    expected: torch.dtype,
    make_trainer: Callable,
    student: PreTrainedModel,
    teacher: PreTrainedModel,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    teacher.to(torch.bfloat16).save_pretrained(tmp_path / "teacher")
    monkeypatch.setattr(sources, "in_precision", lambda *_: pytest.fail("cast after it was loaded"))
    assert make_trainer(student, tmp_path / "teacher", teacher_dtype=dtype).teacher.model.dtype == expected


@pytest.mark.parametrize(("dtype", "same"), [("fp32", True), (None, False)])
def test_the_students_autocast_is_not_for_a_teacher_with_a_precision(
    dtype: str | None,
    same: bool,
    make_trainer: Callable,
    make_rows: Callable,
    collate: type,
    student: PreTrainedModel,
    teacher: PreTrainedModel,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    batch = collate()(make_rows(4))
    exact = make_trainer(student, teacher, objectives=OBJECTIVES).teacher(batch, NEEDS)
    trainer, given = make_trainer(student, teacher, objectives=OBJECTIVES, bf16=True, teacher_dtype=dtype), []
    ask = LiveTeacher.__call__
    monkeypatch.setattr(LiveTeacher, "__call__", lambda self, *args: given.append(ask(self, *args)) or given[-1])
    trainer.compute_loss(student.train(), batch)
    assert given[0].logits.equal(exact.logits) == same
    assert given[0].hidden_states[4].equal(exact.hidden_states[4]) == same
    assert given[0].attention[4].query.equal(exact.attention[4].query) == same


def test_losses_are_computed_in_32_bits(
    make_trainer: Callable, make_rows: Callable, collate: type, student: PreTrainedModel, teacher: PreTrainedModel
) -> None:
    trainer = make_trainer(student, teacher, objectives=OBJECTIVES, teacher_dtype="bf16", bf16=True)
    trainer.compute_loss(student.train(), collate()(make_rows(4)))
    losses = trainer._components.sums
    assert len(losses) > 1 and {loss.dtype for loss in losses.values()} == {torch.float32}
    # What differs in the eighth bit alone has no difference in bf16.
    assert all(loss.item() != loss.bfloat16().item() for loss in losses.values())


@pytest.mark.parametrize(
    ("fast", "expected", "reason"),
    [(True, torch.bfloat16, "bf16, since this machine has instructions"), (False, torch.float32, "fp32, since this")],
)
def test_auto_says_what_it_has_chosen(
    fast: bool,
    expected: torch.dtype,
    reason: str,
    make_trainer: Callable,
    student: PreTrainedModel,
    teacher: PreTrainedModel,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(precision, "bf16_is_fast", lambda: fast)
    with caplog.at_level(logging.WARNING, logger="hf_distill"):
        trainer = make_trainer(student, teacher, teacher_dtype="auto")
    assert trainer.teacher.model.dtype == expected
    messages = [record.getMessage() for record in caplog.records if "teacher_dtype" in record.getMessage()]
    assert len(messages) == 1
    assert reason in messages[0]


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"teacher_dtype": "bf16"}, "teacher_dtype"),
        ({"teacher_dtype": "auto"}, "teacher_dtype"),
        ({"teacher_compile": True}, "teacher_compile"),
    ],
)
def test_a_recording_does_not_compute(
    options: dict[str, Any],
    field: str,
    make_trainer: Callable,
    make_rows: Callable,
    collate: type,
    student: PreTrainedModel,
    teacher: PreTrainedModel,
    tmp_path: Path,
) -> None:
    recording = record_knowledge(
        teacher_model=teacher,
        train_dataset=make_rows(),
        objectives=["logits_kl"],
        student_config=student.config,
        output_dir=tmp_path / "recording",
        data_collator=collate(),
    )
    with pytest.raises(InputError, match=f"^{field}: is for a teacher that runs .* leave it out") as error:
        make_trainer(student, recording, objectives=["logits_kl"], **options)
    assert "\n" not in str(error.value)
