# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForSequenceClassification, PreTrainedModel

from gradients import gradients_in_parts
from hf_distill import DistillationTrainer
from hf_distill.errors import InputError
from hf_distill.features.projections import FILE_NAME, MODULE_NAME
from hf_distill.weighting import GradientNormWeighting, UncertaintyWeighting

OBJECTIVES = ["logits_mse:weight=2", "hidden_mse:weight=0.5"]
NAMES = ["task", "logits_mse", "hidden_mse"]


def lines(trainer: DistillationTrainer) -> list[dict[str, float]]:
    return [line for line in trainer.state.log_history if "loss" in line]


def same(tensor: torch.Tensor) -> torch.Tensor:
    return tensor


def test_uncertainty_agrees_with_the_formula() -> None:
    weighting = UncertaintyWeighting(["a", "b", "c"])
    weighting.log_variances.data = torch.tensor([0.5, -1.0, 3.0])
    losses = {"a": torch.tensor(2.0), "b": torch.tensor(4.0)}
    total = weighting.combine(losses, {"a": 1.0, "b": 3.0}, weighting.learned(), share=0.25)
    s = torch.tensor([0.5, -1.0])
    expected = (-s[0]).exp() * 2 + 3 * (-s[1]).exp() * 4 + 0.25 * s.sum()
    torch.testing.assert_close(total, expected)
    assert weighting.factors()["b"].item() == pytest.approx(2.718282)


def test_a_component_without_a_weight_leaves_its_variance_alone() -> None:
    weighting = UncertaintyWeighting(["a", "b"])
    losses = {"a": torch.tensor(2.0), "b": torch.tensor(4.0)}
    weighting.combine(losses, {"a": 1.0, "b": 0.0}, weighting.learned(), share=1.0).backward()
    assert weighting.log_variances.grad.tolist() == [-1.0, 0.0]


def test_gradient_norms_are_balanced_to_the_given_weights() -> None:
    weighting = GradientNormWeighting(["a", "b", "c"], interval=1)
    embeddings = torch.ones(4, requires_grad=True)
    losses = {"a": (8 * embeddings).sum(), "b": embeddings[:1].sum()}
    weighting.observe(losses, embeddings, 0, same)
    # Norms 16 and 1; their mean is 8.5.
    found = {name: factor.item() for name, factor in weighting.factors().items()}
    assert found == pytest.approx({"a": 8.5 / 16, "b": 8.5, "c": 1.0})
    weights = {"a": 1.0, "b": 2.0}
    factors = weighting.factors()
    norms = [
        torch.autograd.grad(weights[name] * factors[name] * loss, embeddings)[0].norm()
        for name, loss in losses.items()
    ]
    assert norms[1] / norms[0] == pytest.approx(2.0)


def test_gradient_norms_are_averaged_and_measured_once_an_interval() -> None:
    weighting = GradientNormWeighting(["a"], interval=2, memory=0.75)
    embeddings = torch.ones(1, requires_grad=True)
    for step, slope in ((0, 4.0), (0, 100.0), (1, 100.0), (2, 8.0), (4, 0.0)):
        weighting.observe({"a": (slope * embeddings).sum()}, embeddings, step, same)
    assert weighting.norms.item() == pytest.approx(0.75 * 4 + 0.25 * 8)


@pytest.mark.parametrize("weighting", ["uncertainty", "gradient_norm"])
def test_training_logs_the_factors_and_the_loss_made_of_them(
    weighting: str, make_trainer: Callable, student: PreTrainedModel, teacher: PreTrainedModel
) -> None:
    trainer = make_trainer(
        student,
        teacher,
        objectives=OBJECTIVES,
        objective_weighting=weighting,
        max_steps=2,
        learning_rate=0.05,
        logging_strategy="steps",
        logging_steps=1,
    )
    trainer.train()
    first, second = lines(trainer)
    assert {f"factor_{name}" for name in NAMES} <= set(first)
    given = {"task": 0.5, "logits_mse": 2.0, "hidden_mse": 0.5}
    if weighting == "uncertainty":
        # The first loss was computed with factors of 1, before the variances moved.
        assert first["loss"] == pytest.approx(sum(given[name] * first[f"loss_{name}"] for name in NAMES), abs=1e-3)
        assert all(second[f"factor_{name}"] != 1 for name in NAMES)
    else:
        assert first["loss"] == pytest.approx(
            sum(given[name] * first[f"factor_{name}"] * first[f"loss_{name}"] for name in NAMES), rel=1e-3
        )


def test_accumulation_does_not_change_the_gradient_of_learned_weights(
    make_trainer: Callable, make_rows: Callable, student: PreTrainedModel, teacher: PreTrainedModel
) -> None:
    given = {"rows": make_rows(8), "objectives": OBJECTIVES, "objective_weighting": "uncertainty"}
    expected, other = (gradients_in_parts(parts, make_trainer, student, teacher, **given) for parts in (1, 4))
    name = f"{MODULE_NAME}.weighting.log_variances"
    assert expected[name].abs().min() > 0
    for key, value in expected.items():
        torch.testing.assert_close(other[key], value, rtol=1e-5, atol=1e-6, msg=key)


@pytest.mark.parametrize("weighting", ["uncertainty", "gradient_norm"])
def test_resuming_restores_the_weights(
    weighting: str, make_trainer: Callable, student: PreTrainedModel, teacher: PreTrainedModel, tmp_path: Path
) -> None:
    options = {"objectives": OBJECTIVES, "objective_weighting": weighting, "max_steps": 4, "save_strategy": "steps"}
    options |= {"save_steps": 2, "learning_rate": 0.01}
    straight = make_trainer(copy.deepcopy(student), teacher, **options)
    straight.train()
    resumed = make_trainer(student, teacher, output_dir=str(tmp_path / "resumed"), **options)
    resumed.train(resume_from_checkpoint=str(tmp_path / "out" / "checkpoint-2"))
    for one, other in zip(resumed.model.state_dict().values(), straight.model.state_dict().values()):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-7)
    assert load_file(tmp_path / "out" / "checkpoint-2" / FILE_NAME)


def test_learned_weights_are_not_published(
    make_trainer: Callable, student: PreTrainedModel, teacher: PreTrainedModel, tmp_path: Path
) -> None:
    trainer = make_trainer(student, teacher, objectives=OBJECTIVES, objective_weighting="uncertainty")
    trainer.train()
    trainer.save_model(str(tmp_path / "published"))
    _, info = AutoModelForSequenceClassification.from_pretrained(tmp_path / "published", output_loading_info=True)
    assert not info["missing_keys"]
    assert not info["unexpected_keys"]


def test_learned_weights_do_not_decay(
    make_trainer: Callable, student: PreTrainedModel, teacher: PreTrainedModel
) -> None:
    trainer = make_trainer(
        student, teacher, objectives=OBJECTIVES, objective_weighting="uncertainty", weight_decay=0.1
    )
    trainer.create_optimizer()
    own = trainer.projections.weighting.log_variances
    groups = [group for group in trainer.optimizer.param_groups if any(own is entry for entry in group["params"])]
    assert [group["weight_decay"] for group in groups] == [0.0]


def test_embeddings_that_are_frozen_have_no_gradient_to_balance(
    make_trainer: Callable, student: PreTrainedModel, teacher: PreTrainedModel
) -> None:
    student.bert.embeddings.requires_grad_(False)
    trainer = make_trainer(student, teacher, objectives=OBJECTIVES, objective_weighting="gradient_norm")
    with pytest.raises(InputError, match="^objective_weighting: gradient_norm needs a student whose embeddings are"):
        trainer.train()
