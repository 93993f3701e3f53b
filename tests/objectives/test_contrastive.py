# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hf_distill.errors import InputError
from hf_distill.objectives.contrastive import CRD

from . import reference


def test_crd_has_its_golden_value() -> None:
    # P of the example itself e / (e + 1) = 0.731059, m P_n = 0.5: -log(0.593842) - log(0.650251).
    vectors = torch.eye(2).unsqueeze(1)
    losses = CRD(temperature=1.0).compare(vectors, vectors, torch.ones(2, 1, dtype=torch.bool))
    assert losses.tolist() == [pytest.approx(0.951543, abs=1e-6)] * 2


@settings(max_examples=30, deadline=None, derandomize=True)
@given(
    batch=st.integers(1, 5),
    width=st.integers(1, 4),
    pooling=st.sampled_from(["mean", "first"]),
    temperature=st.sampled_from([0.07, 0.5, 2.0]),
    seed=st.integers(0, 999),
)
def test_crd_agrees_with_the_formula(batch: int, width: int, pooling: str, temperature: float, seed: int) -> None:
    generator = np.random.default_rng(seed)
    student, teacher = generator.normal(size=(2, batch, 3, width))
    mask = generator.random((batch, 3)) < 0.6
    objective = CRD(pooling=pooling, temperature=temperature)
    losses = objective.compare(torch.tensor(student), torch.tensor(teacher), torch.tensor(mask)).numpy()
    pool = {"mean": reference.mean_of_tokens, "first": reference.first_tokens}[pooling]
    real = mask.any(1)
    if real.sum() > 1:
        expected = reference.crd(pool(student, mask), pool(teacher, mask), temperature)
        np.testing.assert_allclose(losses[real], expected, rtol=1e-8, atol=1e-9)
    else:
        assert not losses.any()


def test_crd_asks_for_the_own_example_and_not_for_another() -> None:
    teacher = torch.eye(3).unsqueeze(1)
    mask = torch.ones(3, 1, dtype=torch.bool)
    least = np.log(1 + 2 / 3)
    assert CRD().compare(teacher, teacher, mask).tolist() == [pytest.approx(least, abs=1e-4)] * 3
    assert (CRD().compare(teacher.roll(1, 0), teacher, mask) > 10).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperature": 0}, "temperature must be a number above 0; got 0"),
        ({"pooling": "max"}, "pooling must be first or mean; got 'max'"),
    ],
)
def test_wrong_options_are_refused(options: dict, message: str) -> None:
    with pytest.raises(InputError, match=f"^objective crd: {message}$"):
        CRD(**options)
