# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import PreTrainedModel
from transformers.utils import ModelOutput

from hf_distill.errors import InputError
from hf_distill.features.features import Needs
from hf_distill.features.projections import FILE_NAME, MODULE_NAME, Projections, detach

BATCH = {"input_ids": torch.tensor([[1, 2, 3], [4, 5, 6]])}


def capture(student: PreTrainedModel, projections: Projections) -> dict[tuple[int, int], torch.Tensor]:
    projections.attach(student)
    with projections.capturing():
        return projections.read(student(**BATCH, output_hidden_states=True)).hidden_states


def test_different_widths_have_a_map_for_each_pair() -> None:
    assert sorted(Projections([(2, 4), (1, 2), (1, 2)], 16, 32).maps) == ["1_2", "2_4"]


def test_equal_widths_have_no_maps() -> None:
    assert not list(Projections([(1, 2)], 32, 32).parameters())


def test_features_have_the_teachers_width(narrow_student: PreTrainedModel) -> None:
    features = capture(narrow_student, Projections([(1, 2), (2, 4)], 16, 32))
    assert {pair: tuple(states.shape) for pair, states in features.items()} == {(1, 2): (2, 3, 32), (2, 4): (2, 3, 32)}


def test_features_of_equal_width_are_the_hidden_states(student: PreTrainedModel) -> None:
    expected = student(**BATCH, output_hidden_states=True).hidden_states
    features = capture(student, Projections([(0, 0), (2, 4)], 32, 32))
    assert features[0, 0].equal(expected[0])
    assert features[2, 4].equal(expected[2])


def test_layers_that_are_read_as_they_are_have_no_maps(narrow_student: PreTrainedModel) -> None:
    expected = narrow_student(**BATCH, output_hidden_states=True).hidden_states
    projections = Projections([], 16, 32, needs=Needs(hidden_states=frozenset({0, 2})))
    features = capture(narrow_student, projections)
    assert not list(projections.parameters())
    assert features.keys() == {0, 2}
    assert all(features[layer].equal(expected[layer]) for layer in (0, 2))


def test_a_layer_can_be_read_both_ways(narrow_student: PreTrainedModel) -> None:
    features = capture(narrow_student, Projections([(1, 2)], 16, 32, needs=Needs(hidden_states=frozenset({1}))))
    assert {key: states.shape[-1] for key, states in features.items()} == {(1, 2): 32, 1: 16}


def test_initial_weights_keep_lengths_and_angles() -> None:
    weight = Projections([(1, 2)], 16, 32).maps["1_2"].weight
    torch.testing.assert_close(weight.T @ weight, torch.eye(16), atol=1e-5, rtol=0)


def test_initial_weights_follow_the_seed_alone() -> None:
    before = torch.get_rng_state()
    first = Projections([(1, 2)], 16, 32, seed=1).maps["1_2"].weight
    assert torch.get_rng_state().equal(before)
    torch.manual_seed(5)
    assert Projections([(1, 2)], 16, 32, seed=1).maps["1_2"].weight.equal(first)
    assert not Projections([(1, 2)], 16, 32, seed=2).maps["1_2"].weight.equal(first)


def test_the_students_own_forward_is_untouched(narrow_student: PreTrainedModel) -> None:
    expected = narrow_student(**BATCH, output_hidden_states=True)
    Projections([(1, 2)], 16, 32).attach(narrow_student)
    outputs = narrow_student(**BATCH, output_hidden_states=True)
    assert isinstance(outputs, ModelOutput)
    assert list(outputs) == list(expected)
    assert all(one.equal(other) for one, other in zip(outputs.hidden_states, expected.hidden_states))


def test_projections_learn_with_the_student(narrow_student: PreTrainedModel) -> None:
    projections = Projections([(1, 2)], 16, 32)
    capture(narrow_student, projections)[1, 2].square().mean().backward()
    assert set(projections.parameters()) <= set(narrow_student.parameters())
    assert all(parameter.grad.abs().sum() > 0 for parameter in projections.parameters())


def test_projections_of_a_half_precision_student(make_bert: Callable[..., PreTrainedModel]) -> None:
    student = make_bert(hidden_size=16, num_attention_heads=2, num_hidden_layers=1).to(torch.bfloat16)
    features = capture(student, Projections([(1, 2)], 16, 32))
    assert features[1, 2].isfinite().all()


def test_attaching_again_replaces_the_projections(narrow_student: PreTrainedModel) -> None:
    Projections([(1, 1), (2, 2)], 16, 32).attach(narrow_student)
    second = Projections([(1, 4)], 16, 48)
    assert list(capture(narrow_student, second)) == [(1, 4)]
    assert getattr(narrow_student, MODULE_NAME) is second
    assert sum(MODULE_NAME in name for name in narrow_student._keys_to_ignore_on_save) == 2


def test_detaching_leaves_the_student_as_it_was(narrow_student: PreTrainedModel) -> None:
    before = list(narrow_student.state_dict())
    Projections([(1, 1)], 16, 32).attach(narrow_student)
    detach(narrow_student)
    assert list(narrow_student.state_dict()) == before
    assert not narrow_student._forward_hooks
    assert not narrow_student._keys_to_ignore_on_save


def test_saved_weights_are_loaded_again(tmp_path: Path) -> None:
    first, second = Projections([(1, 2)], 16, 32, seed=1), Projections([(1, 2)], 16, 32, seed=2)
    first.save(tmp_path)
    second.load(tmp_path)
    assert all(one.equal(other) for one, other in zip(first.parameters(), second.parameters()))
    assert set(load_file(tmp_path / FILE_NAME)) == {"maps.1_2.weight", "maps.1_2.bias"}


def test_nothing_is_saved_without_maps(tmp_path: Path) -> None:
    Projections([(1, 2)], 32, 32).save(tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_process_that_does_not_write_leaves_no_file(tmp_path: Path) -> None:
    Projections([(1, 2)], 16, 32).save(tmp_path, write=False)
    assert not list(tmp_path.iterdir())


def test_a_folder_without_projections_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=rf"{FILE_NAME}: no such file"):
        Projections([(1, 2)], 16, 32).load(tmp_path)


@pytest.mark.parametrize("other", [Projections([(1, 3)], 16, 32), Projections([(1, 2)], 16, 48)])
def test_other_projections_are_refused(other: Projections, tmp_path: Path) -> None:
    other.save(tmp_path)
    with pytest.raises(InputError, match=rf"{FILE_NAME}: holds projections .*, the objectives need"):
        Projections([(1, 2)], 16, 32).load(tmp_path)
