# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from transformers import PreTrainedModel

from hf_distill import build_student
from hf_distill.features.inputs import has_adapter, input_names
from hf_distill.features.projections import FILE_NAME, MODULE_NAME

peft = pytest.importorskip("peft", reason="LoRA students need peft")

BETWEEN = ["logits_kl", "hidden_mse"]
WITHIN = ["logits_kl", "minilm_v2"]
KINDS = pytest.mark.parametrize("objectives", [BETWEEN, WITHIN], ids=["between layers", "within layers"])


@pytest.fixture
def base(make_bert: Callable) -> Callable[[], PreTrainedModel]:
    """The same narrow student each time, with dropout."""
    dropout = {"hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1}
    return lambda: build_student(make_bert(**dropout), num_hidden_layers=2, hidden_size=16)


@pytest.fixture
def train(make_trainer: Callable, make_bert: Callable, make_rows: Callable, base: Callable) -> Callable:
    """Train an adapter in it, and return the trainer and what each step logs."""

    def run(checkpoint: Path | None = None, bias: str = "none", **options: Any) -> tuple[Any, list[dict[str, float]]]:
        torch.manual_seed(0)
        config = peft.LoraConfig(task_type="SEQ_CLS", r=4, target_modules=["query", "value"], bias=bias)
        settings = {"max_steps": 4, "logging_strategy": "steps", "logging_steps": 1, "learning_rate": 0.01}
        student = peft.get_peft_model(base(), config)
        trainer = make_trainer(student, make_bert(), rows=make_rows(16), **{**settings, **options})
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
        lines = [line for line in trainer.state.log_history if "loss_task" in line]
        return trainer, [
            {name: line[name] for name in line if name.startswith(("loss_", "grad_norm"))} for line in lines
        ]

    return run


def names_in(file: Path) -> list[str]:
    with safe_open(file, "pt") as opened:
        return list(opened.keys())


@KINDS
def test_the_adapter_the_head_and_the_projections_are_trained_and_nothing_else(
    objectives: list[str], train: Callable, base: Callable
) -> None:
    trainer, _ = train(objectives=objectives)
    before = base().state_dict()
    inner = trainer.model.get_base_model()
    kept = {name.replace(".base_layer", ""): value for name, value in inner.state_dict().items()}
    for name, value in before.items():
        assert kept[name.replace("classifier.", "classifier.original_module.")].equal(value), name
    trained = {name for name, parameter in trainer.model.named_parameters() if parameter.requires_grad}
    assert all("lora_" in name or "modules_to_save" in name or MODULE_NAME in name for name in trained)
    assert any(MODULE_NAME in name for name in trained) == (objectives == BETWEEN)
    head = inner.classifier.modules_to_save["default"].weight
    assert not head.equal(before["classifier.weight"])
    added = [parameter for name, parameter in inner.named_parameters() if "lora_B" in name]
    # They are all zeros at the start.
    assert all(parameter.any() for parameter in added)


@KINDS
@pytest.mark.parametrize("bias", ["none", "all"])
def test_what_is_saved_is_an_adapter_for_the_same_base(
    bias: str,
    objectives: list[str],
    train: Callable,
    base: Callable,
    make_rows: Callable,
    collate: type,
    tmp_path: Path,
) -> None:
    trainer, _ = train(objectives=objectives, bias=bias, max_steps=2)
    trainer.save_model(str(tmp_path / "adapter"))
    assert not [name for name in names_in(tmp_path / "adapter" / "adapter_model.safetensors") if MODULE_NAME in name]
    assert not (tmp_path / "adapter" / "model.safetensors").exists()
    loaded = peft.PeftModel.from_pretrained(base(), tmp_path / "adapter").eval()
    batch = collate()(make_rows(4, seed=1))
    assert loaded(**batch).logits.equal(trainer.model.eval()(**batch).logits)


@KINDS
def test_resuming_gives_the_losses_of_training_straight_on(
    objectives: list[str], train: Callable, tmp_path: Path
) -> None:
    options = {"objectives": objectives, "save_strategy": "steps", "save_steps": 2}
    straight, expected = train(**options)
    checkpoint = tmp_path / "out" / "checkpoint-2"
    assert (checkpoint / FILE_NAME).is_file() == (objectives == BETWEEN)
    assert not [name for name in names_in(checkpoint / "adapter_model.safetensors") if MODULE_NAME in name]
    resumed, found = train(checkpoint, **options, output_dir=str(tmp_path / "resumed"))
    assert found == expected
    for own, other in zip(resumed.projections.parameters(), straight.projections.parameters(), strict=True):
        assert own.equal(other)


@KINDS
@pytest.mark.parametrize(
    "options",
    [
        {"gradient_checkpointing": True},
        {"gradient_checkpointing": True, "gradient_checkpointing_kwargs": {"use_reentrant": False}},
    ],
    ids=["default", "not reentrant"],
)
def test_gradient_checkpointing_changes_nothing(
    options: dict[str, Any], objectives: list[str], train: Callable
) -> None:
    _, expected = train(objectives=objectives, max_steps=2)
    _, found = train(objectives=objectives, max_steps=2, **options)
    assert found == [pytest.approx(line, abs=1e-5) for line in expected]


def test_reentrant_checkpointing_gives_adapters_their_gradient(train: Callable) -> None:
    kwargs = {"use_reentrant": True}
    _, expected = train(objectives=BETWEEN, max_steps=2)
    _, found = train(
        objectives=BETWEEN, max_steps=2, gradient_checkpointing=True, gradient_checkpointing_kwargs=kwargs
    )
    assert found == [pytest.approx(line, abs=1e-5) for line in expected]


def test_the_student_gets_all_that_the_model_inside_reads(
    make_trainer: Callable, make_rows: Callable, base: Callable, teacher: PreTrainedModel
) -> None:
    student, received = base(), []
    student.bert.register_forward_pre_hook(lambda model, args, inputs: received.append(inputs), with_kwargs=True)
    student = peft.get_peft_model(student, peft.LoraConfig(task_type="SEQ_CLS", target_modules=["query"]))
    make_trainer(student, teacher).train()
    assert received[0]["token_type_ids"].any()


def test_an_adapter_reads_what_the_model_inside_reads(base: Callable) -> None:
    student = base()
    expected = input_names(student)
    assert not has_adapter(student)
    adapted = peft.get_peft_model(student, peft.LoraConfig(task_type="SEQ_CLS", target_modules=["query"]))
    assert has_adapter(adapted)
    assert input_names(adapted) == expected
    assert "token_type_ids" in expected


def test_layers_may_be_measured(train: Callable) -> None:
    trainer, _ = train(objectives=[{"name": "hidden_mse", "layers": "auto"}], max_steps=1)
    assert len(trainer.objectives[0].pairs) == 2


def test_a_trainer_without_a_teacher_leaves_the_adapter_as_it_was(
    make_trainer: Callable, make_bert: Callable, base: Callable
) -> None:
    student = peft.get_peft_model(base(), peft.LoraConfig(task_type="SEQ_CLS", target_modules=["query"]))
    names = list(student.state_dict())
    make_trainer(student, make_bert(), objectives=BETWEEN)
    assert list(student.state_dict()) == names
    make_trainer(student, objectives=[], task_weight=1.0)
    assert not hasattr(student, MODULE_NAME)
    assert not student._state_dict_hooks
    assert list(student.state_dict()) == names
