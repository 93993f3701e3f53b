# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from transformers import (
    FunnelConfig,
    FunnelForSequenceClassification,
    PreTrainedModel,
)

from hf_distill import DistillationTrainer
from hf_distill.errors import InputError
from hf_distill.features.attention import AttentionCapture, attention_width, is_products_alone


@torch.no_grad()
def test_the_layers_asked_for_are_recorded(model: PreTrainedModel, inputs: dict) -> None:
    with AttentionCapture(model, [4, 2]).recording() as recorded:
        model(**inputs)
    assert sorted(recorded) == [2, 4]
    for states in recorded.values():
        assert states.heads == 4
        assert states.query.shape[0] == 2
        assert states.query.shape == states.key.shape == states.value.shape
        assert states.query.shape[-1] == attention_width(model.config)
    assert not recorded[2].query.equal(recorded[4].query)


@torch.no_grad()
def test_every_layer_is_told_apart(model: PreTrainedModel, inputs: dict) -> None:
    """The last layer's values depend on all layers, the first one's on none of the others."""
    with AttentionCapture(model, [1, 2, 3, 4]).recording() as together:
        model(**inputs)
    for layer in (1, 2, 3, 4):
        with AttentionCapture(model, [layer]).recording() as alone:
            model(**inputs)
        assert alone[layer].value.equal(together[layer].value)
    values = [together[layer].value for layer in (1, 2, 3, 4)]
    assert not any(one.equal(other) for one, other in zip(values, values[1:]))


@torch.no_grad()
def test_queries_and_keys_tell_attention_that_has_no_positions_in_it(model: PreTrainedModel, inputs: dict) -> None:
    if not is_products_alone(model.config):
        pytest.skip(f"{model.config.model_type} has positions in its attention")
    with AttentionCapture(model, [1, 3]).recording() as recorded:
        model(**inputs)
    model.set_attn_implementation("eager")
    attentions = model(**inputs, output_attentions=True).attentions
    mask = inputs.get("attention_mask", torch.ones(attentions[0].shape[::3])).bool()
    for layer, states in recorded.items():
        query, key = (part.unflatten(-1, (states.heads, -1)).transpose(1, 2) for part in (states.query, states.key))
        scores = query @ key.mT / query.shape[-1] ** 0.5
        scores = scores.masked_fill(~mask[:, None, None, :], -torch.inf)
        expected = attentions[layer - 1].transpose(1, 2)[mask]
        torch.testing.assert_close(scores.softmax(-1).transpose(1, 2)[mask], expected, rtol=1e-4, atol=1e-6)


def test_nothing_stays_on_the_model(teacher: PreTrainedModel) -> None:
    capture = AttentionCapture(teacher, [1, 2])
    with pytest.raises(RuntimeError, match="on purpose"), capture.recording():
        raise RuntimeError("on purpose")
    assert not any(module._forward_hooks for module in teacher.modules())


def test_a_layer_that_was_not_computed_is_an_error(teacher: PreTrainedModel) -> None:
    with AttentionCapture(teacher, [1]).recording() as recorded:
        pass
    with pytest.raises(InputError, match="values of layer 1 did not come from its projections"):
        recorded[1]


def test_unknown_projections_are_an_error(teacher: PreTrainedModel) -> None:
    del teacher.bert.encoder.layer[1].attention.self.key
    with pytest.raises(InputError, match="not found in the layers of BertForSequenceClassification"):
        AttentionCapture(teacher, [2])


def test_layers_that_are_not_one_list_are_an_error() -> None:
    config = FunnelConfig(vocab_size=64, block_sizes=[1, 2, 1], block_repeats=[1, 1, 1], d_model=16, n_head=2)
    with pytest.raises(InputError, match="FunnelForSequenceClassification does not keep its 4 layers in one list"):
        AttentionCapture(FunnelForSequenceClassification(config), [1])


def test_gradients_reach_the_student_with_checkpointing(
    make_trainer: Callable[..., DistillationTrainer], student: PreTrainedModel, teacher: PreTrainedModel
) -> None:
    rows_and_options = {"objectives": ["minilm_v2"], "task_weight": 0.0, "gradient_checkpointing": True}
    trainer = make_trainer(
        student, teacher, **rows_and_options, gradient_checkpointing_kwargs={"use_reentrant": False}
    )
    before = student.bert.encoder.layer[0].output.dense.weight.clone()
    trainer.train()
    assert not student.bert.encoder.layer[0].output.dense.weight.equal(before)


def test_checkpointing_that_would_lose_the_gradient_is_refused(
    make_trainer: Callable[..., DistillationTrainer], student: PreTrainedModel, teacher: PreTrainedModel
) -> None:
    options = {"gradient_checkpointing": True, "gradient_checkpointing_kwargs": {"use_reentrant": True}}
    trainer = make_trainer(student, teacher, objectives=["minilm_v2"], **options)
    with pytest.raises(InputError, match=r"^gradient_checkpointing: .*{'use_reentrant': False}"):
        trainer.train()
