# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import pytest
import torch
from transformers import PreTrainedModel

from hf_distill.features.hidden_states import HiddenStatesCapture


@torch.no_grad()
@pytest.mark.parametrize("layers", [[0, 1, 2, 3, 4], [3], [4], [0]], ids=str)
def test_hidden_states_are_those_that_the_model_itself_gives(
    layers: list[int], model: PreTrainedModel, inputs: dict
) -> None:
    expected = model(**inputs, output_hidden_states=True).hidden_states
    with HiddenStatesCapture(model, layers).recording() as found:
        model(**inputs)
    assert sorted(found) == layers
    for layer, states in found.items():
        torch.testing.assert_close(states, expected[layer], rtol=0, atol=0)


def test_nothing_is_recorded_where_nothing_is_asked_for(model: PreTrainedModel, inputs: dict) -> None:
    with HiddenStatesCapture(model, []).recording() as found:
        model(**inputs)
        assert not any(module._forward_pre_hooks or module._forward_hooks for module in model.modules())
    assert found == {}


def test_nothing_stays_on_the_model(teacher: PreTrainedModel) -> None:
    with pytest.raises(RuntimeError, match="on purpose"), HiddenStatesCapture(teacher, [0, 4]).recording():
        raise RuntimeError("on purpose")
    assert not any(module._forward_pre_hooks or module._forward_hooks for module in teacher.modules())
