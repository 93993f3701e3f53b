# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Whole tiny runs of masked language modelling."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForMaskedLM, AutoTokenizer, BertConfig, BertForMaskedLM, BertModel

from hf_distill.errors import InputError
from hf_distill.pipeline.quantize import _Loss
from hf_distill.pipeline.recipe import load_recipe, parse_recipe
from hf_distill.pipeline.run import run_recipe
from tiny import BAD, FILLERS, GOOD, SPECIAL, WIDTHS, save_teacher, works

BACKENDS = [name for name in ("onnxruntime", "quanto") if works(name)]
MODELS = ["teacher", "baseline", "student", *(f"quantized/{name}" for name in BACKENDS)]


@pytest.fixture(scope="module")
def recipe(setup: Any, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., dict[str, Any]]:
    """Make a recipe whose teacher is the body of a model, without a masked-LM head."""
    folder = tmp_path_factory.mktemp("body") / "body"
    save_teacher(folder, BertModel, ["a", "b"], [*SPECIAL, *GOOD, *BAD, *FILLERS])

    def make(**changes: Any) -> dict[str, Any]:
        files = {split: str(setup.folder / f"texts-{split}.parquet") for split in ("train", "test")}
        given = {
            "dataset__data_files": files,
            "dataset__max_length": 16,
            "teacher": {"model": str(folder), "fine_tune": {"max_steps": 60, "learning_rate": 0.003}},
            "objectives": ["logits_kl", "hidden_mse"],
            "recording": None,
            "training__max_steps": 30,
        }
        return setup.content("fill-mask", **{**given, **changes})

    return make


@pytest.fixture(scope="module")
def finished(recipe: Callable, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run."""
    content = recipe(quantization=[{"backend": name} for name in BACKENDS])
    return run_recipe(parse_recipe(content), tmp_path_factory.mktemp("runs") / "tiny")


def test_report_has_perplexity_and_accuracy_of_every_model(finished: Path) -> None:
    report = json.loads((finished / "report" / "metrics.json").read_text())
    assert (report["primary_metric"], report["task"]) == ("perplexity", "fill-mask")
    for model in MODELS:
        assert set(report[model]["metrics"]) == {"perplexity", "accuracy"}
        assert 1 < report[model]["metrics"]["perplexity"] < 25
        assert 0 <= report[model]["agreement_with_teacher"] <= 1
    # 25 words: who learnt nothing has 25.
    assert report["teacher"]["metrics"]["perplexity"] < 20
    assert report["teacher"]["agreement_with_teacher"] == 1


@pytest.mark.parametrize("model", ["teacher", "student", "baseline"])
def test_models_load_with_no_missing_key_and_tied_embeddings(model: str, finished: Path) -> None:
    loaded, info = AutoModelForMaskedLM.from_pretrained(finished / model, output_loading_info=True)
    assert not info["missing_keys"]
    assert not info["unexpected_keys"]
    assert not info["mismatched_keys"]
    assert loaded.get_output_embeddings().weight is loaded.get_input_embeddings().weight


def code_of(card: Path, folder: Path) -> str:
    """Return the Python code of a card, with the model where it is."""
    code = card.read_text().partition("```python\n")[2].partition("```")[0]
    name = next(part for part in code.split('"') if part.startswith("tiny"))
    return code.replace(f'"{name}"', f'"{folder}"')


@pytest.mark.parametrize("folder", ["student", *(f"quantized/{name}" for name in BACKENDS)])
def test_cards_say_what_runs(folder: str, finished: Path) -> None:
    card = finished / folder / "README.md"
    assert "pipeline_tag: fill-mask" in card.read_text()
    code = code_of(card, finished / folder) if "```python" in card.read_text() else None
    if code is None:
        from transformers import pipeline

        predict = pipeline("fill-mask", model=str(finished / folder), tokenizer=str(finished / folder))
    else:
        found: dict[str, Any] = {}
        exec(code, found)
        predict = found.get("predict") or found["model"]
    answers = predict("the film was [MASK]")
    assert len(answers) == 5
    assert all(answer["token_str"] for answer in answers)


def test_second_start_skips_every_stage(finished: Path) -> None:
    lines: list[str] = []
    run_recipe(load_recipe(finished / "recipe.yaml"), finished, None, lines.append)
    assert lines
    assert all(line.endswith("done already") for line in lines)


def test_what_is_lost_of_perplexity_is_a_share_of_the_students() -> None:
    loss = object.__new__(_Loss)
    loss._context = type("Context", (), {"task": type("Of", (), {"primary_metric": "perplexity"})})()
    loss._score, loss._forward = 20.0, lambda folder: folder
    loss._score_of = lambda folder: {"worse": 20.4, "better": 19.0}[folder]
    assert loss.drop("worse") == pytest.approx(0.02)
    assert loss.drop("better") == pytest.approx(-0.05)


def test_recording_is_refused(recipe: Callable) -> None:
    content = recipe()
    del content["recording"]
    with pytest.raises(InputError, match="recording: fill-mask draws new masks in every epoch.*add recording: null"):
        parse_recipe(content)


def test_whole_words_are_for_this_task_alone(setup: Any, recipe: Callable) -> None:
    assert parse_recipe(recipe(dataset__whole_words=True)).dataset.whole_words
    with pytest.raises(InputError, match=r"dataset\.whole_words: text-classification does not read it"):
        parse_recipe(setup.content(dataset__whole_words=True))


def test_whole_words_with_evaluation_in_training(setup: Any, recipe: Callable, tmp_path: Path) -> None:
    files = {"train": "train", "validation": "test", "test": "test"}
    content = recipe(
        dataset__whole_words=True,
        dataset__data_files={split: str(setup.folder / f"texts-{name}.parquet") for split, name in files.items()},
        baseline=None,
        teacher__fine_tune={"max_steps": 2},
        training__max_steps=2,
        training__eval_strategy="steps",
        training__eval_steps=1,
    )
    folder = run_recipe(parse_recipe(content), tmp_path / "run")
    assert json.loads((folder / "report" / "metrics.json").read_text())["student"]["metrics"]["perplexity"] > 1


def test_labels_cannot_be_hidden(recipe: Callable, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"dataset\.labels_per_class: fill-mask has no classes"):
        run_recipe(parse_recipe(recipe(dataset__labels_per_class=3)), tmp_path / "run")


def test_teacher_with_a_head_keeps_it_while_it_is_fine_tuned(setup: Any, recipe: Callable, tmp_path: Path) -> None:
    teacher = tmp_path / "teacher"
    save_teacher(teacher, BertForMaskedLM, ["a", "b"], [*SPECIAL, *GOOD, *BAD, *FILLERS])
    before = AutoModelForMaskedLM.from_pretrained(teacher).state_dict()
    fine_tune = {"max_steps": 1, "learning_rate": 1.0e-12}
    content = recipe(teacher={"model": str(teacher), "fine_tune": fine_tune}, baseline=None)
    folder = run_recipe(parse_recipe(content), tmp_path / "run", until="teacher")
    after = AutoModelForMaskedLM.from_pretrained(folder / "teacher").state_dict()
    for name, weight in before.items():
        torch.testing.assert_close(after[name], weight, msg=name)


def test_a_narrow_student_has_tied_embeddings(tmp_path: Path) -> None:
    from hf_distill import build_student

    teacher = BertForMaskedLM(BertConfig(vocab_size=30, max_position_embeddings=32, **WIDTHS))
    student = build_student(teacher, num_hidden_layers=1, hidden_size=16)
    assert student.get_output_embeddings().weight is student.get_input_embeddings().weight
    assert student.get_output_embeddings().weight.shape == (30, 16)
    student.save_pretrained(tmp_path)
    _, info = AutoModelForMaskedLM.from_pretrained(tmp_path, output_loading_info=True)
    assert not info["missing_keys"]
    assert not info["unexpected_keys"]


def test_tokenizer_of_the_student_masks(finished: Path) -> None:
    assert AutoTokenizer.from_pretrained(finished / "student").mask_token == "[MASK]"
