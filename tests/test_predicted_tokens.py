# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Tests of losses on the logits of a vocabulary, against those of all logits at once."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from transformers import AutoConfig, AutoModelForMaskedLM, BertForMaskedLM, PreTrainedModel

from hf_distill import DistillationTrainer, predicted_tokens
from hf_distill.errors import InputError
from hf_distill.features.vocabulary import OutputLayer

LOGITS = ["logits_kl:temperature=2", "logits_mse:weight=0.1", "logits_ce:weight=0.5"]
KINDS = {
    "all": LOGITS,
    "classes of tokens": ["dkd", "logits_bce:weight=0.1", "logits_kl:top_k=5"],
    "compared with each other": ["dist", {"name": "logits_kl", "temperature": {"schedule": "cwsm"}}],
    "with hidden states": ["logits_kl", "hidden_mse:layers=last"],
    "of the sure": [{"name": "logits_kl", "focus": {"weigh_by": "confidence"}}],
    "none on logits": ["hidden_mse"],
    "no teacher": [],
}


def make_masked(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Label every third token, and none of the first row."""
    for number, row in enumerate(rows):
        row["labels"] = [token if number and place % 3 == 1 else -100 for place, token in enumerate(row["input_ids"])]
    return rows


@pytest.fixture
def models(make_bert: Callable) -> tuple[PreTrainedModel, PreTrainedModel]:
    return make_bert(1, BertForMaskedLM, num_hidden_layers=2), make_bert(0, BertForMaskedLM)


@pytest.fixture
def rows(make_rows: Callable) -> list[dict[str, Any]]:
    return make_masked(make_rows())


def step_of(
    trainer: DistillationTrainer, student: PreTrainedModel, batch: dict[str, torch.Tensor], whole: bool
) -> tuple[torch.Tensor, dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """Return the loss, its components and the gradients of a step, with all logits at once or a few."""
    student.zero_grad()
    layer = trainer._output_layer
    assert layer is not None
    trainer._output_layer = None if whole else layer
    trainer._components.clear()
    loss = trainer.compute_loss(student.train(), batch)
    loss.backward()
    trainer._output_layer = layer
    gradients = {name: weight.grad.clone() for name, weight in student.named_parameters() if weight.grad is not None}
    return loss.detach(), dict(trainer._components.sums), gradients


def assert_same_step(trainer: DistillationTrainer, student: PreTrainedModel, batch: Any, **tolerance: float) -> None:
    expected = step_of(trainer, student, copy.copy(batch), whole=True)
    found = step_of(trainer, student, copy.copy(batch), whole=False)
    for one, other in zip(found, expected):
        torch.testing.assert_close(one, other, **tolerance)


@pytest.mark.parametrize("at_once", [64 * 2, 64 * 5, 2**23])
@pytest.mark.parametrize("kind", KINDS)
def test_losses_and_gradients_are_those_of_all_logits(
    kind: str, at_once: int, models: Any, rows: Any, collate: type, make_trainer: Callable,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    student, teacher = models
    monkeypatch.setattr(predicted_tokens, "LOGITS_AT_ONCE", at_once)
    trainer = make_trainer(student, teacher if KINDS[kind] else None, objectives=KINDS[kind])
    assert_same_step(trainer, student, collate()(rows), atol=1e-5, rtol=1e-5)


def test_the_losses_are_the_ones_of_the_definitions(
    models: Any, rows: Any, collate: type, make_trainer: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    student, teacher = models
    monkeypatch.setattr(predicted_tokens, "LOGITS_AT_ONCE", 128)
    trainer, batch = make_trainer(student, teacher, objectives=["logits_kl", "logits_mse"]), collate()(rows)
    trainer.compute_loss(student.train(), dict(batch))
    labelled = batch["labels"] != -100
    own, theirs = (model(**batch).logits[labelled] for model in models)
    torch.testing.assert_close(
        trainer._components.sums["task"], F.cross_entropy(own, batch["labels"][labelled]).detach()
    )
    divergence = F.kl_div(own.log_softmax(-1), theirs.softmax(-1), reduction="batchmean")
    torch.testing.assert_close(trainer._components.sums["logits_kl"], divergence.detach())
    torch.testing.assert_close(trainer._components.sums["logits_mse"], F.mse_loss(own, theirs).detach())


def test_never_more_logits_than_those_of_a_piece(
    models: Any, rows: Any, collate: type, make_trainer: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    student, teacher = models
    made, logits = [], OutputLayer.logits
    monkeypatch.setattr(OutputLayer, "logits", lambda self, x: made.append(x.shape[0]) or logits(self, x))
    monkeypatch.setattr(predicted_tokens, "LOGITS_AT_ONCE", 64 * 3)
    batch = collate()(rows)
    seen = []
    hooks = [
        model.get_output_embeddings().register_forward_hook(lambda *args: seen.append(args[2])) for model in models
    ]
    make_trainer(student, teacher, objectives=["logits_kl"]).compute_loss(student.train(), batch).backward()
    [hook.remove() for hook in hooks]
    predicted = int((batch["labels"] != -100).sum())
    # Student and teacher, once for the loss and once for the gradient.
    assert max(made) == 3
    assert sum(made) == 4 * predicted
    assert not any(logits.shape[-1] == 64 and logits.numel() for logits in seen)


@pytest.mark.parametrize("objectives", [LOGITS, ["hidden_mse", "logits_kl"]])
def test_more_padding_changes_nothing(
    objectives: list, models: Any, rows: Any, collate: type, make_trainer: Callable
) -> None:
    student, teacher = models
    trainer = make_trainer(student, teacher, objectives=objectives)
    found = [step_of(trainer, student, collate(extra)(rows), whole=False) for extra in (0, 7)]
    for one, other in zip(*found):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)


def weights_after(trainer: DistillationTrainer) -> dict[str, torch.Tensor]:
    trainer.train()
    return {name: weight.detach().clone() for name, weight in trainer.model.named_parameters()}


def test_accumulation_changes_nothing(models: Any, rows: Any, make_trainer: Callable) -> None:
    student, teacher = models
    found = []
    for accumulation in (1, 2, 4):
        sizes = {"per_device_train_batch_size": 8 // accumulation, "gradient_accumulation_steps": accumulation}
        trainer = make_trainer(
            copy.deepcopy(student), teacher, rows, objectives=LOGITS, max_steps=2, optim="sgd", learning_rate=0.05,
            **sizes,
        )  # fmt: skip
        found.append(weights_after(trainer))
    for other in found[1:]:
        torch.testing.assert_close(other, found[0], atol=1e-5, rtol=1e-5)


def test_a_batch_without_a_label_gives_no_loss_and_no_gradient(
    models: Any, rows: Any, collate: type, make_trainer: Callable
) -> None:
    student, teacher = models
    loss, _, gradients = step_of(
        make_trainer(student, teacher, objectives=LOGITS), student, collate()(rows[:1]), whole=False
    )
    assert loss == 0
    assert all(not gradient.any() for gradient in gradients.values())
    # A wrapper such as DDP waits for the gradient of every parameter.
    assert gradients.keys() == {name for name, _ in student.named_parameters()}


def test_rows_without_labels_learn_at_every_token(
    models: Any, rows: Any, collate: type, make_trainer: Callable
) -> None:
    student, teacher = models
    batch = collate()(rows)
    del batch["labels"]
    assert_same_step(make_trainer(student, teacher, objectives=LOGITS), student, batch, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("at_once", [64 * 5, 2**23])
def test_bf16_autocast(
    at_once: int, models: Any, rows: Any, collate: type, make_trainer: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    student, teacher = models
    monkeypatch.setattr(predicted_tokens, "LOGITS_AT_ONCE", at_once)
    trainer = make_trainer(student, teacher, objectives=LOGITS, bf16=True)
    expected = step_of(trainer, student, collate()(rows), whole=True)
    found = step_of(trainer, student, collate()(rows), whole=False)
    torch.testing.assert_close(found[:2], expected[:2], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(found[2], expected[2], atol=0.01, rtol=0.05)


def test_a_teacher_in_a_precision_of_its_own(models: Any, rows: Any, collate: type, make_trainer: Callable) -> None:
    student, teacher = models
    trainer = make_trainer(student, teacher, objectives=["logits_kl"], bf16=True, teacher_dtype="fp32")
    expected = step_of(trainer, student, collate()(rows), whole=True)
    found = step_of(trainer, student, collate()(rows), whole=False)
    torch.testing.assert_close(found[:2], expected[:2], atol=1e-4, rtol=1e-4)


def test_weights_that_are_measured_by_gradients(models: Any, rows: Any, make_trainer: Callable) -> None:
    student, teacher = models
    options = {"objectives": LOGITS, "objective_weighting": "gradient_norm", "max_steps": 2}
    few, whole = (make_trainer(copy.deepcopy(student), teacher, rows, **options) for _ in range(2))
    whole._output_layer = None
    torch.testing.assert_close(weights_after(few), weights_after(whole), atol=1e-5, rtol=1e-5)


SMALL = {
    "vocab_size": 60, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 40,
    "max_position_embeddings": 40, "pad_token_id": 0,
}  # fmt: skip
DISTILBERT = {"vocab_size": 60, "dim": 32, "n_layers": 2, "n_heads": 2, "hidden_dim": 40}
OWN = {
    "distilbert": DISTILBERT,
    "modernbert": {
        **SMALL, "reference_compile": False, "cls_token_id": 1, "bos_token_id": 1, "sep_token_id": 2, "eos_token_id": 2
    },
    "electra": {**SMALL, "embedding_size": 16},
    "albert": {**SMALL, "embedding_size": 16},
    "mobilebert": {**SMALL, "embedding_size": 16},
}  # fmt: skip


def make_model(kind: str, seed: int = 0, **options: Any) -> PreTrainedModel:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return AutoModelForMaskedLM.from_config(AutoConfig.for_model(kind, **{**OWN.get(kind, SMALL), **options}))


@pytest.mark.parametrize(
    "kind", ["albert", "bert", "deberta", "deberta-v2", "distilbert", "electra", "modernbert", "mpnet", "roberta"]
)
def test_heads_of_other_architectures(kind: str, rows: Any, collate: type, make_trainer: Callable) -> None:
    student, teacher = make_model(kind, 1).eval(), make_model(kind, 0).eval()
    batch = {name: values for name, values in collate()(rows).items() if name != "token_type_ids"}
    batch["input_ids"] = batch["input_ids"].clamp(max=59)
    batch["labels"] = batch["labels"].clamp(max=59)
    trainer = make_trainer(student, teacher, objectives=["logits_kl"])
    # Dropout is the same in both.
    torch.manual_seed(0)
    expected = step_of(trainer, student, dict(batch), whole=True)
    torch.manual_seed(0)
    found = step_of(trainer, student, dict(batch), whole=False)
    for one, other in zip(found, expected):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("kind", ["mobilebert", "fnet"])
def test_heads_that_are_not_known_make_all_logits(kind: str) -> None:
    assert OutputLayer.of(make_model(kind)) is None


def test_classes_are_no_vocabulary(student: PreTrainedModel) -> None:
    assert OutputLayer.of(student) is None


@pytest.mark.parametrize("options", [{"label_smoothing_factor": 0.1}, {"torch_compile": True}])
def test_where_the_loss_or_the_hooks_are_others_all_logits_are_made(
    options: dict, models: Any, make_trainer: Callable
) -> None:
    assert make_trainer(*models, objectives=["logits_kl"], **options)._output_layer is None


def test_focus_of_hidden_states_reads_the_logits_of_all_tokens(
    models: Any, rows: Any, collate: type, make_trainer: Callable
) -> None:
    student, teacher = models
    objectives = ["logits_kl", {"name": "hidden_mse", "focus": {"weigh_by": "confidence"}}]
    assert_same_step(make_trainer(student, teacher, objectives=objectives), student, collate()(rows))


def test_teacher_with_another_vocabulary(
    models: Any, make_bert: Callable, rows: Any, collate: type, make_trainer: Callable
) -> None:
    trainer = make_trainer(models[0], make_bert(0, BertForMaskedLM, vocab_size=80), objectives=["logits_kl"])
    with pytest.raises(InputError, match="vocabulary has 80 tokens, the student's 64"):
        trainer.compute_loss(models[0].train(), collate()(rows))


def test_evaluation_and_the_trained_model_have_their_logits(models: Any, rows: Any, make_trainer: Callable) -> None:
    student, teacher = models
    trainer = make_trainer(student, teacher, rows, objectives=["logits_kl"])
    trainer.train()
    assert trainer.predict(rows).predictions.shape == (8, 12, 64)
    assert not student.get_output_embeddings()._forward_hooks
    assert not teacher.get_output_embeddings()._forward_pre_hooks
