# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import copy
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import pytest
import torch

from hf_distill import list_objectives, register_objective
from hf_distill.errors import InputError
from hf_distill.objectives import LogitsObjective, build_objective, catalogue
from hf_distill.objectives.hidden_states import HiddenMSE
from hf_distill.objectives.logits import LogitsKL


@pytest.fixture
def own_catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a test register objectives without leaving them behind."""
    monkeypatch.setattr(catalogue, "_CATALOGUE", copy.copy(catalogue._CATALOGUE))


@dataclass
class LogitsMAE(LogitsObjective):
    name: ClassVar[str] = "logits_mae"

    def compare(self, student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
        return (student - teacher).abs().mean(-1)


@pytest.mark.parametrize(
    "specification",
    [
        "logits_kl:weight=0.5,temperature=2",
        " logits_kl : weight = 0.5 , temperature = 2 ",
        {"name": "logits_kl", "weight": 0.5, "temperature": 2},
        LogitsKL(weight=0.5, temperature=2),
    ],
)
def test_text_dictionary_and_object_say_the_same(specification: Any) -> None:
    assert build_objective(specification) == LogitsKL(weight=0.5, temperature=2)


def test_a_name_alone_takes_the_defaults() -> None:
    assert build_objective("hidden_mse") == HiddenMSE(weight=1.0, layers="uniform")


def test_an_object_is_returned_as_it_is() -> None:
    objective = LogitsKL()
    assert build_objective(objective) is objective


@pytest.mark.parametrize(
    ("text", "layers"),
    [
        ("hidden_mse:layers=last", "last"),
        ("hidden_mse:layers=[[1, 3], [2, 6]],weight=2", [[1, 3], [2, 6]]),
        ("hidden_mse:weight=2,layers=[[1,3]]", [[1, 3]]),
    ],
)
def test_text_may_hold_layers(text: str, layers: Any) -> None:
    assert build_objective(text).layers == layers


@pytest.mark.parametrize("objective_class", list_objectives(), ids=lambda entry: entry.name)
def test_to_dict_makes_the_same_objective_again(objective_class: type) -> None:
    objective = objective_class(weight=0.25)
    assert build_objective(objective.to_dict()) == objective


@pytest.mark.parametrize("objective_class", list_objectives(), ids=lambda entry: entry.name)
def test_every_objective_tells_its_source_and_what_its_options_mean(objective_class: type) -> None:
    assert objective_class.paper
    assert all(entry.metadata.get("help") for entry in fields(objective_class) if entry.init)


@pytest.mark.parametrize(
    ("specification", "message"),
    [
        ("logit_kl", r"there is no objective 'logit_kl'; did you mean 'logits_kl'\?"),
        ("zzz", "there is no objective 'zzz'; there are: attention_kl, attention_mse, "),
        ("logits_kl:temprature=2", r"logits_kl: there is no option 'temprature'; did you mean 'temperature'\?"),
        ({"name": "hidden_mse", "_pairs": []}, "hidden_mse: there is no option '_pairs'"),
        ({"weight": 1}, "expected a name"),
        (3, "expected a name"),
        ("logits_kl:temperature", "expected name:option=value"),
        ("hidden_mse:layers=[[1,3]", "expected name:option=value"),
    ],
)
def test_wrong_specifications_are_told_what_would_be_right(specification: Any, message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        build_objective(specification)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -0.1, True, "two", None, [1]])
def test_a_weight_must_be_a_number_at_least_0(value: Any) -> None:
    with pytest.raises(InputError, match="^objective logits_kl: weight must be a number at least 0; got"):
        build_objective({"name": "logits_kl", "weight": value})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 0, -1, True, "hot"])
def test_a_temperature_must_be_a_number_above_0(value: Any) -> None:
    with pytest.raises(InputError, match="^objective logits_kl: temperature must be a number above 0; got"):
        build_objective({"name": "logits_kl", "temperature": value})


@pytest.mark.parametrize("text", ["logits_kl:weight=.nan", "logits_kl:weight=-1", "logits_kl:weight=true"])
def test_text_is_checked_as_dictionaries_are(text: str) -> None:
    with pytest.raises(InputError, match="^objective logits_kl: weight must be a number at least 0"):
        build_objective(text)


def test_text_may_write_a_number_with_an_exponent() -> None:
    assert build_objective("logits_kl:weight=1e-3").weight == pytest.approx(0.001)


def test_a_registered_objective_is_built_and_listed(own_catalogue: None) -> None:
    assert register_objective(LogitsMAE) is LogitsMAE
    assert build_objective("logits_mae:weight=2") == LogitsMAE(weight=2)
    assert LogitsMAE in list_objectives()


def test_registering_twice_changes_nothing(own_catalogue: None) -> None:
    register_objective(LogitsMAE)
    register_objective(LogitsMAE)
    assert list_objectives().count(LogitsMAE) == 1


def test_a_name_that_is_taken_is_refused(own_catalogue: None) -> None:
    @dataclass
    class Other(LogitsMAE):
        name: ClassVar[str] = "logits_kl"

    with pytest.raises(InputError, match="^objective logits_kl: the name is taken by LogitsKL$"):
        register_objective(Other)


def test_the_catalogue_cannot_be_changed_through_its_list() -> None:
    list_objectives().clear()
    assert LogitsKL in list_objectives()
