# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

from collections.abc import Callable

import pytest
from transformers import PreTrainedModel

from hf_distill import DistillationTrainingArguments
from hf_distill.errors import InputError
from hf_distill.objectives import build_objective
from hf_distill.presets import PRESETS, Preset, find_preset

every_preset = pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)


@every_preset
def test_its_objectives_can_be_made(preset: Preset) -> None:
    for specification in (*preset.objectives, *preset.intermediate):
        assert build_objective(specification).name == specification["name"]


@every_preset
def test_both_its_stages_train(
    preset: Preset, make_trainer: Callable, student: PreTrainedModel, teacher: PreTrainedModel
) -> None:
    stages = [(preset.intermediate, 0.0)] if preset.intermediate else []
    for objectives, task_weight in [*stages, (preset.objectives, preset.task_weight)]:
        before = student.bert.encoder.layer[0].output.dense.weight.clone()
        make_trainer(student, teacher, objectives=list(objectives), task_weight=task_weight).train()
        assert not student.bert.encoder.layer[0].output.dense.weight.equal(before)


def test_what_a_preset_gives_may_be_changed_without_changing_the_preset() -> None:
    find_preset("pkd").to_recipe()["objectives"][0]["weight"] = 7
    assert find_preset("pkd").objectives[0]["weight"] == 0.5


def test_a_preset_serves_a_script_of_ones_own(make_args: Callable[..., DistillationTrainingArguments]) -> None:
    preset = find_preset("distilbert")
    args = make_args(objectives=list(preset.objectives), task_weight=preset.task_weight)
    assert [objective["name"] for objective in args.objectives] == ["logits_kl", "hidden_cosine"]


def test_an_unknown_preset_is_told_the_nearest() -> None:
    with pytest.raises(InputError, match=r"^preset: there is no preset 'tinybart'; did you mean 'tinybert'\?$"):
        find_preset("tinybart")
