# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import BertConfig

from hf_distill.errors import InputError
from hf_distill.objectives.gram_matrices import FSP, NST

from . import reference


def test_nst_has_its_golden_value() -> None:
    # One neuron each: k(t, t) + k(s, s) - 2 k(s, t) = 1 + 1 - 2 * 0.6^2; the last token is padding.
    student, teacher = torch.tensor([[[1.0], [0.0], [5.0]]]), torch.tensor([[[3.0], [4.0], [7.0]]])
    losses = NST().compare(student, teacher, torch.tensor([[True, True, False]]))
    assert losses.tolist() == [pytest.approx(1.28, abs=1e-6)]


def test_fsp_has_its_golden_value() -> None:
    # (1 * 3 + 2 * 4) / 2 = 5.5 of the student, (1 * 2 + 0 * 5) / 2 = 1 of the teacher; the last token is padding.
    student = torch.tensor([[[1.0], [2.0], [9.0]]]), torch.tensor([[[3.0], [4.0], [9.0]]])
    teacher = torch.tensor([[[1.0], [0.0], [8.0]]]), torch.tensor([[[2.0], [5.0], [8.0]]])
    losses = FSP().compare(student, teacher, torch.tensor([[True, True, False]]))
    assert losses.tolist() == [pytest.approx(20.25)]


@settings(max_examples=20, deadline=None, derandomize=True)
@given(
    batch=st.integers(1, 3),
    tokens=st.integers(1, 5),
    student_width=st.integers(1, 4),
    teacher_width=st.integers(1, 4),
    seed=st.integers(0, 999),
)
def test_nst_agrees_with_the_formula(
    batch: int, tokens: int, student_width: int, teacher_width: int, seed: int
) -> None:
    generator = np.random.default_rng(seed)
    student = generator.normal(size=(batch, tokens, student_width))
    teacher = generator.normal(size=(batch, tokens, teacher_width))
    mask = generator.random((batch, tokens)) < 0.7
    losses = NST().compare(torch.tensor(student), torch.tensor(teacher), torch.tensor(mask))
    expected = [
        reference.nst(ours[real], theirs[real]) if real.any() else 0.0
        for ours, theirs, real in zip(student, teacher, mask)
    ]
    np.testing.assert_allclose(losses.numpy(), expected, atol=1e-9)


@settings(max_examples=20, deadline=None, derandomize=True)
@given(batch=st.integers(1, 3), tokens=st.integers(1, 5), width=st.integers(1, 4), seed=st.integers(0, 999))
def test_fsp_agrees_with_the_formula(batch: int, tokens: int, width: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    states = generator.normal(size=(4, batch, tokens, width))
    mask = generator.random((batch, tokens)) < 0.7
    student, teacher = tuple(map(torch.tensor, states[:2])), tuple(map(torch.tensor, states[2:]))
    losses = FSP().compare(student, teacher, torch.tensor(mask))
    expected = [
        reference.fsp((states[0, row][real], states[1, row][real]), (states[2, row][real], states[3, row][real]))
        if real.any()
        else 0.0
        for row, real in enumerate(mask)
    ]
    np.testing.assert_allclose(losses.numpy(), expected, atol=1e-9)


def test_nst_does_not_care_which_neuron_is_which_nor_how_strong() -> None:
    generator = torch.Generator().manual_seed(0)
    teacher = torch.randn(2, 3, 4, generator=generator)
    student = 3 * teacher[..., [2, 0, 3, 1]]
    losses = NST().compare(student, teacher, torch.ones(2, 3, dtype=torch.bool))
    torch.testing.assert_close(losses, torch.zeros(2), atol=1e-6, rtol=0)


def test_nst_of_neurons_that_are_silent_has_a_finite_gradient() -> None:
    student = torch.zeros(1, 2, 3, requires_grad=True)
    NST().compare(student, torch.ones(1, 2, 3), torch.ones(1, 2, dtype=torch.bool)).sum().backward()
    assert student.grad.isfinite().all()


@pytest.mark.parametrize(("layers", "depth"), [("last", 2), ([[1, 2]], 2), ("uniform", 1)])
def test_fsp_needs_two_pairs_of_layers(layers: object, depth: int) -> None:
    with pytest.raises(InputError, match=r"^objective fsp: layers must give 2 pairs or more, as \[\[0, 0\]") as error:
        FSP(layers=layers).bind(BertConfig(num_hidden_layers=depth), BertConfig(num_hidden_layers=4))
    assert "\n" not in str(error.value)
