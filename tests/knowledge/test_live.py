# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import json
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import BertForSequenceClassification, BertModel, PreTrainedModel

from hf_distill.errors import InputError
from hf_distill.features.features import Needs
from hf_distill.knowledge.live import LiveTeacher, load_teacher

BATCH = {"input_ids": torch.tensor([[1, 2, 3], [4, 5, 0]]), "attention_mask": torch.tensor([[1, 1, 1], [1, 1, 0]])}
LOGITS = Needs(logits=True)


def received(model: PreTrainedModel) -> list[dict]:
    calls: list[dict] = []
    model.register_forward_pre_hook(lambda module, args, kwargs: calls.append(kwargs), with_kwargs=True)
    return calls


def test_only_what_is_needed_is_given(teacher: PreTrainedModel) -> None:
    knowledge = LiveTeacher(teacher)(BATCH, Needs(hidden_states=frozenset({1, 3})))
    assert knowledge.logits is None
    assert sorted(knowledge.hidden_states) == [1, 3]


def test_hidden_states_are_not_asked_for_where_none_is_needed(teacher: PreTrainedModel) -> None:
    calls = received(teacher)
    assert LiveTeacher(teacher)(BATCH, LOGITS).hidden_states == {}
    assert not calls[0].get("output_hidden_states")


def test_layers_that_are_not_needed_are_freed_as_the_teacher_runs(make_bert: Callable[..., PreTrainedModel]) -> None:
    teacher = make_bert(num_hidden_layers=8)
    outputs: list[weakref.ref] = []
    alive: list[int] = []

    def remember(module: torch.nn.Module, args: tuple, output: Any) -> None:
        outputs.append(weakref.ref(output if isinstance(output, torch.Tensor) else output[0]))

    for layer in teacher.bert.encoder.layer:
        layer.register_forward_hook(remember)
    teacher.classifier.register_forward_hook(lambda *_: alive.append(sum(ref() is not None for ref in outputs)))
    LiveTeacher(teacher)(BATCH, Needs(logits=True, hidden_states=frozenset({2}), attention=frozenset({5})))
    # The one that is needed, and the last, which the head is reading.
    assert alive == [2]


def test_hidden_state_0_is_the_embeddings_output(teacher: PreTrainedModel) -> None:
    knowledge = LiveTeacher(teacher)(BATCH, Needs(hidden_states=frozenset({0})))
    assert knowledge.hidden_states[0].equal(teacher.bert.embeddings(BATCH["input_ids"]))


def test_the_teacher_is_never_told_the_labels(teacher: PreTrainedModel) -> None:
    calls = received(teacher)
    LiveTeacher(teacher)({**BATCH, "labels": torch.tensor([0, 1])}, LOGITS)
    assert not [name for name in calls[0] if "label" in name]


def test_dropout_is_off(make_bert: Callable[..., PreTrainedModel]) -> None:
    model = make_bert(hidden_dropout_prob=0.5).train()
    teacher = LiveTeacher(model)
    assert not model.training
    assert teacher(BATCH, LOGITS).logits.equal(teacher(BATCH, LOGITS).logits)


def test_nothing_of_the_teacher_needs_a_gradient(teacher: PreTrainedModel) -> None:
    knowledge = LiveTeacher(teacher)(BATCH, Needs(logits=True, hidden_states=frozenset({4})))
    assert not knowledge.logits.requires_grad
    assert not knowledge.hidden_states[4].requires_grad


def test_a_teacher_without_a_head_is_refused(make_bert: Callable[..., PreTrainedModel]) -> None:
    with pytest.raises(InputError, match="^teacher_model: BertModel gives no logits"):
        LiveTeacher(make_bert(model_class=BertModel))(BATCH, LOGITS)


@pytest.mark.parametrize("needs", [LOGITS, Needs(hidden_states=frozenset({2}))])
def test_values_that_are_not_finite_are_refused(teacher: PreTrainedModel, needs: Needs) -> None:
    teacher.bert.encoder.layer[1].output.dense.bias.data[3] = float("nan")
    with pytest.raises(InputError, match=r"^teacher_model: .* are not finite in 2 of 2 rows, first in row 0") as error:
        LiveTeacher(teacher)(BATCH, needs)
    assert "\n" not in str(error.value)


def test_a_teacher_is_loaded_with_its_own_head(teacher: PreTrainedModel, tmp_path: Path) -> None:
    teacher.save_pretrained(tmp_path)
    loaded = load_teacher(tmp_path)
    assert type(loaded) is BertForSequenceClassification
    assert loaded(**BATCH).logits.equal(teacher(**BATCH).logits)


def test_a_half_precision_checkpoint_is_loaded_in_32_bits(teacher: PreTrainedModel, tmp_path: Path) -> None:
    teacher.to(torch.bfloat16).save_pretrained(tmp_path)
    assert load_teacher(tmp_path).dtype == torch.float32
    assert load_teacher(tmp_path, dtype=torch.bfloat16).dtype == torch.bfloat16


@pytest.mark.parametrize("architectures", [["NoSuchModel"], None])
def test_a_class_that_transformers_does_not_have_is_refused(
    teacher: PreTrainedModel, architectures: list[str] | None, tmp_path: Path
) -> None:
    teacher.save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "architectures": architectures}))
    with pytest.raises(InputError, match="^teacher_model: .* names the class (NoSuchModel|none), which"):
        load_teacher(tmp_path)
