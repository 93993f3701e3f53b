# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Tests of finding and loading the models of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    AutoTokenizer,
    BertForSequenceClassification,
    ModernBertConfig,
    ModernBertForSequenceClassification,
)

from hf_distill.errors import InputError
from hf_distill.pipeline.models import check_same_inputs, load_config, load_model, make_student, resolve_model
from hf_distill.pipeline.recipe import parse_recipe
from hf_distill.tasks import find_task

TASK = find_task("text-classification")()


def test_folder_is_itself(setup: Any) -> None:
    assert resolve_model(str(setup.folder / "teacher"), "teacher.model") == str(setup.folder / "teacher")


def test_hub_id_is_itself() -> None:
    assert resolve_model("google-bert/bert-base-uncased", "teacher.model") == "google-bert/bert-base-uncased"


def test_folder_within_a_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tiny_models" / "small").mkdir(parents=True)
    (tmp_path / "tiny_models" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    assert resolve_model("package:tiny_models/small", "teacher.model") == str(tmp_path / "tiny_models" / "small")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("/no/such/folder", "student.model: no such folder: /no/such/folder"),
        ("./none", "student.model: no such folder"),
        ("package:no_such_package/a", "student.model: the package 'no_such_package' is not installed"),
        ("package:hf_distill/none", "student.model: the package 'hf_distill' has no folder 'none'"),
    ],
)
def test_model_that_is_not_there(name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        resolve_model(name, "student.model")


def test_folder_without_a_model(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="teacher.model: .* cannot be loaded"):
        load_config(str(tmp_path), "teacher.model")


def test_model_gets_the_label_names(setup: Any) -> None:
    model = load_model(str(setup.folder / "teacher"), TASK, ["no", "yes"], "teacher.model")
    assert model.config.id2label == {0: "no", 1: "yes"}
    assert model.config.label2id == {"no": 0, "yes": 1}


def test_head_of_the_same_labels_is_kept(setup: Any) -> None:
    saved = BertForSequenceClassification.from_pretrained(setup.folder / "teacher")
    model = load_model(str(setup.folder / "teacher"), TASK, ["neg", "pos"], "teacher.model", new_head=True)
    assert torch.equal(model.classifier.weight, saved.classifier.weight)


def test_head_of_other_labels_is_replaced_and_nothing_else(setup: Any) -> None:
    saved = BertForSequenceClassification.from_pretrained(setup.folder / "teacher")
    model = load_model(str(setup.folder / "teacher"), TASK, ["sad", "happy"], "teacher.model", new_head=True)
    assert not torch.equal(model.classifier.weight, saved.classifier.weight)
    assert torch.equal(model.bert.pooler.dense.weight, saved.bert.pooler.dense.weight)


def test_head_of_another_size_is_replaced(setup: Any) -> None:
    model = load_model(str(setup.folder / "teacher"), TASK, ["a", "b", "c"], "teacher.model", new_head=True)
    assert model.classifier.out_features == 3
    assert model.classifier.weight.isfinite().all()


def test_same_tokenizer_passes(setup: Any) -> None:
    tokenizer = AutoTokenizer.from_pretrained(setup.folder / "teacher")
    check_same_inputs(tokenizer, AutoTokenizer.from_pretrained(setup.folder / "tagger"))


def test_tokenizer_with_one_more_token_is_named(setup: Any) -> None:
    tokenizer, other = (AutoTokenizer.from_pretrained(setup.folder / "teacher") for _ in range(2))
    tokenizer.add_tokens(["extra"])
    with pytest.raises(InputError, match="token 'extra' is"):
        check_same_inputs(tokenizer, other)


def test_student_of_the_teacher_starts_from_its_layers(setup: Any) -> None:
    recipe = parse_recipe(setup.content(student={"layers": [0, 3]}))
    teacher = load_model(str(setup.folder / "teacher"), TASK, ["neg", "pos"], "teacher.model")
    student = make_student(recipe, teacher, TASK, ["neg", "pos"], seed=0)
    weight = "attention.self.query.weight"
    assert len(student.bert.encoder.layer) == 2
    for own, given in enumerate([0, 3]):
        layers = student.bert.encoder.layer[own], teacher.bert.encoder.layer[given]
        assert torch.equal(*(layer.get_parameter(weight) for layer in layers))


def test_student_of_another_checkpoint_is_the_same_for_a_seed(setup: Any) -> None:
    recipe = parse_recipe(setup.content(student={"model": str(setup.folder / "tagger"), "num_hidden_layers": 2}))
    teacher = load_model(str(setup.folder / "teacher"), TASK, ["neg", "pos"], "teacher.model")
    first, again, other = (make_student(recipe, teacher, TASK, ["neg", "pos"], seed) for seed in (0, 0, 1))
    assert torch.equal(first.classifier.weight, again.classifier.weight)
    assert not torch.equal(first.classifier.weight, other.classifier.weight)
    tagger = load_model(str(setup.folder / "tagger"), find_task("token-classification")(), ["O", "B", "C"], "x")
    assert torch.equal(first.bert.embeddings.word_embeddings.weight, tagger.bert.embeddings.word_embeddings.weight)


def test_head_for_spans_is_kept(setup: Any) -> None:
    task, path = find_task("question-answering")(), str(setup.folder / "answerer")
    one, other = (load_model(path, task, [], "student.model", new_head=new) for new in (True, False))
    assert torch.equal(one.qa_outputs.weight, other.qa_outputs.weight)


def test_head_of_two_classes_is_none_for_spans(tmp_path: Path) -> None:
    widths = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
    classifier = ModernBertForSequenceClassification(ModernBertConfig(vocab_size=8, pad_token_id=0, **widths))
    # Both classes keep their head under the same name.
    classifier.classifier.weight.data.fill_(7.0)
    classifier.save_pretrained(tmp_path)
    model = load_model(str(tmp_path), find_task("question-answering")(), [], "teacher.model", new_head=True)
    assert model.classifier.weight.shape == (2, 8)
    assert model.classifier.weight.abs().max() < 1
