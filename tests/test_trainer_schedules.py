# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""What changes during a training, and which examples and tokens take part in it."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest
import torch
from transformers import PreTrainedModel, ViTConfig, ViTForImageClassification

from hf_distill.errors import InputError
from hf_distill.features.batch import Progress

TOKENIZER = SimpleNamespace(all_special_ids=[0, 1, 2, 3, 4], mask_token_id=3, unk_token_id=4)


def lines(trainer: object) -> list[dict[str, float]]:
    return [line for line in trainer.state.log_history if "loss" in line]


def test_a_weight_follows_its_schedule(
    make_trainer: Callable, student: PreTrainedModel, teacher: PreTrainedModel
) -> None:
    objective = {"name": "logits_mse", "weight": {"schedule": "linear", "start": 2.0, "end": 0.0}}
    trainer = make_trainer(
        student, teacher, objectives=[objective], max_steps=4, logging_strategy="steps", logging_steps=1
    )
    trainer.train()
    for step, line in enumerate(lines(trainer)):
        expected = (
            0.5 * line["loss_task"] + trainer.objectives[0].weight_at(Progress(step, 4)) * line["loss_logits_mse"]
        )
        assert line["loss"] == pytest.approx(expected, abs=1e-3)
    assert trainer.objectives[0].weight_at(Progress(3, 4)) == pytest.approx(0.5)


def test_a_temperature_follows_its_schedule(
    make_trainer: Callable, make_rows: Callable, collate: type, student: PreTrainedModel, teacher: PreTrainedModel
) -> None:
    temperature = {"schedule": "linear", "start": 4.0, "end": 1.0}
    trainer = make_trainer(student, teacher, objectives=[{"name": "logits_kl", "temperature": temperature}])
    trainer.state.global_step, trainer.state.max_steps = 2, 4
    batch = collate()(make_rows())
    loss = trainer.compute_loss(student.train(), batch)
    fixed = make_trainer(student, teacher, objectives=["logits_kl:temperature=2.5"])
    torch.testing.assert_close(loss, fixed.compute_loss(student.train(), batch))


def test_a_teacher_that_no_objective_needs_any_more_is_not_asked(
    make_trainer: Callable, narrow_student: PreTrainedModel, teacher: PreTrainedModel
) -> None:
    calls = []
    teacher.register_forward_hook(lambda *_: calls.append(1))
    stopping = {"schedule": "constant", "stop_at_step": 2}
    trainer = make_trainer(
        narrow_student,
        teacher,
        objectives=[{"name": "hidden_mse", "weight": stopping}],
        max_steps=4,
        logging_strategy="steps",
        logging_steps=1,
    )
    trainer.train()
    assert len(calls) == 2
    assert ["loss_hidden_mse" in line for line in lines(trainer)] == [True, True, False, False]


def test_a_component_that_stops_between_two_lines_is_averaged_over_its_own_steps(
    make_trainer: Callable, student: PreTrainedModel, teacher: PreTrainedModel
) -> None:
    def logged(interval: int) -> list[dict[str, float]]:
        trainer = make_trainer(
            student,
            teacher,
            objectives=[{"name": "logits_mse", "weight": {"schedule": "constant", "stop_at_step": 1}}],
            max_steps=2,
            learning_rate=0.0,
            logging_strategy="steps",
            logging_steps=interval,
        )
        trainer.train()
        return lines(trainer)

    assert logged(2)[0]["loss_logits_mse"] == pytest.approx(logged(1)[0]["loss_logits_mse"])


def test_focus_leaves_out_what_the_teacher_is_sure_of(
    make_trainer: Callable, make_rows: Callable, collate: type, student: PreTrainedModel, teacher: PreTrainedModel
) -> None:
    batch = collate()(make_rows())
    logits = teacher(**batch).logits
    shares = logits.softmax(-1)
    entropy = -(shares * shares.log()).sum(-1) / torch.tensor(3.0).log()
    middle = entropy.sort().values[3:5].mean().item()
    objective = {"name": "hidden_mse", "layers": "last", "focus": {"entropy_above": middle}}
    trainer = make_trainer(student, teacher, objectives=[objective], task_weight=0.0)
    loss = trainer.compute_loss(student.train(), batch)
    own, theirs = (model(**batch, output_hidden_states=True).hidden_states[-1] for model in (student, teacher))
    mask = batch["attention_mask"].bool()
    chosen = mask & (entropy > middle).unsqueeze(1)
    expected = (own - theirs).square().mean(-1)[chosen].sum() / mask.sum()
    assert 0 < chosen.any(1).sum() < len(chosen)
    torch.testing.assert_close(loss, expected)


@pytest.mark.parametrize("name", ["hidden_mse", "hidden_cosine", "embedding_mse", "minilm", "attention_kl"])
def test_special_tokens_are_left_out_where_asked(
    name: str,
    make_trainer: Callable,
    make_rows: Callable,
    collate: type,
    student: PreTrainedModel,
    teacher: PreTrainedModel,
) -> None:
    rows = make_rows(4)
    for row in rows:
        # The mask and the unknown word stand for content.
        row["input_ids"] = [1, 3, 4, *row["input_ids"][3:], 2]
        row["attention_mask"], row["token_type_ids"] = ([value] * len(row["input_ids"]) for value in (1, 0))
    batch = collate()(rows)

    def loss(tokens: str, **changes: torch.Tensor) -> torch.Tensor:
        options = {"processing_class": TOKENIZER}
        objectives = [{"name": name, "tokens": tokens}]
        trainer = make_trainer(student, teacher, objectives=objectives, task_weight=0.0, trainer_options=options)
        return trainer.compute_loss(student.train(), {**batch, **changes})

    special = torch.isin(batch["input_ids"], torch.tensor([0, 1, 2]))
    marked = {"prediction_mask": ~special & batch["attention_mask"].bool()}
    torch.testing.assert_close(loss("content"), loss("predicted", **marked))
    assert not torch.allclose(loss("content"), loss("real"))


def test_content_needs_a_tokenizer(make_trainer: Callable, student: PreTrainedModel, teacher: PreTrainedModel) -> None:
    with pytest.raises(InputError, match="^processing_class: tokens: content needs the tokenizer"):
        make_trainer(student, teacher, objectives=["hidden_mse:tokens=content"])


def test_images_have_tokens_that_are_all_real(make_trainer: Callable) -> None:
    def make(layers: int) -> PreTrainedModel:
        torch.manual_seed(layers)
        sizes = {"hidden_size": 16, "num_hidden_layers": layers, "num_attention_heads": 2, "intermediate_size": 32}
        return ViTForImageClassification(ViTConfig(**sizes, image_size=8, patch_size=4, num_labels=3))

    def collate(rows: list[dict]) -> dict[str, torch.Tensor]:
        generator = torch.Generator().manual_seed(0)
        return {"pixel_values": torch.randn(4, 3, 8, 8, generator=generator), "labels": torch.tensor([0, 1, 2, 0])}

    student, teacher = make(1).eval(), make(2).eval()
    objectives = ["logits_kl", "hidden_mse:layers=last", "minilm_v2", "pkd"]
    trainer = make_trainer(student, teacher, objectives=objectives, task_weight=0.0)
    trainer.data_collator = collate
    trainer.train()
    hidden = make_trainer(student, teacher, objectives=["hidden_mse:layers=last"], task_weight=0.0)
    batch = collate([])
    own, theirs = (model(**batch, output_hidden_states=True).hidden_states[-1] for model in (student, teacher))
    torch.testing.assert_close(hidden.compute_loss(student.train(), batch), (own - theirs).square().mean())
