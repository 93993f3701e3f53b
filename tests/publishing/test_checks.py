# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import importlib.util
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForSequenceClassification

from hf_distill.errors import InputError
from hf_distill.publishing.checks import check_card, check_contents, check_model
from hf_distill.publishing.repository import Repository

CARD_RULES = Path(__file__).parents[1] / "hub" / "card_rules.py"
CARD = "---\nlicense: mit\n{}---\n\n# A card\n"


def check(path: str, content: bytes, **others: bytes) -> None:
    check_contents(Repository("ada/model", {path: content, **others}))


@pytest.mark.parametrize(
    ("path", "content", "reason"),
    [
        ("config.json", b"", "is empty"),
        ("pytorch_model.bin", b"x", "may run code"),
        ("deep/weights.pt", b"x", "may run code"),
        ("data", pickle.dumps({"a": 1}), "may run code"),
        ("optimizer.safetensors", b"x", "is of a training"),
        ("projections.safetensors", b"x", "is of a training"),
        ("trainer_state.json", b"{}", "is of a training"),
        ("checkpoint-12/config.json", b"{}", "is of a training"),
    ],
)
def test_files_that_are_not_for_others_are_refused_by_name(path: str, content: bytes, reason: str) -> None:
    with pytest.raises(InputError) as caught:
        check(path, content)
    assert str(caught.value).startswith(f"{path} of the model ada/model: {reason}")


def test_archives_of_torch_are_known_by_their_content(tmp_path: Path) -> None:
    torch.save({"a": torch.zeros(2)}, tmp_path / "weights")
    with pytest.raises(InputError, match="weights of the model ada/model: may run code"):
        check("weights", (tmp_path / "weights").read_bytes())


def test_weights_of_openvino_lie_beside_their_graph() -> None:
    check_contents(Repository("ada/m", {"openvino/model.bin": b"\0x", "openvino/model.xml": b"<net/>"}))


def test_a_leak_is_refused_with_file_and_field() -> None:
    with pytest.raises(InputError, match=r"^config.json: task_specific.note of the model ada/model: holds an e-mail"):
        check("config.json", b'{"task_specific": {"note": "ada@example.org"}}')


@pytest.mark.parametrize(
    ("metadata", "field"),
    [
        ("base_model: /home/ada/model\n", "base_model"),
        ("base_model_relation: distill\n", "base_model_relation"),
        ("language: english\n", "language"),
        ("tags: ['']\n", "tags"),
        ("license: Apache 2.0\n", "license"),
        ("tags: [a\n", "its metadata cannot be read"),
    ],
)
def test_metadata_that_the_hub_would_refuse_is_refused_here(metadata: str, field: str) -> None:
    with pytest.raises(InputError, match=f"^README.md: {field}"):
        check_card(CARD.replace("license: mit\n", "").format(metadata))


def test_a_score_that_is_none_is_refused() -> None:
    dataset = "dataset: {type: a, name: a}, metrics: [{type: accuracy, value: .nan}]"
    results = f"model-index: [{{name: a, results: [{{task: {{type: fill-mask}}, {dataset}}}]}}]\n"
    with pytest.raises(InputError, match="^README.md: model-index: accuracy is nan"):
        check_card(CARD.format(results))


def test_what_is_right_passes() -> None:
    check("README.md", CARD.format("language: [en]\nbase_model: google-bert/bert-base-uncased\n").encode())


@pytest.fixture
def folder(make_bert: Callable, tmp_path: Path) -> Path:
    make_bert().save_pretrained(tmp_path)
    return tmp_path


def test_a_model_is_loaded_as_anybody_will(folder: Path) -> None:
    check_model(folder, AutoModelForSequenceClassification.from_pretrained)


def test_missing_weights_are_named(folder: Path, make_bert: Callable) -> None:
    make_bert().base_model.save_pretrained(folder)
    with pytest.raises(InputError, match="the model: cannot be loaded as it was: missing keys: .*classifier"):
        check_model(folder, AutoModelForSequenceClassification.from_pretrained)


def test_damaged_weights_are_named(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-9])
    with pytest.raises(InputError, match="^model.safetensors: is damaged"):
        check_model(folder, AutoModelForSequenceClassification.from_pretrained)


def test_the_rules_are_not_laxer_than_those_of_the_stand_in() -> None:
    spec = importlib.util.spec_from_file_location("card_rules", CARD_RULES)
    rules = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(rules)
    for license in rules.LICENSES:
        check_card(CARD.replace("mit", license).format(""))
