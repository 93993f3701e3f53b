# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Layer maps that are measured, and the learned maps and learning rates beside the student."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable
from typing import Any

import pytest
import torch
from datasets import Dataset
from transformers import PreTrainedModel

from hf_distill import build_student
from hf_distill.errors import InputError
from hf_distill.features.features import Needs
from hf_distill.fitting import check_gradients_at_hand, check_one_device_a_process
from hf_distill.weighting import GradientNormWeighting, UncertaintyWeighting


@pytest.mark.parametrize("name", ["hidden_mse", "minilm"])
def test_auto_pairs_the_layers_that_are_alike_and_says_so(
    name: str, make_trainer: Callable, teacher: PreTrainedModel, caplog: pytest.LogCaptureFixture
) -> None:
    student = build_student(teacher)
    with caplog.at_level(logging.WARNING):
        trainer = make_trainer(student, teacher, objectives=[f"{name}:layers=auto"])
    assert trainer.objectives[0].to_dict()["layers"] == [[1, 1], [2, 2], [3, 3], [4, 4]]
    assert "student from teacher (alignment): 1 from 1 (1.00), 2 from 2 (1.00)" in caplog.text
    trainer.train()


def test_auto_leaves_other_layer_maps_and_the_arguments_alone(
    make_trainer: Callable, student: PreTrainedModel, teacher: PreTrainedModel
) -> None:
    trainer = make_trainer(student, teacher, objectives=["hidden_mse:layers=auto", "pkd:layers=last"])
    assert [objective["layers"] for objective in trainer.args.objectives] == ["auto", "last"]
    assert trainer.objectives[1].layers == "last"
    assert len(trainer.objectives[0].layers) == 2


def test_auto_measures_rows_with_columns_that_no_model_reads(
    make_trainer: Callable, make_rows: Callable, student: PreTrainedModel, teacher: PreTrainedModel
) -> None:
    rows = Dataset.from_list([{**row, "text": "words"} for row in make_rows()])
    trainers = [
        make_trainer(student, teacher, objectives=["hidden_mse:layers=auto"], rows=entry)
        for entry in (rows, make_rows())
    ]
    measured, plain = (trainer.objectives[0].to_dict()["layers"] for trainer in trainers)
    assert measured == plain != "auto"


def test_auto_measures_each_new_student_of_a_model_init(
    make_trainer: Callable, teacher: PreTrainedModel, caplog: pytest.LogCaptureFixture
) -> None:
    options = {"trainer_options": {"model_init": lambda: build_student(teacher, num_hidden_layers=2)}}
    trainer = make_trainer(None, teacher, objectives=["hidden_mse:layers=auto"], **options)
    trainer.train()
    assert trainer.objectives[0].to_dict()["layers"] != "auto"


def test_auto_needs_data(make_trainer: Callable, student: PreTrainedModel, teacher: PreTrainedModel) -> None:
    class Stream(torch.utils.data.IterableDataset):
        def __iter__(self) -> Any:
            yield from ()

    with pytest.raises(InputError, match="^objective hidden_mse: layers auto needs a train_dataset with rows"):
        make_trainer(student, teacher, objectives=["hidden_mse:layers=auto"], rows=Stream())


@pytest.mark.parametrize(
    "options",
    [
        {"projection": "mlp"},
        {"projection_shared": True},
        {"projection_start": "random"},
        {"projection_direction": "teacher_to_student"},
        {"projection": "mlp", "projection_shared": True, "projection_direction": "teacher_to_student"},
    ],
    ids=lambda options: "_".join(map(str, options.values())),
)
def test_every_kind_of_map_is_trained(
    options: dict[str, Any], make_trainer: Callable, narrow_student: PreTrainedModel, teacher: PreTrainedModel
) -> None:
    trainer = make_trainer(
        narrow_student, teacher, objectives=["hidden_mse", "hidden_cosine"], task_weight=0.0, **options
    )
    before = {name: value.clone() for name, value in narrow_student.state_dict().items()}
    trainer.train()
    after = narrow_student.state_dict()
    moved = [name for name in before if not after[name].equal(before[name])]
    assert any(".maps." in name for name in moved)
    assert "bert.encoder.layer.0.output.dense.weight" in moved
    assert all(parameter.grad is None for parameter in teacher.parameters())


def test_a_map_from_the_teacher_compares_in_the_students_width(
    make_trainer: Callable,
    make_rows: Callable,
    collate: type,
    narrow_student: PreTrainedModel,
    teacher: PreTrainedModel,
) -> None:
    options = {"projection_direction": "teacher_to_student", "task_weight": 0.0}
    trainer = make_trainer(narrow_student, teacher, objectives=["hidden_mse:layers=last"], **options)
    batch = collate()(make_rows())
    loss = trainer.compute_loss(narrow_student.train(), batch)
    own, theirs = (model(**batch, output_hidden_states=True).hidden_states[-1] for model in (narrow_student, teacher))
    mapped = trainer.projections.maps["2_4"](theirs)
    mask = batch["attention_mask"].bool()
    torch.testing.assert_close(loss, (own - mapped).square().mean(-1)[mask].mean())


def test_projections_can_have_their_own_learning_rate(
    make_trainer: Callable, narrow_student: PreTrainedModel, teacher: PreTrainedModel
) -> None:
    options = {"learning_rate": 1e-3, "max_grad_norm": 0.0, "optim": "sgd", "objectives": ["hidden_mse"]}
    steps = {}
    for rate in (None, 1e-1):
        student = copy.deepcopy(narrow_student)
        trainer = make_trainer(student, teacher, projection_learning_rate=rate, **options)
        before = {name: value.clone() for name, value in student.state_dict().items()}
        trainer.train()
        steps[rate] = {name: value - before[name] for name, value in student.state_dict().items()}
    for name, step in steps[None].items():
        expected = 100 * step if ".maps." in name else step
        torch.testing.assert_close(steps[1e-1][name], expected, rtol=1e-2, atol=1e-5, msg=name)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"projection": "conv"}, "projection: must be linear or mlp; got 'conv'"),
        ({"projection_start": "zero"}, "projection_start: must be orthogonal or random; got 'zero'"),
        ({"projection_direction": "up"}, "projection_direction: must be student_to_teacher or teacher_to_student;"),
        ({"projection_learning_rate": 0}, "projection_learning_rate: must be a number above 0, or left out; got 0"),
        ({"objective_weighting": "luck"}, "objective_weighting: must be fixed or uncertainty or gradient_norm; got"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], message: str, make_args: Callable) -> None:
    with pytest.raises(InputError) as error:
        make_args(**options)
    assert str(error.value).startswith(message)


def test_recording_on_copies_in_one_process_is_refused() -> None:
    check_one_device_a_process(Needs(logits=True, hidden_states=frozenset({1})), devices=2)
    check_one_device_a_process(Needs(attention=frozenset({1})), devices=1)
    with pytest.raises(InputError, match="need a process for each GPU; start the script with accelerate launch"):
        check_one_device_a_process(Needs(attention=frozenset({1})), devices=2)


def test_gradient_norms_are_refused_with_deepspeed() -> None:
    check_gradients_at_hand(UncertaintyWeighting(["task"]), deepspeed=True, compiled=False)
    check_gradients_at_hand(GradientNormWeighting(["task"]), deepspeed=False, compiled=False)
    with pytest.raises(InputError, match="gradient_norm does not work with DeepSpeed; choose uncertainty or fixed"):
        check_gradients_at_hand(GradientNormWeighting(["task"]), deepspeed=True, compiled=False)


def test_an_objective_with_maps_from_the_teacher_can_stop(
    make_trainer: Callable, narrow_student: PreTrainedModel, teacher: PreTrainedModel
) -> None:
    stopping = {"schedule": "constant", "stop_at_step": 1}
    trainer = make_trainer(
        narrow_student,
        teacher,
        objectives=["logits_mse", {"name": "hidden_mse", "weight": stopping}],
        projection_direction="teacher_to_student",
        max_steps=2,
    )
    trainer.train()
    assert trainer.state.global_step == 2
