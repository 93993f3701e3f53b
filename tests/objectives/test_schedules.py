# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

from typing import Any

import pytest

from hf_distill.errors import InputError
from hf_distill.features.batch import Progress
from hf_distill.objectives import build_objective
from hf_distill.objectives.schedules import Schedule


def numbers(**options: Any) -> list[float]:
    return [Schedule(**options).at(Progress(step, 8)) for step in (0, 2, 4, 6, 8)]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"schedule": "constant", "start": 2.0}, [2, 2, 2, 2, 2]),
        ({"schedule": "linear", "start": 4.0, "end": 0.0}, [4, 3, 2, 1, 0]),
        ({"schedule": "linear", "start": 1.0, "end": 3.0, "steps": 4}, [1, 2, 3, 3, 3]),
        ({"schedule": "cosine", "start": 1.0, "end": 0.0}, [1, 0.853553, 0.5, 0.146447, 0]),
        ({"schedule": "warmup", "start": 2.0, "steps": 4}, [0, 1, 2, 2, 2]),
        ({"schedule": "constant", "start": 2.0, "stop_at_step": 4}, [2, 2, 0, 0, 0]),
    ],
)
def test_a_schedule_runs_as_it_says(options: dict[str, Any], expected: list[float]) -> None:
    assert numbers(**options) == pytest.approx(expected, abs=1e-6)


def test_weights_and_temperatures_take_schedules_in_every_form() -> None:
    for specification in (
        "logits_kl:weight={schedule: linear, start: 1, end: 0},temperature={schedule: cosine, start: 4, end: 1}",
        {
            "name": "logits_kl",
            "weight": {"schedule": "linear", "start": 1, "end": 0},
            "temperature": {"schedule": "cosine", "start": 4, "end": 1},
        },
    ):
        objective = build_objective(specification)
        assert objective.weight_at(Progress(1, 4)) == pytest.approx(0.75)
        assert objective.largest_weight == 1
        again = build_objective(objective.to_dict())
        assert again == objective
        assert again.to_dict()["temperature"] == {"schedule": "cosine", "start": 4.0, "end": 1.0}


@pytest.mark.parametrize(
    ("specification", "message"),
    [
        ("logits_kl:weight={schedule: liner}", "weight.schedule: input should be 'constant', 'linear', 'cosine' or"),
        ("logits_kl:weight={schedule: linear, stop: 1}", "weight.stop: extra inputs .*; the keys are schedule, start"),
        ("logits_kl:weight={schedule: linear, start: -1}", "weight.start: input should be greater than or equal to 0"),
        ("logits_kl:weight={schedule: linear, end: .inf}", "weight.end: input should be a finite number"),
        ("logits_kl:weight={start: 1}", "weight.schedule: field required"),
        ("logits_kl:weight={schedule: warmup}", "weight: warmup needs steps"),
        ("logits_kl:weight=[1, 2]", "weight must be a number at least 0"),
        (
            "logits_kl:temperature={schedule: linear, start: 4}",
            "temperature: start and end must be above 0; got 4",
        ),
        ("logits_kl:temperature={schedule: warmup, steps: 3}", "temperature: cannot start or stop at 0; use constant"),
        ("logits_kl:temperature={schedule: flsw, gamma: 0}", "temperature.gamma: input should be greater than 0"),
        ("logits_kl:focus=confidence", "focus must be a mapping such as {weigh_by: confidence}; got 'confidence'"),
        ("logits_kl:focus={weigh_by: luck}", "focus.weigh_by: input should be 'confidence' or 'entropy'; got 'luck'"),
        ("logits_kl:focus={}", "focus: needs weigh_by, entropy_above or entropy_below"),
        ("logits_kl:focus={entropy_above: 2}", "focus.entropy_above: input should be less than or equal to 1; got 2"),
        ("logits_kl:focus={entropy_above: .5, entropy_below: .5}", "focus: entropy_above must be less than"),
        ("hidden_mse:tokens=all", "tokens must be real or content or predicted; got 'all'"),
    ],
)
def test_a_mistake_is_one_line_that_names_the_option(specification: str, message: str) -> None:
    with pytest.raises(InputError) as error:
        build_objective(specification)
    assert "\n" not in str(error.value)
    assert error.match(message)
