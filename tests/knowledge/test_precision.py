# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from transformers import PreTrainedModel, ViTConfig, ViTForImageClassification

from hf_distill.features.features import Needs
from hf_distill.knowledge import precision as module
from hf_distill.knowledge.live import LiveTeacher
from hf_distill.knowledge.precision import PRECISIONS, in_precision, settle_precision

BATCH = {"input_ids": torch.tensor([[1, 2, 3], [4, 5, 6]])}


def dtypes(model: torch.nn.Module) -> set[torch.dtype]:
    return {parameter.dtype for parameter in model.parameters()}


@pytest.mark.parametrize(
    ("fast", "exact", "expected"),
    [(True, False, "bf16"), (True, True, "fp32"), (False, False, "fp32"), (False, True, "fp32")],
)
def test_auto_is_bf16_where_it_is_fast_and_good_enough(
    fast: bool, exact: bool, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "bf16_is_fast", lambda: fast)
    assert settle_precision("auto", exact) == expected


def test_a_precision_that_is_named_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "bf16_is_fast", lambda: True)
    assert [settle_precision(name, exact=True) for name in ("fp32", "bf16", "fp16")] == ["fp32", "bf16", "fp16"]


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_the_model_stays_and_its_copy_computes_in_the_precision(precision: str, teacher: PreTrainedModel) -> None:
    before = {name: value.clone() for name, value in teacher.state_dict().items()}
    copied = in_precision(teacher, precision)
    assert dtypes(copied) == {PRECISIONS[precision]}
    assert all(value.equal(before[name]) for name, value in teacher.state_dict().items())
    logits = [model(**BATCH).logits for model in (copied, teacher)]
    assert logits[0].dtype == PRECISIONS[precision]
    torch.testing.assert_close(logits[0].float(), logits[1], rtol=0.1, atol=0.1)


def test_a_model_that_is_in_the_precision_is_not_copied(teacher: PreTrainedModel) -> None:
    assert in_precision(teacher, "fp32") is teacher
    half = teacher.to(torch.bfloat16)
    assert in_precision(half, "bf16") is half


def test_one_weight_in_another_precision_is_enough_for_a_copy(teacher: PreTrainedModel) -> None:
    teacher.classifier.to(torch.bfloat16)
    assert dtypes(in_precision(teacher, "fp32")) == {torch.float32}
    assert dtypes(teacher.classifier) == {torch.bfloat16}


def test_weights_that_are_shared_stay_shared(teacher: PreTrainedModel) -> None:
    layers = teacher.bert.encoder.layer
    layers[1].output.dense.weight = layers[0].output.dense.weight
    copied = in_precision(teacher, "bf16").bert.encoder.layer
    assert copied[1].output.dense.weight is copied[0].output.dense.weight
    assert copied[2].output.dense.weight is not copied[0].output.dense.weight


def test_what_checkpoints_do_not_hold_stays_in_32_bits(teacher: PreTrainedModel) -> None:
    teacher.register_buffer("kept", torch.ones(2))
    teacher.register_buffer("computed", torch.ones(2), persistent=False)
    copied = in_precision(teacher, "bf16")
    assert (copied.kept.dtype, copied.computed.dtype) == (torch.bfloat16, torch.float32)


def test_nothing_of_the_copy_needs_a_gradient(teacher: PreTrainedModel) -> None:
    assert not any(parameter.requires_grad for parameter in in_precision(teacher, "bf16").parameters())


@pytest.mark.parametrize("own", [True, False], ids=["own", "autocast"])
def test_autocast_is_for_a_teacher_without_a_precision_of_its_own(own: bool, teacher: PreTrainedModel) -> None:
    plain = LiveTeacher(teacher)(BATCH, Needs(logits=True)).logits
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = LiveTeacher(teacher, autocast=not own)(BATCH, Needs(logits=True)).logits
    assert logits.dtype == (torch.float32 if own else torch.bfloat16)
    assert logits.equal(plain) == own


def test_images_are_read_in_the_precision_of_the_teacher(make_bert: Callable) -> None:
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    teacher = ViTForImageClassification(ViTConfig(**sizes, image_size=8, patch_size=4, num_labels=3))
    received = []
    half = in_precision(teacher, "bf16")
    half.register_forward_pre_hook(lambda model, args, inputs: received.append(inputs), with_kwargs=True)
    LiveTeacher(half, autocast=False)({"pixel_values": torch.ones(2, 3, 8, 8)}, Needs(logits=True))
    assert received[0]["pixel_values"].dtype == torch.bfloat16
