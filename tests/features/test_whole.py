# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import pytest
import torch
from torch import nn

from hf_distill.features.whole import from_the_end, load_whole_state, whole, whole_state


class InPieces:
    """A tensor of which this process has a piece."""

    def full_tensor(self) -> torch.Tensor:
        return torch.tensor([1.0, 2.0], requires_grad=True)


def test_a_tensor_in_one_piece_stays_as_it_is() -> None:
    parameter = nn.Parameter(torch.ones(2))
    assert whole(parameter).data_ptr() == parameter.data_ptr()
    assert not whole(parameter).requires_grad


def test_a_tensor_in_pieces_is_put_together() -> None:
    assert whole(InPieces()).tolist() == [1.0, 2.0]


def test_the_state_of_one_module_fits_another() -> None:
    first, second = nn.BatchNorm1d(3), nn.BatchNorm1d(3)
    first(torch.randn(4, 3))
    nn.init.normal_(first.weight)
    load_whole_state(second, whole_state(first))
    assert all(value.equal(second.state_dict()[name]) for name, value in first.state_dict().items())


def test_the_state_of_another_module_is_refused() -> None:
    with pytest.raises(RuntimeError):
        load_whole_state(nn.Linear(2, 3), whole_state(nn.Linear(2, 4)))


def test_a_loss_from_the_end_is_the_same_loss() -> None:
    inner = torch.ones(2, requires_grad=True)
    end = 3 * inner
    loss = from_the_end(inner.sum(), {"logits": end, "other": None})
    assert loss.item() == 2
    loss.backward()
    assert inner.grad.tolist() == [1.0, 1.0]


def test_a_loss_from_the_end_reaches_the_end() -> None:
    inner = torch.ones(2, requires_grad=True)
    arrived = []
    end = 3 * inner
    end.register_hook(arrived.append)
    from_the_end(inner.sum(), {"logits": end}).backward()
    assert [gradient.tolist() for gradient in arrived] == [[0.0, 0.0]]


def test_a_model_without_a_gradient_at_its_end_changes_nothing() -> None:
    loss = torch.ones((), requires_grad=True)
    assert from_the_end(loss, {"logits": torch.ones(2)}) is loss
