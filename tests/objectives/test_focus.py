# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""What the teacher's logits say of each example: how much it teaches, and at which temperature."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hf_distill.errors import InputError
from hf_distill.features.batch import BatchView
from hf_distill.features.features import Features
from hf_distill.features.units import Unit
from hf_distill.objectives import build_objective
from hf_distill.objectives.focus import Focus
from hf_distill.objectives.temperature import ExampleTemperature

from . import reference


@settings(max_examples=30, deadline=None, derandomize=True)
@given(
    rows=st.integers(1, 5),
    classes=st.integers(2, 5),
    weigh_by=st.sampled_from(["confidence", "entropy"]),
    above=st.floats(0.0, 0.5),
    below=st.floats(0.6, 1.0),
    seed=st.integers(0, 999),
)
def test_focus_agrees_with_the_formula(
    rows: int, classes: int, weigh_by: str, above: float, below: float, seed: int
) -> None:
    logits = 3 * np.random.default_rng(seed).normal(size=(rows, classes))
    factors = Focus(weigh_by=weigh_by, entropy_above=above, entropy_below=below).factors(torch.tensor(logits))
    expected = []
    for row in logits:
        factor = max(reference.softmax(row)) if weigh_by == "confidence" else reference.entropy(row)
        expected.append(factor if above < reference.entropy(row) < below else 0.0)
    np.testing.assert_allclose(factors.numpy(), expected, atol=1e-12)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(
    rows=st.integers(1, 5),
    classes=st.integers(2, 5),
    schedule=st.sampled_from(["flsw", "cwsm"]),
    beta=st.floats(0.0, 8.0),
    gamma=st.floats(0.5, 3.0),
    seed=st.integers(0, 999),
)
def test_example_temperatures_agree_with_the_formula(
    rows: int, classes: int, schedule: str, beta: float, gamma: float, seed: int
) -> None:
    student, teacher = np.random.default_rng(seed).normal(size=(2, rows, classes))
    temperature = ExampleTemperature(schedule=schedule, start=4.0, beta=beta, gamma=gamma)
    real = torch.ones(rows, dtype=torch.bool)
    found = temperature.of(torch.tensor(student), torch.tensor(teacher), real).squeeze(-1)
    expected = reference.example_temperatures(student, teacher, schedule, 4.0, beta, gamma)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-6)


def test_rows_of_padding_do_not_change_the_temperatures_of_others() -> None:
    student, teacher = torch.randn(2, 4, 3, generator=torch.Generator().manual_seed(0))
    objective = build_objective("logits_kl:temperature={schedule: flsw, beta: 2}")
    masks = {Unit.EXAMPLE: torch.tensor([True, True, True, False])}
    losses = objective(Features(student), Features(teacher), BatchView(masks))
    expected = objective(Features(student[:3]), Features(teacher[:3]))
    torch.testing.assert_close(losses[:3], expected)
    assert not torch.allclose(expected, objective(Features(student), Features(teacher))[:3])


@pytest.mark.parametrize("name", ["logits_kl", "logits_ce", "logits_bce", "dkd", "dist"])
def test_a_temperature_for_each_row_is_that_temperature_for_the_row(name: str) -> None:
    student, teacher = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(0))
    options = {"gamma": 0.0} if name == "dist" else {}
    objective = build_objective({"name": name, "temperature": {"schedule": "cwsm", "start": 3.0}, **options})
    temperatures = objective.temperature_of(student, teacher)
    losses = objective(Features(student), Features(teacher))
    for row, temperature in enumerate(temperatures.squeeze(-1).tolist()):
        alone = build_objective({"name": name, "temperature": temperature, **options})
        torch.testing.assert_close(
            losses[row : row + 1], alone.compare(student[row : row + 1], teacher[row : row + 1])
        )


def test_tokens_of_an_example_get_its_factor() -> None:
    logits, losses = torch.tensor([[9.0, 0.0], [0.0, 0.0]]), torch.ones(2, 3)
    objective = build_objective("hidden_mse:focus={entropy_below: 0.5}")
    assert objective.focused(losses, Features(logits), BatchView()).tolist() == [[1.0] * 3, [0.0] * 3]


def test_an_example_gets_the_mean_factor_of_its_predicted_tokens() -> None:
    logits = torch.tensor([[[9.0, 0.0], [0.0, 0.0], [0.0, 0.0]]])
    batch = BatchView({Unit.PREDICTION: torch.tensor([[True, True, False]])})
    objective = build_objective("pkd:focus={entropy_below: 0.5}")
    assert objective.focused(torch.tensor([2.0]), Features(logits), batch).tolist() == [1.0]


def test_a_teacher_of_one_value_has_no_entropy() -> None:
    with pytest.raises(InputError, match="focus: needs a teacher that chooses among two classes or more"):
        Focus(weigh_by="entropy").factors(torch.ones(2, 1))
