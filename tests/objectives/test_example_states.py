# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""What the objectives with a loss for each example, made of its hidden states, have in common."""

from __future__ import annotations

import pytest
import torch
from transformers import BertConfig

from hf_distill import list_objectives
from hf_distill.features.batch import BatchView
from hf_distill.features.features import Features, Needs
from hf_distill.features.units import Unit
from hf_distill.objectives import ExampleStatesObjective

LAYERS = [[0, 0], [1, 2], [2, 4]]
MASK = torch.tensor([[True, True, True], [True, True, False], [True, False, False], [False, False, False]])

every_objective = pytest.mark.parametrize(
    "objective_class",
    [entry for entry in list_objectives() if issubclass(entry, ExampleStatesObjective)],
    ids=lambda entry: entry.name,
)


def bound(objective_class: type[ExampleStatesObjective]) -> ExampleStatesObjective:
    objective = objective_class(layers=LAYERS)
    objective.bind(BertConfig(num_hidden_layers=2), BertConfig(num_hidden_layers=4))
    return objective


def features(objective: ExampleStatesObjective, dtype: torch.dtype = torch.float32) -> tuple[Features, Features]:
    generator = torch.Generator().manual_seed(0)

    def draw() -> torch.Tensor:
        return torch.randn(4, 3, 5, generator=generator).to(dtype)

    student = {tuple(pair) if objective.projected else pair[0]: draw().requires_grad_() for pair in LAYERS}
    return Features(hidden_states=student), Features(hidden_states={pair[1]: draw() for pair in LAYERS})


def loss_of(objective: ExampleStatesObjective, *both: Features) -> torch.Tensor:
    return objective(*both, BatchView(masks={Unit.TOKEN: MASK}))


@every_objective
def test_there_is_a_loss_for_each_example(objective_class: type[ExampleStatesObjective]) -> None:
    objective = bound(objective_class)
    losses = loss_of(objective, *features(objective))
    assert losses.shape == (4,)
    assert objective.unit(losses) is Unit.EXAMPLE


@every_objective
def test_the_mapped_layers_alone_are_asked_for(objective_class: type[ExampleStatesObjective]) -> None:
    assert bound(objective_class).needs == Needs(hidden_states=frozenset({0, 2, 4}))


@every_objective
def test_an_example_without_a_real_token_has_no_loss(objective_class: type[ExampleStatesObjective]) -> None:
    objective = bound(objective_class)
    losses = loss_of(objective, *features(objective))
    assert losses[3] == 0
    assert (losses[:2] > 0).all()


@every_objective
@pytest.mark.parametrize("value", [0.0, 1e30, float("nan"), float("inf")])
def test_what_padding_holds_does_not_matter(objective_class: type[ExampleStatesObjective], value: float) -> None:
    objective = bound(objective_class)
    student, teacher = features(objective)
    expected = loss_of(objective, student, teacher)
    for states in (*student.hidden_states.values(), *teacher.hidden_states.values()):
        states.data[~MASK] = value
    losses = loss_of(objective, student, teacher)
    losses.sum().backward()
    torch.testing.assert_close(losses, expected)
    assert all(states.grad.isfinite().all() for states in student.hidden_states.values())
    assert not any(states.grad[~MASK].any() for states in student.hidden_states.values())


@every_objective
def test_a_call_without_a_batch_takes_every_token_as_real(objective_class: type[ExampleStatesObjective]) -> None:
    objective = bound(objective_class)
    both = features(objective)
    everything = BatchView(masks={Unit.TOKEN: torch.ones_like(MASK)})
    torch.testing.assert_close(objective(*both), objective(*both, everything))


@every_objective
def test_the_losses_of_layers_are_averaged(objective_class: type[ExampleStatesObjective]) -> None:
    objective = bound(objective_class)
    student, teacher = features(objective)
    parts = []
    # The objective of steps between layers has as its parts the pairs of neighbours.
    for layers in [LAYERS[:2], LAYERS[1:]] if objective.name == "fsp" else [[pair] for pair in LAYERS]:
        part = objective_class(layers=layers)
        part.bind(BertConfig(num_hidden_layers=2), BertConfig(num_hidden_layers=4))
        parts.append(loss_of(part, student, teacher))
    torch.testing.assert_close(loss_of(objective, student, teacher), torch.stack(parts).mean(0))


@every_objective
def test_autocast_does_not_lower_the_precision(objective_class: type[ExampleStatesObjective]) -> None:
    objective = bound(objective_class)
    both = features(objective)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        losses = loss_of(objective, *both)
    assert losses.equal(loss_of(objective, *both))


@every_objective
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=["fp16", "bf16"])
def test_half_precision_is_compared_in_32_bits(
    objective_class: type[ExampleStatesObjective], dtype: torch.dtype
) -> None:
    objective = bound(objective_class)
    student, teacher = features(objective, dtype)
    losses = loss_of(objective, student, teacher)
    assert losses.dtype == torch.float32
    exact = [
        Features(hidden_states={key: states.float() for key, states in entry.hidden_states.items()})
        for entry in (student, teacher)
    ]
    torch.testing.assert_close(losses, loss_of(objective, *exact))
    losses.sum().backward()
    assert all(states.grad.isfinite().all() for states in student.hidden_states.values())


@every_objective
def test_equal_states_have_no_loss_and_no_gradient(objective_class: type[ExampleStatesObjective]) -> None:
    if objective_class.name == "crd":
        pytest.skip("it tells examples apart, which equal states may do better still")
    objective = bound(objective_class)
    student, teacher = features(objective)
    for own, other in zip(student.hidden_states.values(), teacher.hidden_states.values()):
        own.data.copy_(other)
    losses = loss_of(objective, student, teacher)
    losses.sum().backward()
    assert not losses.any()
    assert not any(states.grad.any() for states in student.hidden_states.values())
