# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Tests of models that compute as if they were quantized."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from hf_distill.evaluation.predict import forward_function
from hf_distill.quantization import QuantizationOptions, find_backend
from hf_distill.quantization.fake import RoundedWeight, fake_quantized, round_inputs
from small_models import ARCHITECTURES, TASK, batch, make_model


def test_weights_are_rounded_channel_by_channel() -> None:
    weight = np.random.default_rng(0).normal(size=(5, 7)).astype(np.float32)
    scale = np.abs(weight).max(1, keepdims=True) / 127
    expected = np.round(weight / scale) * scale
    np.testing.assert_allclose(RoundedWeight()(torch.tensor(weight)), expected, atol=1e-6)


def test_a_channel_of_zeros_stays_one() -> None:
    assert RoundedWeight()(torch.zeros(2, 3)).tolist() == [[0.0] * 3] * 2


def test_inputs_are_rounded_over_their_whole_range() -> None:
    inputs = np.random.default_rng(0).normal(size=(4, 3, 6)).astype(np.float32) + 1
    low, high = min(inputs.min(), 0), max(inputs.max(), 0)
    scale = (high - low) / 255
    zero_point = np.round(-low / scale)
    expected = (np.clip(np.round(inputs / scale) + zero_point, 0, 255) - zero_point) * scale
    rounded, other = round_inputs(torch.nn.Identity(), (torch.tensor(inputs), "other"))
    # A number halfway between two may go either way.
    assert (np.abs(rounded.numpy() - expected) > 1e-5).mean() < 0.05
    assert np.abs(rounded.numpy() - inputs).max() <= 0.51 * scale
    assert other == "other"


@pytest.mark.parametrize("activations", [True, False])
def test_gradients_pass_as_if_nothing_were_rounded(activations: bool) -> None:
    model = make_model("bert")
    with fake_quantized(model, activations):
        model(**batch()).logits.square().sum().backward()
        weights = [weight for name, weight in model.named_parameters() if name.endswith("weight.original")]
    # Six products in each of two layers, and the pooler.
    assert len(weights) == 13
    assert all(weight.grad.abs().sum() > 0 for weight in weights)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_model_is_as_before_when_it_ends(architecture: str) -> None:
    model = make_model(architecture)
    before, weights = (
        forward_function(model, TASK)(batch()),
        {name: value.clone() for name, value in model.state_dict().items()},
    )
    with fake_quantized(model):
        assert not torch.equal(forward_function(model, TASK)(batch()), before)
    assert torch.equal(forward_function(model, TASK)(batch()), before)
    assert weights.keys() == model.state_dict().keys()
    assert all(torch.equal(weights[name], value) for name, value in model.state_dict().items())


def test_it_is_near_to_what_a_backend_makes_of_it(checkpoint: Path, tmp_path: Path) -> None:
    quanto = pytest.importorskip("optimum.quanto")
    assert quanto is not None
    find_backend("quanto").quantize(checkpoint, tmp_path, TASK, QuantizationOptions())
    quantized = forward_function(find_backend("quanto").load(tmp_path, TASK), TASK)(batch())
    model = TASK.model_class.from_pretrained(checkpoint)
    original = forward_function(model, TASK)(batch())
    with fake_quantized(model, activations=False):
        found = forward_function(model, TASK)(batch())
    assert (found - quantized).abs().max() < 0.1 * (original - quantized).abs().max()
