# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Precision and compilation on a GPU: the losses stay near those of fp32 without either."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from transformers import PreTrainedModel

from hf_distill.compatibility import bf16_is_fast, forget_earlier_arguments

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="torch.cuda.is_available() is False"),
]

OBJECTIVES = {"between layers": ["logits_kl", "hidden_mse"], "within layers": ["logits_kl", "minilm_v2"]}
KINDS = pytest.mark.parametrize("objectives", OBJECTIVES.values(), ids=OBJECTIVES)
STEPS = 4

NEAR = {"fp32": 1e-4, "fp16": 0.01, "bf16": 0.03}
"""How far a component of the loss, around 1, may be from its value in fp32."""

NEEDS_BF16 = pytest.mark.skipif(
    not (torch.cuda.is_available() and bf16_is_fast()), reason="this GPU has no instructions for bf16"
)
PRECISIONS = pytest.mark.parametrize("precision", [pytest.param("bf16", marks=NEEDS_BF16), "fp16"])


@pytest.fixture(autouse=True)
def one_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave further GPUs alone, which one process would copy the student to."""
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)


@pytest.fixture
def train(make_trainer: Callable, make_bert: Callable) -> Iterator[Callable]:
    """Train a narrow student on the GPU, and return the trainer and the components of each step."""

    def run(**options: Any) -> tuple[Any, list[dict[str, float]]]:
        forget_earlier_arguments()
        torch.compiler.reset()
        student = make_bert(seed=1, num_hidden_layers=2, hidden_size=16, num_attention_heads=2)
        # So slow that a first step which the scaling of fp16 leaves out is no difference.
        settings = {"use_cpu": False, "learning_rate": 1e-4, "max_steps": STEPS}
        settings |= {"logging_strategy": "steps", "logging_steps": 1}
        trainer = make_trainer(student, make_bert(), **{**settings, **options})
        trainer.train()
        lines = [line for line in trainer.state.log_history if "loss_task" in line]
        return trainer, [{name: line[name] for name in line if name.startswith("loss_")} for line in lines]

    yield run
    torch.compiler.reset()


def assert_near(found: list[dict[str, float]], expected: list[dict[str, float]], precision: str) -> None:
    assert len(found) == STEPS
    assert found == [pytest.approx(line, abs=NEAR[precision], rel=NEAR[precision]) for line in expected]


def weights_of(model: PreTrainedModel) -> dict[str, torch.Tensor]:
    return {name: value.cpu().clone() for name, value in model.state_dict().items()}


@KINDS
@PRECISIONS
def test_a_student_under_autocast_learns_nearly_the_same(
    precision: str, objectives: list[str], train: Callable
) -> None:
    _, expected = train(objectives=objectives)
    trainer, found = train(objectives=objectives, **{precision: True})
    assert_near(found, expected, precision)
    assert found != expected
    assert {value.dtype for value in trainer.model.parameters()} == {torch.float32}
    assert all(value.isfinite().all() for value in trainer.model.parameters())


@KINDS
@PRECISIONS
def test_a_teacher_of_few_bits_teaches_nearly_the_same(precision: str, objectives: list[str], train: Callable) -> None:
    _, expected = train(objectives=objectives)
    trainer, found = train(objectives=objectives, teacher_dtype=precision)
    assert_near(found, expected, precision)
    assert trainer.teacher.model.dtype == {"bf16": torch.bfloat16, "fp16": torch.float16}[precision]
    assert trainer.teacher.model.device.type == "cuda"


@KINDS
def test_auto_is_bf16_where_the_gpu_is_fast_in_it(objectives: list[str], train: Callable) -> None:
    _, expected = train(objectives=objectives)
    trainer, found = train(objectives=objectives, teacher_dtype="auto")
    assert trainer.teacher.model.dtype == (torch.bfloat16 if bf16_is_fast() else torch.float32)
    assert_near(found, expected, "bf16")


@PRECISIONS
def test_a_teacher_in_fp32_is_not_under_the_students_autocast(
    precision: str, make_trainer: Callable, make_rows: Callable, collate: type, make_bert: Callable
) -> None:
    student, teacher = make_bert(seed=1, num_hidden_layers=2), make_bert()
    options = {"objectives": ["logits_mse"], "use_cpu": False, "teacher_dtype": "fp32", precision: True}
    trainer = make_trainer(student, teacher, **options)
    batch = {name: value.to("cuda") for name, value in collate()(make_rows(4)).items()}
    with trainer.accelerator.autocast():
        own = trainer._ask_teacher(batch, trainer.objectives).logits
        under = teacher(**{name: value for name, value in batch.items() if name != "labels"}).logits
    with torch.no_grad():
        expected = teacher(**{name: value for name, value in batch.items() if name != "labels"}).logits
    assert own.dtype == torch.float32
    torch.testing.assert_close(own, expected, rtol=1e-5, atol=1e-5)
    assert not under.float().equal(expected)


@KINDS
def test_a_compiled_student_learns_the_same(objectives: list[str], train: Callable) -> None:
    plain, expected = train(objectives=objectives)
    compiled, found = train(objectives=objectives, torch_compile=True)
    assert_near(found, expected, "fp32")
    others = weights_of(compiled.model)
    for name, value in weights_of(plain.model).items():
        # Each step moves a weight by the learning rate, in a direction that rounding turns where there is hardly any.
        torch.testing.assert_close(others[name], value, rtol=0, atol=2 * STEPS * 1e-4, msg=name)


@KINDS
def test_a_compiled_teacher_teaches_the_same(objectives: list[str], train: Callable) -> None:
    _, expected = train(objectives=objectives)
    _, found = train(objectives=objectives, teacher_compile=True)
    assert_near(found, expected, "fp32")


@KINDS
@PRECISIONS
def test_all_of_it_together(precision: str, objectives: list[str], train: Callable) -> None:
    _, expected = train(objectives=objectives)
    options = {"torch_compile": True, "teacher_compile": True, "teacher_dtype": "auto", precision: True}
    _, found = train(objectives=objectives, **options)
    # The rounding of student and teacher adds up.
    assert found == [pytest.approx(line, abs=2 * NEAR["bf16"], rel=2 * NEAR["bf16"]) for line in expected]
