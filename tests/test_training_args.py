# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from transformers import BertConfig, HfArgumentParser

from hf_distill import DistillationTrainingArguments
from hf_distill.errors import InputError
from hf_distill.objectives.hidden_states import HiddenMSE
from hf_distill.objectives.logits import LogitsKL

MIXED = ["logits_kl:temperature=2", {"name": "hidden_mse", "layers": [[1, 3]]}]


def test_defaults_are_logits_and_hidden_states(make_args: Callable) -> None:
    args = make_args()
    assert [objective["name"] for objective in args.objectives] == ["logits_mse", "hidden_mse"]
    assert args.task_weight == 0.5


def test_every_form_becomes_a_dictionary(make_args: Callable) -> None:
    objectives = make_args(objectives=["logits_kl:weight=2", HiddenMSE(layers="last")]).objectives
    assert objectives == [
        {"name": "logits_kl", "weight": 2, "focus": None, "temperature": 1.0, "top_k": None},
        {"name": "hidden_mse", "weight": 1.0, "focus": None, "layers": "last", "tokens": "real"},
    ]


def test_objectives_are_made_afresh_each_time(make_args: Callable) -> None:
    args = make_args(objectives=MIXED)
    first, again = args.make_objectives(), args.make_objectives()
    assert first == again == [LogitsKL(temperature=2), HiddenMSE(layers=[[1, 3]])]
    first[1].bind(BertConfig(num_hidden_layers=2), BertConfig(num_hidden_layers=4))
    assert again[1].pairs == []


def test_arguments_survive_json(make_args: Callable) -> None:
    args = make_args(objectives=MIXED, task_weight=0.25)
    known = json.loads(args.to_json_string())
    assert known == json.loads(json.dumps(args.to_dict()))
    again = make_args(objectives=known["objectives"], task_weight=known["task_weight"])
    assert again.make_objectives() == args.make_objectives()
    assert again.task_weight == 0.25


def test_arguments_survive_replace(make_args: Callable) -> None:
    args = make_args(objectives=MIXED)
    replaced = dataclasses.replace(args, learning_rate=0.5)
    assert replaced.learning_rate == 0.5
    assert replaced.objectives == args.objectives
    assert replaced.make_objectives() == args.make_objectives()


def test_replaced_objectives_are_the_ones_that_are_made(make_args: Callable) -> None:
    replaced = dataclasses.replace(make_args(objectives=MIXED), objectives=["hidden_mse"])
    assert replaced.make_objectives() == [HiddenMSE()]


def test_flags_say_the_same(tmp_path: Path) -> None:
    flags = f"--output_dir {tmp_path} --objectives logits_kl:weight=1 hidden_mse --task_weight 0.3"
    (args,) = HfArgumentParser(DistillationTrainingArguments).parse_args_into_dataclasses(flags.split())
    assert args.make_objectives() == [LogitsKL(weight=1), HiddenMSE()]
    assert args.task_weight == 0.3


@pytest.mark.parametrize("objectives", [[], None])
def test_no_objectives_are_plain_fine_tuning(make_args: Callable, objectives: Any) -> None:
    assert make_args(objectives=objectives).make_objectives() == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"objectives": "logits_kl"}, "objectives: expected a list; got 'logits_kl'"),
        ({"objectives": {"name": "logits_kl"}}, "objectives: expected a list"),
        ({"objectives": LogitsKL()}, "objectives: expected a list"),
        ({"objectives": 3}, "objectives: expected a list"),
        ({"objectives": ["logits_kl", "logits_kl:weight=2"]}, "objectives: logits_kl is given 2 times"),
        ({"objectives": ["logits_lk"]}, "objectives: there is no objective 'logits_lk'; did you mean 'logits_kl'"),
        ({"objectives": [], "task_weight": 0}, "task_weight: is 0 and so is every objective's weight"),
        ({"objectives": ["logits_kl:weight=0"], "task_weight": 0}, "task_weight: is 0 and so is every"),
    ],
)
def test_wrong_objectives_are_refused(make_args: Callable, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=f"^{message}") as error:
        make_args(**options)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("value", [-1, float("nan"), float("inf"), True, "half", None])
def test_the_weight_of_the_task_must_be_a_number_at_least_0(make_args: Callable, value: Any) -> None:
    with pytest.raises(InputError, match="^task_weight: must be a number at least 0; got"):
        make_args(task_weight=value)


@pytest.mark.parametrize("value", ["fp8", "float32", "", 16, True, ["bf16"]])
def test_the_precision_of_the_teacher_must_be_one_that_there_is(make_args: Callable, value: Any) -> None:
    message = "^teacher_dtype: must be auto or fp32 or bf16 or fp16, or left out; got "
    with pytest.raises(InputError, match=message) as error:
        make_args(teacher_dtype=value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("value", ["inductor", 1, None])
def test_whether_the_teacher_is_compiled_must_be_true_or_false(make_args: Callable, value: Any) -> None:
    with pytest.raises(InputError, match="^teacher_compile: must be true or false; got"):
        make_args(teacher_compile=value)


def test_flags_may_say_how_the_teacher_computes(tmp_path: Path) -> None:
    flags = f"--output_dir {tmp_path} --teacher_dtype bf16 --teacher_compile"
    (args,) = HfArgumentParser(DistillationTrainingArguments).parse_args_into_dataclasses(flags.split())
    assert (args.teacher_dtype, args.teacher_compile) == ("bf16", True)
