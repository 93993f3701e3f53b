# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""What holds where teacher and student have different tokenizers, through the trainer's own loss."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
import torch
from datasets import Dataset
from scipy.special import log_softmax
from transformers import (
    AutoTokenizer,
    BertForMaskedLM,
    BertForQuestionAnswering,
    BertForTokenClassification,
    DataCollatorForTokenClassification,
    DataCollatorWithPadding,
    PreTrainedModel,
    RobertaConfig,
    RobertaForMaskedLM,
    RobertaForQuestionAnswering,
    RobertaForSequenceClassification,
    RobertaForTokenClassification,
)

from gradients import assert_same_gradients, gradients_in_parts
from hf_distill import DistillationTrainer, TwoTokenizers, record_knowledge
from hf_distill.errors import InputError
from hf_distill.features.heads import Head
from hf_distill.objectives import build_objective

from .test_objectives import OBJECTIVES, loss_of, specification

WORDS = ["the", "film", "was", "playing", "unfilmed", "rome", "good!", "caf\u00e9", "\U0001f600", "dull", "plotting"]

able = sorted(name for name in OBJECTIVES if build_objective(specification(name)).across_tokenizers)
on_classes = [name for name in able if Head.CLASSES in build_objective(specification(name)).heads]
every = [specification(name) for name in on_classes]
either_head = pytest.mark.parametrize("in_words", [False, True], ids=["sequence", "token"])
either_width = pytest.mark.parametrize("width", [32, 16], ids=["same_width", "projected"])


@pytest.fixture
def make_both(tokenizers: dict[str, Path]) -> Callable[..., TwoTokenizers]:
    """Build a pair of tokenizers that take texts whole and in words."""

    def make(student: str = "bert", teacher: str = "roberta") -> TwoTokenizers:
        options = {"add_prefix_space": True}
        return TwoTokenizers(
            *(AutoTokenizer.from_pretrained(tokenizers[kind], **options) for kind in (student, teacher))
        )

    return make


@pytest.fixture
def both(make_both: Callable) -> TwoTokenizers:
    """A student that reads words and pieces of words, and a teacher that reads pairs of bytes."""
    return make_both()


@pytest.fixture
def make_teacher() -> Callable[..., PreTrainedModel]:
    """Build a random RoBERTa of 4 layers and width 32."""

    def make(model_class: type = RobertaForSequenceClassification, **options: Any) -> PreTrainedModel:
        settings = {
            "vocab_size": 300,
            "hidden_size": 32,
            "num_hidden_layers": 4,
            "num_attention_heads": 4,
            "intermediate_size": 64,
            "max_position_embeddings": 90,
            "num_labels": 3,
            "initializer_range": 0.2,
        }
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return model_class(RobertaConfig(**{**settings, **options})).eval()

    return make


@pytest.fixture
def models(make_bert: Callable, make_teacher: Callable) -> Callable[..., tuple[PreTrainedModel, PreTrainedModel]]:
    """Build a student and a teacher with heads for sequences or for words."""

    def make(in_words: bool = False, width: int = 32) -> tuple[PreTrainedModel, PreTrainedModel]:
        small = {"seed": 1, "num_hidden_layers": 2, "hidden_size": width, "max_position_embeddings": 90}
        if not in_words:
            return make_bert(**small), make_teacher()
        return make_bert(model_class=BertForTokenClassification, **small), make_teacher(RobertaForTokenClassification)

    return make


def make_texts(number: int = 8, in_words: bool = False) -> list:
    generator = random.Random(0)
    texts = [generator.choices(WORDS, k=generator.randrange(1, 9)) for _ in range(number)]
    return texts if in_words else [" ".join(words) for words in texts]


def make_rows(both: TwoTokenizers, number: int = 8, in_words: bool = False, **options: Any) -> list[dict[str, Any]]:
    encoded = both(make_texts(number, in_words), is_split_into_words=in_words, **options)
    rows = [{name: values[row] for name, values in encoded.items()} for row in range(number)]
    for place, row in enumerate(rows):
        row["labels"] = place % 3
        if in_words:
            words = encoded.word_ids(place)
            begins = [word is not None and word not in words[:at] for at, word in enumerate(words)]
            row["labels"] = [at % 3 if first else -100 for at, first in enumerate(begins)]
    return rows


def collator(both: Any, **options: Any) -> Callable:
    """A collator of labels for rows, or for words."""
    collators = DataCollatorWithPadding(both, **options), DataCollatorForTokenClassification(both, **options)
    return lambda rows: collators[isinstance(rows[0]["labels"], list)](copy.deepcopy(rows))


@pytest.fixture
def train(make_args: Callable, both: TwoTokenizers) -> Callable[..., DistillationTrainer]:
    """Build a trainer of a teacher with another tokenizer."""

    def make(student: PreTrainedModel, teacher: Any, rows: Any = (), callbacks: Any = None, **options: Any) -> Any:
        tokenizers = options.pop("processing_class", both)
        return DistillationTrainer(
            model=student,
            teacher_model=teacher,
            args=make_args(**options),
            train_dataset=list(rows),
            data_collator=collator(tokenizers),
            processing_class=tokenizers,
            callbacks=callbacks,
        )

    return make


def losses_of(trainer: DistillationTrainer, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Each component of the loss."""
    found: dict[str, torch.Tensor] = {}
    with patch.object(trainer._components, "add", lambda losses, step: found.update(losses)):
        loss_of(trainer, batch)
    return found


@either_head
def test_more_padding_changes_nothing(in_words: bool, models: Callable, both: TwoTokenizers, train: Callable) -> None:
    trainer, rows = train(*models(in_words), objectives=every), make_rows(both, in_words=in_words)
    expected = losses_of(trainer, collator(both)(rows))
    padded = losses_of(trainer, collator(both, padding="max_length", max_length=88)(rows))
    assert expected.keys() == padded.keys() == {"task", *on_classes}
    for name, loss in expected.items():
        assert loss.isfinite() and loss > 0, name
        torch.testing.assert_close(padded[name], loss, rtol=1e-4, atol=1e-6, msg=name)


@either_head
def test_accumulation_steps_and_order_change_nothing(
    in_words: bool, models: Callable, both: TwoTokenizers, train: Callable
) -> None:
    student, teacher = models(in_words, width=16)
    rows = make_rows(both, in_words=in_words)

    given = {"objectives": [entry for entry in every if not OBJECTIVES[entry["name"]].micro_batch]}
    whole = gradients_in_parts(1, train, student, teacher, rows=rows, **given)
    assert_same_gradients(whole, gradients_in_parts(8, train, student, teacher, rows=rows[::-1], **given))
    assert all(parameter.grad is None for parameter in teacher.parameters())


@either_head
@either_width
def test_the_same_tokenizer_on_both_sides_gives_the_plain_losses(
    in_words: bool,
    width: int,
    models: Callable,
    make_bert: Callable,
    make_both: Callable,
    train: Callable,
) -> None:
    twice = make_both("bert", "bert")
    student, _ = models(in_words, width)
    teacher = make_bert(seed=0, model_class=type(student), max_position_embeddings=90)
    rows = make_rows(twice, in_words=in_words)
    plain = [
        {key: value for key, value in row.items() if "shared" not in key and "teacher_" not in key} for row in rows
    ]
    losses = []
    for tokenizers, given in ((twice, rows), (twice.student, plain)):
        trainer = train(copy.deepcopy(student), teacher, processing_class=tokenizers, objectives=every)
        losses.append(losses_of(trainer, collator(tokenizers)(given)))
    for name in on_classes:
        torch.testing.assert_close(losses[0][name], losses[1][name], rtol=1e-4, atol=1e-6, msg=name)


def of_one_row(both: TwoTokenizers, models: tuple, row: dict[str, Any]) -> tuple[tuple, tuple, tuple]:
    """The spans, last hidden states and logits of both sides."""
    spans, states, logits = [], [], []
    for beginning, tokenizer, model in zip(("", "teacher_"), (both.student, both.teacher), models):
        inputs = {name: torch.tensor([row[beginning + name]]) for name in tokenizer.model_input_names}
        with torch.no_grad():
            outputs = model(**inputs, output_hidden_states=True)
        spans.append(np.array(row[f"{beginning}shared_spans"]))
        states.append(outputs.hidden_states[-1][0].double().numpy())
        logits.append(outputs.logits[0].double().numpy())
    return tuple(spans), tuple(states), tuple(logits)


def mean_at(states: np.ndarray, numbers: np.ndarray, number: int) -> np.ndarray:
    return states[numbers == number].mean(0)


def test_hidden_states_are_compared_at_means_of_spans(models: Callable, both: TwoTokenizers, train: Callable) -> None:
    student, teacher = models()
    expected, rows = [], make_rows(both)
    for row in rows:
        spans, states, _ = of_one_row(both, (student, teacher), row)
        for number in range(spans[0].max() + 1):
            one, other = (mean_at(*side, number) for side in zip(states, spans))
            expected.append(((one - other) ** 2).mean())
    trainer = train(student, teacher, objectives=["hidden_mse:layers=last"], task_weight=0.0)
    assert loss_of(trainer, collator(both)(rows)).item() == pytest.approx(np.mean(expected), rel=1e-4)


def test_content_is_the_spans_of_text(models: Callable, both: TwoTokenizers, train: Callable) -> None:
    student, teacher = models()
    expected, rows = [], make_rows(both)
    for row in rows:
        spans, states, _ = of_one_row(both, (student, teacher), row)
        # The first span is [CLS], the last is [SEP].
        for number in range(1, spans[0].max()):
            one, other = (mean_at(*side, number) for side in zip(states, spans))
            expected.append(((one - other) ** 2).mean())
    objective = {"name": "hidden_mse", "layers": "last", "tokens": "content"}
    trainer = train(student, teacher, objectives=[objective], task_weight=0.0)
    assert loss_of(trainer, collator(both)(rows)).item() == pytest.approx(np.mean(expected), rel=1e-4)


def test_a_vector_of_an_example_is_of_the_tokens_that_each_side_has(
    models: Callable, both: TwoTokenizers, train: Callable
) -> None:
    student, teacher = models()
    expected, rows = [], make_rows(both)
    for row in rows:
        _, states, _ = of_one_row(both, (student, teacher), row)
        one, other = (side.mean(0) / np.linalg.norm(side.mean(0)) for side in states)
        expected.append(1 - one @ other)
    # Beside an objective on spans of the same layer.
    objectives = ["sentence_cosine:layers=last", "hidden_mse:layers=last,weight=0"]
    trainer = train(student, teacher, objectives=objectives, task_weight=0.0)
    assert loss_of(trainer, collator(both)(rows)).item() == pytest.approx(np.mean(expected), rel=1e-4)


@pytest.mark.parametrize("name", ["logits_kl", "hidden_mse"])
def test_words_are_compared_at_their_first_tokens(
    name: str, models: Callable, both: TwoTokenizers, train: Callable
) -> None:
    student, teacher = models(in_words=True)
    expected, rows = [], make_rows(both, in_words=True)
    for row in rows:
        _, states, logits = of_one_row(both, (student, teacher), row)
        firsts = [
            [row[f"{beginning}shared_words"].index(number) for number in range(max(row["shared_words"]) + 1)]
            for beginning in ("", "teacher_")
        ]
        assert len(firsts[0]) == sum(label != -100 for label in row["labels"])
        if name == "hidden_mse":
            one, other = (side[places] for side, places in zip(states, firsts))
            expected += ((one - other) ** 2).mean(-1).tolist()
        else:
            one, other = (log_softmax(side[places], -1) for side, places in zip(logits, firsts))
            expected += (np.exp(other) * (other - one)).sum(-1).tolist()
    options = {"layers": "last", "tokens": "predicted"} if name == "hidden_mse" else {}
    trainer = train(student, teacher, objectives=[{"name": name, **options}], task_weight=0.0)
    assert loss_of(trainer, collator(both)(rows)).item() == pytest.approx(np.mean(expected), rel=1e-4)


@pytest.mark.parametrize("name", ["hidden_mse", "similarity", "logits_kl"])
@either_head
def test_focus_goes_by_what_is_compared(
    name: str, in_words: bool, models: Callable, both: TwoTokenizers, train: Callable
) -> None:
    objective = {"name": name, "focus": {"weigh_by": "confidence"}}
    rows = make_rows(both, in_words=in_words)
    losses = [
        loss_of(train(*models(in_words), objectives=[entry], task_weight=0.0), collator(both)(rows))
        for entry in (objective, {"name": name})
    ]
    assert 0 < losses[0] < losses[1]


@pytest.mark.parametrize("direction", ["student_to_teacher", "teacher_to_student"])
def test_either_side_may_be_projected(direction: str, models: Callable, both: TwoTokenizers, train: Callable) -> None:
    student, teacher = models(width=16)
    options = {"objectives": ["hidden_mse"], "projection_direction": direction, "max_steps": 12, "task_weight": 0.0}
    trainer = train(student, teacher, rows=make_rows(both), learning_rate=0.01, **options)
    batch = collator(both)(make_rows(both))
    before = loss_of(trainer, batch).item()
    trainer.train()
    assert loss_of(trainer, batch).item() < before


def test_a_row_with_nothing_in_common_teaches_its_logits_alone(
    models: Callable, both: TwoTokenizers, train: Callable
) -> None:
    student, teacher = models()
    rows = make_rows(both, number=2)
    for beginning in ("", "teacher_"):
        rows[1][f"{beginning}shared_spans"] = [-1] * len(rows[1][f"{beginning}shared_spans"])
    trainer = train(student, teacher, objectives=["hidden_mse"], task_weight=0.0)
    losses = [loss_of(trainer, collator(both)(given)) for given in (rows, rows[:1], rows[1:])]
    torch.testing.assert_close(losses[0], losses[1])
    assert losses[2] == 0


def test_the_student_is_saved_with_its_tokenizer(
    models: Callable, both: TwoTokenizers, train: Callable, tmp_path: Path
) -> None:
    trainer = train(*models(), rows=make_rows(both), objectives=["logits_kl", "hidden_mse"], max_steps=3)
    trainer.train()
    trainer.save_model(tmp_path)
    assert AutoTokenizer.from_pretrained(tmp_path).get_vocab() == both.student.get_vocab()


def test_without_a_collator_rows_are_padded_for_both(
    models: Callable, both: TwoTokenizers, make_args: Callable
) -> None:
    student, teacher = models()
    before = copy.deepcopy(student.state_dict())
    trainer = DistillationTrainer(
        model=student,
        teacher_model=teacher,
        args=make_args(objectives=["logits_kl", "hidden_mse"]),
        train_dataset=make_rows(both),
        eval_dataset=make_rows(both),
        processing_class=both,
    )
    trainer.train()
    assert np.isfinite(trainer.evaluate()["eval_loss"])
    assert any(not torch.equal(value, before[name]) for name, value in student.state_dict().items() if name in before)


@either_head
def test_a_recorded_teacher_teaches_as_the_live_one(
    in_words: bool, models: Callable, both: TwoTokenizers, train: Callable, tmp_path: Path
) -> None:
    student, teacher = models(in_words)
    rows = make_rows(both, in_words=in_words)
    encoded = both.teacher(make_texts(in_words=in_words), is_split_into_words=in_words)
    own = [{name: values[row] for name, values in encoded.items()} for row in range(len(rows))]
    # All layers for each token, or the last for each example.
    for objectives in (every, ["logits_mse", "sentence_cosine:layers=last"]):
        folder = record_knowledge(
            teacher_model=teacher,
            train_dataset=own,
            objectives=objectives,
            student_config=student.config,
            output_dir=tmp_path / str(len(objectives)),
            data_collator=DataCollatorWithPadding(both.teacher),
            compression="fp32",
        )
        # In another order than they were recorded in.
        given = rows[::-1]
        trainers = [
            train(copy.deepcopy(student), source, rows=given, objectives=objectives) for source in (teacher, folder)
        ]
        batches = [trainer.data_collator([trainer.train_dataset[row] for row in range(8)]) for trainer in trainers]
        live, recorded = (losses_of(trainer, batch) for trainer, batch in zip(trainers, batches))
        assert live.keys() == recorded.keys()
        for name, loss in live.items():
            torch.testing.assert_close(recorded[name], loss, rtol=1e-4, atol=1e-6, msg=name)


@pytest.mark.parametrize("name", sorted(set(OBJECTIVES) - set(able)))
def test_objectives_on_single_tokens_are_refused_by_name(
    name: str, models: Callable, both: TwoTokenizers, train: Callable
) -> None:
    with pytest.raises(InputError, match=f"objective {name}: compares queries, keys.* token by token"):
        train(*models(), rows=make_rows(both), objectives=[specification(name)])


@pytest.mark.parametrize(
    ("own", "other"), [(BertForMaskedLM, RobertaForMaskedLM), (BertForQuestionAnswering, RobertaForQuestionAnswering)]
)
def test_logits_of_other_tokens_are_refused_by_name(
    own: type, other: type, make_bert: Callable, make_teacher: Callable, both: TwoTokenizers, train: Callable
) -> None:
    with pytest.raises(InputError, match=f"teacher_model: the logits of {other.__name__} are of its own tokens"):
        train(make_bert(model_class=own, num_labels=2), make_teacher(other, num_labels=2), objectives=["logits_kl"])


def test_logits_of_tokens_need_words(models: Callable, both: TwoTokenizers, train: Callable) -> None:
    trainer = train(*models(in_words=True), objectives=["logits_kl"], task_weight=0.0)
    rows = make_rows(both)
    for row in rows:
        row["labels"] = [-100] * len(row["input_ids"])
    with pytest.raises(InputError, match="objective logits_kl: compares logits of tokens.*is_split_into_words"):
        loss_of(trainer, collator(both)(rows))


def test_layers_that_are_measured_are_refused(models: Callable, both: TwoTokenizers, train: Callable) -> None:
    with pytest.raises(InputError, match="objective hidden_mse: layers auto"):
        train(*models(), rows=make_rows(both), objectives=["hidden_mse:layers=auto"])


def test_rows_that_are_not_encoded_for_both_are_refused(
    models: Callable, both: TwoTokenizers, make_args: Callable
) -> None:
    rows = Dataset.from_dict(dict(both.student(make_texts())))
    with pytest.raises(InputError, match="train_dataset: has no column teacher_shared_spans"):
        DistillationTrainer(*models(), make_args(objectives=["logits_kl"]), train_dataset=rows, processing_class=both)
