# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch._dynamo.utils import counters
from transformers import AutoModelForSequenceClassification, PreTrainedModel

from hf_distill.compatibility import forget_earlier_arguments
from hf_distill.errors import InputError

EAGER = {"torch_compile": True, "torch_compile_backend": "eager"}
"""Finds graphs and calls them as they are, which takes the least time."""
TRACED = {"torch_compile": True, "torch_compile_backend": "aot_eager"}
"""Traces the backward pass too, as inductor does."""
HIDDEN = ["logits_kl", "hidden_mse"]
WITHIN = ["logits_kl", "minilm_v2"]


@pytest.fixture(autouse=True)
def nothing_compiled_before() -> Iterator[None]:
    torch.compiler.reset()
    counters.clear()
    # What is traced is logged in thousands of lines, which pytest would keep.
    logging.getLogger("torch.__trace").setLevel(logging.CRITICAL)
    yield
    torch.compiler.reset()


@pytest.fixture
def train(make_trainer: Callable, make_bert: Callable) -> Callable:
    """Train a narrow student on batches of several lengths, and return what each step logs, and the trainer."""

    def run(checkpoint: Path | None = None, **options: Any) -> tuple[list[dict[str, float]], Any]:
        forget_earlier_arguments()
        student = make_bert(seed=1, num_hidden_layers=2, hidden_size=16, num_attention_heads=2)
        settings = {"max_steps": 3, "logging_strategy": "steps", "logging_steps": 1, "learning_rate": 0.01}
        trainer = make_trainer(student, make_bert(), **{**settings, **options})
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
        lines = [line for line in trainer.state.log_history if "loss_task" in line]
        # The total is rounded in 4.57.
        names = ("loss_", "grad_norm")
        return [{name: line[name] for name in line if name.startswith(names)} for line in lines], trainer

    return run


def assert_same(found: list[dict[str, float]], expected: list[dict[str, float]]) -> None:
    assert counters["stats"]["unique_graphs"]
    assert found == [pytest.approx(line, abs=1e-4) for line in expected]


@pytest.mark.parametrize("objectives", [HIDDEN, WITHIN], ids=["between layers", "within layers"])
def test_a_compiled_student_learns_the_same(objectives: list[str], train: Callable, tmp_path: Path) -> None:
    expected, _ = train(objectives=objectives)
    found, trainer = train(objectives=objectives, **TRACED)
    assert_same(found, expected)
    trainer.save_model(str(tmp_path / "student"))
    loaded, info = AutoModelForSequenceClassification.from_pretrained(tmp_path / "student", output_loading_info=True)
    assert not info["missing_keys"]
    assert not info["unexpected_keys"]
    assert all(value.equal(trainer.model.state_dict()[name]) for name, value in loaded.state_dict().items())


@pytest.mark.slow
@pytest.mark.parametrize("objectives", [HIDDEN, WITHIN], ids=["between layers", "within layers"])
def test_a_student_compiled_by_inductor_learns_the_same(objectives: list[str], train: Callable) -> None:
    expected, _ = train(objectives=objectives)
    assert_same(train(objectives=objectives, torch_compile=True)[0], expected)


@pytest.mark.parametrize(
    "options",
    [
        {
            "projection_direction": "teacher_to_student",
            "objective_weighting": "uncertainty",
            "gradient_accumulation_steps": 2,
        },
        {"gradient_checkpointing": True},
    ],
    ids=["learned beside it", "checkpointing"],
)
def test_what_else_works_with_a_compiled_student(options: dict[str, Any], train: Callable) -> None:
    options = {"objectives": HIDDEN, "max_steps": 2, **options}
    assert_same(train(**options, **EAGER)[0], train(**options)[0])


def test_an_objective_within_layers_may_stop(train: Callable) -> None:
    weight = {"schedule": "constant", "stop_at_step": 1}
    options = {"objectives": ["logits_kl", {"name": "minilm_v2", "weight": weight}], "max_steps": 2}
    assert_same(train(**options, **EAGER)[0], train(**options)[0])


@pytest.mark.parametrize("first", [["logits_kl"], WITHIN], ids=["nothing", "the last layer"])
def test_a_student_gives_what_an_earlier_one_was_not_asked_for(first: list[str], train: Callable) -> None:
    later = {"objectives": ["logits_kl", {"name": "minilm_v2", "layers": [[1, 2], [2, 3]]}], "max_steps": 1}
    train(objectives=first, max_steps=1, **EAGER)
    assert_same(train(**later, **EAGER)[0], train(**later)[0])


def test_a_compiled_student_is_resumed(train: Callable, tmp_path: Path) -> None:
    options = {"objectives": HIDDEN, "save_strategy": "steps", "save_steps": 1, "max_steps": 2, **EAGER}
    expected, _ = train(**options)
    found, _ = train(tmp_path / "out" / "checkpoint-1", **options, output_dir=str(tmp_path / "resumed"))
    assert_same(found, expected)


@pytest.mark.parametrize("objectives", [HIDDEN, WITHIN], ids=["between layers", "within layers"])
def test_a_compiled_teacher_teaches_the_same(
    objectives: list[str], make_trainer: Callable, make_rows: Callable, collate: type, make_bert: Callable
) -> None:
    student, teacher = make_bert(seed=1, num_hidden_layers=2), make_bert()
    batch = collate()(make_rows(4))
    expected = make_trainer(student, teacher, objectives=objectives).compute_loss(student.train(), batch)
    options = {"objectives": objectives, "teacher_compile": True, "torch_compile_backend": "aot_eager"}
    found = make_trainer(student, teacher, **options).compute_loss(student.train(), batch)
    assert counters["stats"]["unique_graphs"]
    torch.testing.assert_close(found, expected)


def test_a_teacher_may_be_compiled_in_a_precision_of_its_own(
    make_trainer: Callable, make_rows: Callable, collate: type, student: PreTrainedModel, teacher: PreTrainedModel
) -> None:
    batch, options = collate()(make_rows(4)), {"objectives": HIDDEN, "teacher_dtype": "bf16"}
    expected = make_trainer(student, teacher, **options).compute_loss(student.train(), batch)
    options |= {"teacher_compile": True, "torch_compile_backend": "aot_eager"}
    found = make_trainer(student, teacher, **options).compute_loss(student.train(), batch)
    torch.testing.assert_close(found, expected, rtol=0.02, atol=0.02)


def test_the_teacher_is_compiled_with_inductor_if_no_other_is_named(make_args: Callable) -> None:
    assert make_args().teacher_compiler is None
    assert make_args(teacher_compile=True).teacher_compiler == "inductor"
    assert make_args(teacher_compile=True, torch_compile_backend="aot_eager").teacher_compiler == "aot_eager"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"objectives": HIDDEN, "objective_weighting": "gradient_norm"}, "objective_weighting: gradient_norm"),
        ({"objectives": WITHIN, "gradient_checkpointing": True}, "gradient_checkpointing: beside torch_compile"),
    ],
)
def test_what_does_not_come_out_of_a_compiled_student_is_refused(
    options: dict[str, Any], message: str, make_trainer: Callable, student: PreTrainedModel, teacher: PreTrainedModel
) -> None:
    with pytest.raises(InputError, match=f"^{message} .* leave one of the two out$") as error:
        make_trainer(student, teacher, **options, **EAGER)
    assert "\n" not in str(error.value)


def test_layers_compiled_one_by_one_are_refused_where_something_is_taken_from_within(
    make_trainer: Callable, student: PreTrainedModel, teacher: PreTrainedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACCELERATE_DYNAMO_USE_REGIONAL_COMPILATION", "true")
    with pytest.raises(InputError, match="^dynamo_use_regional_compilation: beside torch_compile"):
        make_trainer(student, teacher, objectives=WITHIN, **EAGER)
