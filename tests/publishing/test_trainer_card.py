# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Tests of the card that a trainer writes in a script of one's own."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import ModelCard
from transformers import BertForQuestionAnswering, BertModel, Trainer

from cards import card_rules
from hf_distill import DistillationTrainer
from hf_distill.publishing.redaction import LOCAL_PATH
from hf_distill.publishing.trainer_card import write_trainer_card


def accuracy(prediction: Any) -> dict[str, float]:
    return {"accuracy": float((prediction.predictions.argmax(-1) == prediction.label_ids).mean())}


@pytest.fixture
def trained(make_trainer: Callable, make_rows: Callable, student: Any, teacher: Any) -> DistillationTrainer:
    """A trainer after a training of two steps and an evaluation."""
    trainer = make_trainer(
        student,
        teacher,
        objectives=["logits_kl:temperature=2", "hidden_mse:weight=0.5"],
        max_steps=2,
        logging_strategy="steps",
        logging_steps=1,
        warmup_steps=1,
        trainer_options={"eval_dataset": make_rows(), "compute_metrics": accuracy},
    )
    trainer.train()
    trainer.evaluate()
    return trainer


def written(trainer: DistillationTrainer, **options: Any) -> ModelCard:
    trainer.create_model_card(**options)
    text = (Path(trainer.args.output_dir) / "README.md").read_text()
    assert card_rules().check_card(text) == ([], [])
    return ModelCard(text)


def test_it_is_called_as_that_of_transformers() -> None:
    own, theirs = (
        inspect.signature(function).parameters for function in (write_trainer_card, Trainer.create_model_card)
    )
    assert list(own)[1:] == list(theirs)[1:]
    assert [entry.default for entry in own.values()] == [entry.default for entry in theirs.values()]


def test_the_card_says_what_the_trainer_knows(trained: DistillationTrainer) -> None:
    text = written(trained, model_name="small").text
    score = trained.state.log_history[-1]["eval_accuracy"]
    parameters = sum(weight.numel() for weight in trained.model.parameters())
    for line in (
        f"`small` is a small model of {parameters:,} parameters for text classification, distilled with hf_distill. "
        "Its teacher is a bert model.",
        "- Objective `logits_kl`: weight 1.0; temperature 2",
        "- The task's own loss: weight 0.5",
        "- Steps: 2",
        "- Seed: 42",
        "![The loss and its components over the steps](report/losses.png)",
        "max_steps: 2",
        "- `logits_kl`: Hinton et al. 2015, arXiv:1503.02531",
    ):
        assert f"\n{line}\n" in f"{text}\n", line
    assert re.search(rf"\n\| student \| {score:.4f} \|", text)
    assert "layer map" in text and "Versions: hf-distill" in text
    assert "Latency" not in text and "None" not in text


def test_what_it_is_told_is_in_the_metadata(trained: DistillationTrainer) -> None:
    data = written(
        trained,
        language="en",
        license="mit",
        tags="mine",
        finetuned_from="google-bert/bert-base-uncased",
        tasks="text-classification",
        dataset_tags=["nyu-mll/glue", "stanfordnlp/sst2"],
        dataset="GLUE",
        dataset_args="sst2",
    ).data
    assert (data.language, data.license, data.base_model) == (["en"], "mit", "google-bert/bert-base-uncased")
    assert data.tags == ["distillation", "hf_distill", "mine"]
    assert data.datasets == ["nyu-mll/glue", "stanfordnlp/sst2"]
    result = data.eval_results[0]
    assert (result.dataset_name, result.dataset_config, result.metric_type) == ("GLUE", "sst2", "accuracy")
    assert result.metric_value == pytest.approx(trained.state.log_history[-1]["eval_accuracy"], abs=1e-6)


def test_the_losses_are_drawn_from_numbers_that_are_kept(trained: DistillationTrainer) -> None:
    trained.create_model_card()
    folder = Path(trained.args.output_dir) / "report"
    kept = json.loads((folder / "losses.json").read_text())["student"]
    assert [entry["step"] for entry in kept] == [1, 2]
    assert set(kept[0]) == {"step", "loss", "loss_task", "loss_logits_kl", "loss_hidden_mse"}
    assert (folder / "losses.png").read_bytes().startswith(b"\x89PNG")


def test_no_local_path_is_in_it(trained: DistillationTrainer) -> None:
    trained.model.config._name_or_path = trained.teacher.config._name_or_path = "/home/ada/runs/first"
    card = written(trained)
    assert "home" not in str(card) and not LOCAL_PATH.search(card.text.replace("](", " "))
    assert "base_model" not in card.data.to_dict()


def test_fine_tuning_without_a_teacher_is_not_called_distillation(make_trainer: Callable, student: Any) -> None:
    trainer = make_trainer(student, objectives=[])
    trainer.train()
    card = written(trainer)
    assert "distill" not in card.text.replace("hf_distill", "").replace("hf-distill", "")
    assert card.data.tags == ["hf_distill"]
    assert "Results" not in card.text and "losses" not in card.text


@pytest.mark.parametrize(("model_class", "tag"), [(BertForQuestionAnswering, "question-answering"), (BertModel, None)])
def test_the_head_says_the_task(
    make_bert: Callable, make_trainer: Callable, model_class: type, tag: str | None
) -> None:
    trainer = make_trainer(make_bert(model_class=model_class), objectives=[])
    data = written(trainer).data
    assert data.pipeline_tag == (tag or "sentence-similarity")


def test_a_checkpoint_with_its_card_is_written_once_and_replaced(trained: DistillationTrainer) -> None:
    trained.save_model()
    first = written(trained, model_name="first")
    second = written(trained, model_name="second")
    assert "# first" in first.text and "# first" not in second.text
