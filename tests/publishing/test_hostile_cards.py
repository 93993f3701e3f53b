# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Tests of cards whose names someone chose to break them."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
import yaml
from huggingface_hub import ModelCard

from cards import HOSTILE, card_rules, cells_of, shape_of, tokens_of
from hf_distill.escaping import python_string, visible
from hf_distill.publishing.card import CardContents, render_card

ALLOWED = {"html_block", "html_inline", "link_open", "image", "em_open", "strong_open", "s_open", "hr"}
DIRECTIONS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def report(name: str) -> dict[str, Any]:
    classes = {name: {"f1": 0.5, "precision": 0.5, "recall": 0.5, "support": 7}}
    better = {name: {**classes[name], "f1": 0.75}}
    model = {"metrics": {"accuracy": 0.5, name: 0.25}, "parameters": 3, "size_bytes": 10}
    return {
        "teacher": {**model, "per_class": better},
        "student": {**model, "per_class": classes},
        "quantized/onnxruntime": {**model, "per_class": classes, "precision": "int8"},
        "primary_metric": "accuracy",
        "split": name,
        "rows": 9,
        "seed": 1,
        "hardware": name,
        "versions": {"hf_distill": name},
        "data": {name: {"cut": 3}},
        "training": {
            "objectives": [{"name": name, "weight": 1.0, "layers": name, name: name}],
            "intermediate": [{"name": "plain", "option": {name: name}}],
            "hardware": name,
            "energy": {"kwh": 1.0, "emissions_kg": 1.0, "country": name, "source": name},
        },
    }


def contents(kind: str, name: str) -> CardContents:
    code = f"from transformers import pipeline\n\npredict = pipeline(model={python_string(name)})"
    return CardContents(
        kind=kind,
        model_name=name,
        report=report(name),
        model_key="student" if kind == "student" else "quantized/onnxruntime",
        task=name,
        pipeline_tag="text-classification",
        teacher_name=name,
        dataset_name=name,
        dataset_config=name,
        base_model=name,
        student_name=name,
        recipe=yaml.safe_dump({"dataset": {"path": name, "columns": {name: name}}}, allow_unicode=True),
        arguments=yaml.safe_dump({name: name}, allow_unicode=True),
        loading_code=code,
        further_code={name: code},
        citations={name: name},
        tags=["plain"],
        comparison_picture="../report/comparison.png",
        loss_picture="../report/losses.png",
    )


@pytest.fixture(params=range(len(HOSTILE)), ids=lambda place: ascii(HOSTILE[place][:12]))
def name(request: pytest.FixtureRequest) -> str:
    return HOSTILE[request.param]


@pytest.fixture(params=["student", "quantized"])
def card(request: pytest.FixtureRequest, name: str) -> ModelCard:
    return render_card(contents(request.param, name))


def test_the_hub_takes_the_metadata_and_the_client_reads_it_back(card: ModelCard, name: str) -> None:
    text = f"{card}\n"
    assert card_rules().check_card(text) == ([], [])
    again = ModelCard(text)
    assert again.data.to_dict() == card.data.to_dict()
    assert set(yaml.safe_load(again.data.to_yaml())) <= {
        *("base_model", "base_model_relation", "library_name", "metrics", "model-index", "pipeline_tag", "tags")
    }


def test_the_card_is_of_the_shape_that_it_has_with_a_plain_name(card: ModelCard) -> None:
    kind = "quantized" if card.data.library_name == "optimum" else "student"
    assert shape_of(card.text) == shape_of(render_card(contents(kind, "plain words")).text)


def test_no_tag_and_no_link_comes_out(card: ModelCard) -> None:
    found = [token for token in tokens_of(card.text) if token.type in ALLOWED]
    assert {token.type for token in found} == {"image"}
    assert {token.attrs["src"] for token in found} == {"../report/comparison.png", "../report/losses.png"}


def test_no_character_hides_or_turns_the_text(card: ModelCard) -> None:
    assert not DIRECTIONS.search(str(card))
    assert "\x1b" not in str(card)


def test_cells_show_the_name_as_it_was_typed(card: ModelCard, name: str) -> None:
    shown = [line[0] for line in cells_of(card.text) if line[1:2] == ["7"]]
    assert len(shown) == 1
    if "\u202e" not in name and "\x1b" not in name:
        typed = " ".join(name.split())
        assert shown[0] == (typed if len(typed) <= 60 else f"{typed[:59]}…")


def test_no_line_but_those_of_blocks_is_long(card: ModelCard) -> None:
    text = re.sub(r"(?ms)^(`{3,}).*?^\1$", "", card.text)
    assert max(map(len, text.splitlines())) < 10_000


def test_the_code_is_python_with_the_name_in_it(card: ModelCard, name: str) -> None:
    block = next(token for token in tokens_of(card.text) if token.type == "fence" and token.info == "python")
    values: dict[str, Any] = {}
    exec(block.content.replace("from transformers import pipeline", "pipeline = dict"), values)
    assert values["predict"] == {"model": name}


def test_the_recipe_is_the_yaml_that_was_given(name: str) -> None:
    card = render_card(replace(contents("student", name), arguments=None))
    block = next(token for token in tokens_of(card.text) if token.type == "fence" and token.info == "yaml")
    # What could not be seen is named, also in a recipe.
    shown = visible(name, keep="\n\x1b")
    assert yaml.safe_load(block.content) == {"dataset": {"path": shown, "columns": {shown: shown}}}
