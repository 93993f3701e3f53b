# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
import torch
from transformers import (
    AlbertConfig,
    AlbertForSequenceClassification,
    BertForMaskedLM,
    DebertaV2Config,
    DebertaV2ForSequenceClassification,
    DistilBertConfig,
    DistilBertForSequenceClassification,
    ElectraConfig,
    ElectraForSequenceClassification,
    ModernBertConfig,
    ModernBertForSequenceClassification,
    PreTrainedModel,
    RobertaConfig,
    RobertaForSequenceClassification,
)

from hf_distill import build_student
from hf_distill.errors import InputError
from hf_distill.features.layers import layer_prefix
from hf_distill.students.build import choose_layers, student_config

BATCH = {
    "input_ids": torch.tensor([[5, 6, 7, 8], [9, 10, 11, 2]]),
    "attention_mask": torch.ones(2, 4, dtype=torch.long),
}
SIZES = {"vocab_size": 64, "max_position_embeddings": 40, "num_labels": 3, "pad_token_id": 0}
WIDE = {"hidden_size": 32, "num_hidden_layers": 4, "num_attention_heads": 4, "intermediate_size": 64}
DISENTANGLED = {
    "relative_attention": True,
    "pos_att_type": ["p2c", "c2p"],
    "share_att_key": True,
    "position_buckets": 8,
}
MODERN_IDS = {"bos_token_id": 1, "eos_token_id": 2, "cls_token_id": 1, "sep_token_id": 2}


def make_distilbert() -> PreTrainedModel:
    config = DistilBertConfig(**SIZES, dim=32, n_layers=4, n_heads=4, hidden_dim=64, initializer_range=0.2)
    return DistilBertForSequenceClassification(config)


def make_modernbert(**options: Any) -> PreTrainedModel:
    config = ModernBertConfig(**{**SIZES, **MODERN_IDS, **WIDE, "reference_compile": False, **options})
    return ModernBertForSequenceClassification(config)


ARCHITECTURES: dict[str, Callable[[], PreTrainedModel]] = {
    "distilbert": make_distilbert,
    "roberta": lambda: RobertaForSequenceClassification(RobertaConfig(**SIZES, **WIDE, initializer_range=0.2)),
    "electra": lambda: ElectraForSequenceClassification(
        ElectraConfig(**SIZES, **WIDE, embedding_size=32, initializer_range=0.2)
    ),
    "electra_with_small_embeddings": lambda: ElectraForSequenceClassification(
        ElectraConfig(**SIZES, **WIDE, embedding_size=16, initializer_range=0.2)
    ),
    "deberta_v2": lambda: DebertaV2ForSequenceClassification(
        DebertaV2Config(**SIZES, **WIDE, **DISENTANGLED, initializer_range=0.2)
    ),
    "modernbert": make_modernbert,
}


@pytest.fixture(params=["bert", *ARCHITECTURES])
def any_teacher(request: pytest.FixtureRequest, teacher: PreTrainedModel) -> PreTrainedModel:
    """A teacher of each architecture that can be made narrower."""
    return teacher if request.param == "bert" else ARCHITECTURES[request.param]().eval()


def weights(model: PreTrainedModel) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


def test_a_student_of_the_teachers_depth_and_width_says_what_the_teacher_says(any_teacher: PreTrainedModel) -> None:
    student = build_student(any_teacher).eval()
    assert type(student) is type(any_teacher)
    assert student(**BATCH).logits.equal(any_teacher(**BATCH).logits)


def test_a_shallower_student_starts_from_the_chosen_layers(any_teacher: PreTrainedModel) -> None:
    student = build_student(any_teacher, num_hidden_layers=2, layers=[1, 3])
    prefix, origin = layer_prefix(any_teacher), any_teacher.state_dict()
    assert student.config.num_hidden_layers == 2
    for name, value in student.state_dict().items():
        for own, teachers in ((0, 1), (1, 3)):
            name = name.replace(f"{prefix}.{own}.", f"{prefix}.from{teachers}.")
        assert value.equal(origin[name.replace("from", "")]), name


def test_a_narrower_student_runs(any_teacher: PreTrainedModel) -> None:
    student = build_student(any_teacher, num_hidden_layers=2, hidden_size=16).eval()
    logits = student(**BATCH, labels=torch.tensor([0, 1])).logits
    assert logits.shape == (2, 3)
    assert logits.isfinite().all()
    assert student.config.hidden_size == 16
    assert student.config.num_attention_heads == 2


def test_the_teacher_is_not_changed(any_teacher: PreTrainedModel) -> None:
    before, config = weights(any_teacher), any_teacher.config.to_dict()
    student = build_student(any_teacher, num_hidden_layers=2, hidden_size=16)
    for parameter in student.parameters():
        parameter.data.add_(1)
    assert all(value.equal(before[name]) for name, value in any_teacher.state_dict().items())
    assert any_teacher.config.to_dict() == config


def test_layers_default_to_uniform_ones_that_end_with_the_last(teacher: PreTrainedModel) -> None:
    student = build_student(teacher, num_hidden_layers=2)
    for own, teachers in ((0, 1), (1, 3)):
        expected = teacher.bert.encoder.layer[teachers].state_dict()
        assert all(value.equal(expected[name]) for name, value in student.bert.encoder.layer[own].state_dict().items())


@pytest.mark.parametrize(
    ("depth", "number", "layers"), [(6, 2, [2, 5]), (4, 3, [0, 2, 3]), (12, 1, [11]), (4, None, [0, 1, 2, 3])]
)
def test_uniform_layers_of_any_depth(depth: int, number: int | None, layers: list[int]) -> None:
    assert choose_layers(depth, number, None) == layers


def test_layers_may_repeat_and_come_in_any_order(teacher: PreTrainedModel) -> None:
    student = build_student(teacher, layers=[3, 0, 0])
    first, second, third = (layer.output.dense.weight for layer in student.bert.encoder.layer)
    assert first.equal(teacher.bert.encoder.layer[3].output.dense.weight)
    assert second.equal(third)
    assert second.data_ptr() != third.data_ptr()


def test_embeddings_and_head_of_a_narrower_student_are_the_first_features(teacher: PreTrainedModel) -> None:
    student = build_student(teacher, hidden_size=16)
    words = teacher.bert.embeddings.word_embeddings.weight
    assert student.bert.embeddings.word_embeddings.weight.equal(words[:, :16])
    assert student.bert.embeddings.LayerNorm.weight.equal(teacher.bert.embeddings.LayerNorm.weight[:16])
    assert student.classifier.weight.equal(teacher.classifier.weight[:, :16])
    assert student.classifier.bias.equal(teacher.classifier.bias)


def test_layers_of_a_narrower_student_are_the_first_features_and_heads(teacher: PreTrainedModel) -> None:
    student = build_student(teacher, layers=[2], hidden_size=16, intermediate_size=24)
    own, origin = student.bert.encoder.layer[0], teacher.bert.encoder.layer[2]
    assert own.attention.self.query.weight.equal(origin.attention.self.query.weight[:16, :16])
    assert own.intermediate.dense.weight.equal(origin.intermediate.dense.weight[:24, :16])
    assert own.output.dense.weight.equal(origin.output.dense.weight[:16, :24])


@pytest.mark.parametrize("intermediate_size", [64, 96])
def test_fused_matrices_keep_the_first_features_of_each_part(intermediate_size: int) -> None:
    teacher = make_modernbert(intermediate_size=intermediate_size)
    student = build_student(teacher, hidden_size=16)
    own, origin = student.model.layers[1], teacher.model.layers[1]
    for mine, theirs in zip(own.attn.Wqkv.weight.chunk(3), origin.attn.Wqkv.weight.chunk(3)):
        assert mine.equal(theirs[:16, :16])
    for mine, theirs in zip(own.mlp.Wi.weight.chunk(2), origin.mlp.Wi.weight.chunk(2)):
        assert mine.equal(theirs[: intermediate_size // 2, :16])


def test_intermediate_size_three_times_the_width_is_not_taken_for_a_fused_matrix(
    make_bert: Callable[..., PreTrainedModel],
) -> None:
    teacher = make_bert(intermediate_size=96)
    student = build_student(teacher, hidden_size=16)
    origin = teacher.bert.encoder.layer[0].intermediate.dense.weight
    assert student.bert.encoder.layer[0].intermediate.dense.weight.equal(origin[:48, :16])


def test_tied_weights_stay_tied(make_bert: Callable[..., PreTrainedModel]) -> None:
    student = build_student(make_bert(model_class=BertForMaskedLM), layers=[0], hidden_size=16)
    assert student.cls.predictions.decoder.weight is student.bert.embeddings.word_embeddings.weight


def test_shared_layers_make_a_shallower_student() -> None:
    config = AlbertConfig(**SIZES, **WIDE, embedding_size=16, initializer_range=0.2)
    teacher = AlbertForSequenceClassification(config).eval()
    student = build_student(teacher, num_hidden_layers=2).eval()
    assert student.config.num_hidden_layers == 2
    assert all(value.equal(teacher.state_dict()[name]) for name, value in student.state_dict().items())
    assert student(**BATCH).logits.isfinite().all()


def test_labels_and_dtype_are_the_teachers(make_bert: Callable[..., PreTrainedModel]) -> None:
    names = {0: "bad", 1: "fair", 2: "good"}
    student = build_student(make_bert(id2label=names).to(torch.bfloat16), num_hidden_layers=1)
    assert student.config.id2label == names
    assert student.dtype == torch.bfloat16


def test_the_random_state_is_untouched(teacher: PreTrainedModel) -> None:
    before = torch.get_rng_state()
    build_student(teacher, num_hidden_layers=2, hidden_size=16)
    assert torch.get_rng_state().equal(before)


def test_weights_without_an_origin_follow_the_seed_and_are_reported(caplog: pytest.LogCaptureFixture) -> None:
    # The first layer of ModernBERT has no norm before its attention, so a student that has it later draws a new one;
    # the head of a student is always the teacher's.
    teacher = make_modernbert()
    with caplog.at_level(logging.WARNING, logger="hf_distill"):
        first, again = (build_student(teacher, layers=[2, 0], seed=3) for _ in range(2))
    assert "The teacher has nothing for 1 of the student's weights, such as model.layers.1.attn_norm" in caplog.text
    assert all(value.equal(again.state_dict()[name]) for name, value in first.state_dict().items())


def test_the_configuration_is_that_of_the_built_student(any_teacher: PreTrainedModel) -> None:
    config = student_config(any_teacher.config, num_hidden_layers=2, hidden_size=16)
    assert config.to_dict() == build_student(any_teacher, num_hidden_layers=2, hidden_size=16).config.to_dict()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_hidden_layers": 5}, "student.num_hidden_layers: 5 is more than the teacher's 4 layers"),
        ({"num_hidden_layers": 0}, "student.num_hidden_layers: must be a whole number of at least 1; got 0"),
        ({"num_hidden_layers": True}, "student.num_hidden_layers: must be a whole number of at least 1; got True"),
        ({"layers": [0, 4]}, r"student.layers: must name teacher layers from 0 to 3; got \[0, 4\]"),
        ({"layers": [-1]}, "student.layers: must name teacher layers from 0 to 3"),
        ({"layers": []}, "student.layers: must name teacher layers from 0 to 3"),
        ({"layers": [0.0]}, "student.layers: must name teacher layers from 0 to 3"),
        ({"layers": [0, 1], "num_hidden_layers": 3}, "student.layers: names 2 layers but .* is 3"),
        ({"hidden_size": 64}, "student.hidden_size: must be a whole number from 1 to the teacher's 32; got 64"),
        ({"hidden_size": 0}, "student.hidden_size: must be a whole number"),
        ({"hidden_size": "16"}, "student.hidden_size: must be a whole number"),
        ({"hidden_size": 12}, "student.hidden_size: 12 .* choose a multiple of 8"),
        ({"hidden_size": 4}, "student.hidden_size: 4 .* choose a multiple of 8"),
        ({"hidden_size": 16, "num_attention_heads": 1}, "student.hidden_size: 16 .* choose a multiple of 8"),
        ({"num_attention_heads": 5}, "student.num_attention_heads: must be a whole number from 1 to the teacher's 4"),
        ({"intermediate_size": 65}, "student.intermediate_size: must be a whole number from 1 to the teacher's 64"),
    ],
)
def test_what_the_teacher_cannot_give_is_refused(
    teacher: PreTrainedModel, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=f"^{message}") as error:
        build_student(teacher, **options)
    assert "\n" not in str(error.value)
