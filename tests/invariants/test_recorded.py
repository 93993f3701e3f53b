# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Training from a recording in 32 bits is training beside the teacher."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset, IterableDataset
from transformers import BertForTokenClassification, PreTrainedModel

from hf_distill import DistillationTrainer, record_knowledge
from hf_distill.compatibility import training_fields
from hf_distill.knowledge.recorded import RecordedTeacher
from hf_distill.objectives import build_objective

from .test_objectives import OBJECTIVES, every_objective, specification

# 20 ragged rows in micro-batches of 4, two to a step: the third step of an epoch is a half.
STEPS = 6
NUMBER = 20

objectives_on_logits = pytest.mark.parametrize(
    "name", sorted(name for name in OBJECTIVES if build_objective(specification(name)).needs.logits)
)


class Comparison:
    """
    Trains the same student beside the teacher and from a recording of it.

    Args:
        models (`tuple`): The student and the teacher.
        rows (`list`): The training data.
        make_trainer (`Callable`): Builds a trainer.
        collator (`Callable`): Makes a batch.
        folder (`Path`): Where to record.
    """

    def __init__(
        self,
        models: tuple[PreTrainedModel, PreTrainedModel],
        rows: list[dict[str, Any]],
        make_trainer: Callable,
        collator: Callable,
        folder: Path,
    ):
        self.student, self.teacher = models
        self.rows, self._make_trainer, self._collator, self._folder = rows, make_trainer, collator, folder

    def record(self, objectives: list[Any]) -> Path:
        return record_knowledge(
            teacher_model=self.teacher,
            train_dataset=self.rows,
            objectives=objectives,
            output_dir=self._folder / "recording",
            student_config=self.student.config,
            data_collator=self._collator,
            compression="fp32",
            batch_size=5,
            rows_per_shard=8,
        )

    def trainer(self, teacher: Any, objectives: list[Any], **options: Any) -> DistillationTrainer:
        settings = {
            "rows": self.rows,
            "gradient_accumulation_steps": 2,
            "max_steps": STEPS,
            "logging_strategy": "steps",
            "logging_steps": 1,
        }
        return self._make_trainer(
            copy.deepcopy(self.student), teacher, objectives=objectives, **{**settings, **options}
        )

    def both(self, objectives: list[Any], **options: Any) -> tuple[list[dict], list[dict]]:
        """Return the losses of each step, beside the teacher and from the recording."""
        curves = []
        for teacher in (self.teacher, self.record(objectives)):
            # A sampler may draw from the generator that a new trainer seeds.
            trainer = self.trainer(teacher, objectives, **options)
            trainer.train()
            curves.append(losses_of(trainer))
        assert isinstance(trainer.teacher, RecordedTeacher)
        return tuple(curves)


def losses_of(trainer: DistillationTrainer) -> list[dict[str, float]]:
    lines = (line for line in trainer.state.log_history if "loss" in line)
    # The trainer rounds the total, and its components not.
    return [{name: line[name] for name in line if name.startswith("loss_")} for line in lines]


def assert_alike(curves: tuple[list[dict], list[dict]], steps: int = STEPS) -> None:
    one, other = curves
    assert len(one) == len(other) == steps
    for expected, found in zip(one, other):
        assert all(math.isfinite(value) for value in expected.values())
        assert found == pytest.approx(expected, rel=1e-4, abs=1e-5)
    assert len({str(losses) for losses in one}) == steps


@pytest.fixture
def compare(
    make_bert: Callable, make_rows: Callable, make_trainer: Callable, collate: type, tmp_path: Path
) -> Callable[..., Comparison]:
    """Make the two trainings, of models with heads for sequences or tokens."""

    def make(tokens: bool = False, **student: Any) -> Comparison:
        head = {"model_class": BertForTokenClassification} if tokens else {}
        models = make_bert(seed=1, num_hidden_layers=2, **{**head, **student}), make_bert(seed=0, **head)
        return Comparison(models, make_rows(NUMBER, tokens=tokens), make_trainer, collate(), tmp_path)

    return make


@every_objective
def test_the_losses_of_every_step_are_the_same(name: str, compare: Callable) -> None:
    curves = compare().both([specification(name)])
    assert f"loss_{name}" in curves[1][0]
    assert_alike(curves)


@objectives_on_logits
def test_the_losses_of_every_step_are_the_same_for_a_head_on_tokens(name: str, compare: Callable) -> None:
    assert_alike(compare(tokens=True).both([specification(name)]))


def test_objectives_of_several_families_together(compare: Callable) -> None:
    names = ["logits_kl", "hidden_mse", "rkd_angle", "minilm_v2", "crd"]
    assert_alike(compare().both([specification(name) for name in names]))


def test_projections_to_the_teachers_width(compare: Callable) -> None:
    assert_alike(compare(hidden_size=16, num_attention_heads=2).both(["hidden_mse", "pkd"]))


def test_projections_from_the_teachers_width(compare: Callable) -> None:
    comparison = compare(hidden_size=16, num_attention_heads=2)
    assert_alike(comparison.both(["hidden_mse", "pkd"], projection_direction="teacher_to_student"))


def test_a_layer_map_that_is_measured(compare: Callable) -> None:
    comparison, objectives = compare(), ["hidden_mse:layers=auto", "logits_kl"]
    live = comparison.trainer(comparison.teacher, objectives)
    folder = record_knowledge(
        teacher_model=comparison.teacher,
        train_dataset=comparison.rows,
        objectives=objectives,
        output_dir=comparison._folder / "recording",
        student=comparison.student,
        data_collator=live.data_collator,
        compression="fp32",
    )
    recorded = comparison.trainer(folder, objectives)
    assert recorded.objectives[0].to_dict()["layers"] == live.objectives[0].to_dict()["layers"] != "auto"
    for trainer in (live, recorded):
        trainer.train()
    assert_alike((losses_of(live), losses_of(recorded)))


def test_focus_on_where_the_teacher_is_sure(compare: Callable) -> None:
    focus = {"weigh_by": "confidence"}
    assert_alike(compare().both([{"name": "hidden_mse", "focus": focus}, {"name": "logits_kl", "focus": focus}]))


def test_labels_are_matched_by_name(compare: Callable) -> None:
    comparison = compare(id2label={0: "bad", 1: "fair", 2: "good"})
    comparison.teacher.config.id2label = {0: "good", 1: "bad", 2: "fair"}
    assert_alike(comparison.both(["logits_kl", "logits_mse"]))


@pytest.mark.parametrize("kind", ["Dataset", "list"])
def test_batches_of_like_lengths(kind: str, compare: Callable) -> None:
    comparison = compare()
    if kind == "Dataset":
        comparison.rows = Dataset.from_list(comparison.rows)
    assert_alike(comparison.both(["hidden_mse", "logits_kl"], **training_fields({"group_by_length": True})))


def test_workers_that_read_beforehand(compare: Callable) -> None:
    comparison = compare()
    comparison.rows = Dataset.from_list(comparison.rows)
    assert_alike(comparison.both(["hidden_mse", "logits_kl"], dataloader_num_workers=2))


def test_a_stream_in_the_order_of_the_recording(compare: Callable) -> None:
    comparison, objectives = compare(), ["hidden_mse", "logits_kl"]
    folder = comparison.record(objectives)
    trainers = [
        comparison.trainer(teacher, objectives, rows=Dataset.from_list(comparison.rows).to_iterable_dataset())
        for teacher in (comparison.teacher, folder)
    ]
    for trainer in trainers:
        trainer.train()
    assert_alike(tuple(map(losses_of, trainers)))


def test_a_shuffled_stream_of_rows_that_have_their_knowledge(compare: Callable) -> None:
    comparison, objectives = compare(), ["hidden_mse", "logits_kl"]
    plain, folder = Dataset.from_list(comparison.rows), comparison.record(objectives)
    taught = comparison.trainer(folder, objectives, rows=plain).train_dataset
    curves = []
    for teacher, rows in ((comparison.teacher, plain), (folder, taught)):
        stream = rows.to_iterable_dataset(num_shards=4).shuffle(seed=0, buffer_size=8)
        assert isinstance(stream, IterableDataset)
        trainer = comparison.trainer(teacher, objectives, rows=stream)
        trainer.train()
        curves.append(losses_of(trainer))
    assert_alike(tuple(curves))


def test_a_training_that_is_resumed(compare: Callable, tmp_path: Path) -> None:
    comparison, objectives = compare(hidden_size=16, num_attention_heads=2), ["hidden_mse", "logits_kl"]
    folder, saving = comparison.record(objectives), {"save_strategy": "steps", "save_steps": 4}
    whole = comparison.trainer(folder, objectives, output_dir=str(tmp_path / "whole"), **saving)
    whole.train()
    resumed = comparison.trainer(folder, objectives, output_dir=str(tmp_path / "resumed"), **saving)
    resumed.train(resume_from_checkpoint=str(tmp_path / "whole/checkpoint-4"))
    assert_alike((losses_of(whole), losses_of(resumed)))
    for (name, expected), found in zip(whole.model.state_dict().items(), resumed.model.state_dict().values()):
        torch.testing.assert_close(found, expected, msg=name)


def test_evaluation_is_the_same(compare: Callable, make_rows: Callable) -> None:
    comparison, objectives, unseen = compare(), ["hidden_mse", "logits_kl"], make_rows(6, seed=3)
    evaluations = []
    for teacher in (comparison.teacher, comparison.record(objectives)):
        trainer = comparison.trainer(
            teacher,
            objectives,
            eval_strategy="steps",
            eval_steps=2,
            trainer_options={"eval_dataset": Dataset.from_list(unseen)},
        )
        trainer.train()
        lines = [line["eval_loss"] for line in trainer.state.log_history if "eval_loss" in line]
        # The training data are read as any other.
        lines += [trainer.evaluate(entry)["eval_loss"] for entry in (unseen, comparison.rows, trainer.train_dataset)]
        predictions = torch.from_numpy(trainer.predict(unseen).predictions)
        evaluations.append((lines, predictions))
    assert len(evaluations[0][0]) == 6
    assert evaluations[1][0] == pytest.approx(evaluations[0][0], rel=1e-4)
    torch.testing.assert_close(evaluations[1][1], evaluations[0][1], rtol=1e-3, atol=1e-4)
