# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Whole tiny runs of sentence embeddings."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datasets import load_dataset
from scipy.stats import spearmanr
from transformers import AutoModel, AutoTokenizer

from hf_distill.errors import InputError
from hf_distill.evaluation.rows import model_keys
from hf_distill.pipeline.context import prepare
from hf_distill.pipeline.manifest import Run
from hf_distill.pipeline.recipe import parse_recipe
from hf_distill.pipeline.run import run_recipe
from hf_distill.tasks.sentence_transformers_files import SentenceFiles, read_files, write_files
from tiny import works

TASK = "sentence-similarity"
ONE, OTHER = "the film was good", "a dull plot"


BACKENDS = [backend for backend in ("onnxruntime", "quanto") if works(backend)]
needs_onnx = pytest.mark.skipif("onnxruntime" not in BACKENDS, reason="needs optimum-onnx")
needs_quanto = pytest.mark.skipif("quanto" not in BACKENDS, reason="needs optimum-quanto")


@pytest.fixture(scope="module")
def finished(setup: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of the tiny recipe, from a teacher that pools first tokens."""
    folder = tmp_path_factory.mktemp("runs")
    teacher = shutil.copytree(setup.folder / "encoder", folder / "teacher")
    write_files(teacher, "first", 24)
    content = setup.content(
        TASK,
        teacher__model=str(teacher),
        student={"num_hidden_layers": 2, "hidden_size": 16},
        objectives=["sentence_cosine:pooling=first", "similarity:layers=last,pooling=first,weight=10"],
        quantization=[{"backend": backend} for backend in BACKENDS],
        training__max_steps=20,
    )
    return run_recipe(parse_recipe(content), folder / "tiny")


@pytest.fixture
def report(finished: Path) -> dict[str, Any]:
    return json.loads((finished / "report" / "metrics.json").read_text())


def vector(folder: Path, text: str) -> np.ndarray:
    """The first token's last hidden state, of length 1, made of a text alone."""
    model, tokenizer = AutoModel.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    state = model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0, 0].detach().double().numpy()
    return state / np.linalg.norm(state)


def printed_by_card(folder: Path, name: str, capsys: pytest.CaptureFixture[str]) -> float:
    """Run the code of a card on the model in a folder, with other sentences, and return the cosine that it prints."""
    code = re.search(r"```python\n(.*?)```", (folder / "README.md").read_text(), re.DOTALL)[1]
    assert f'"{name}"' in code
    code = re.sub(r"sentences = .*", f"sentences = {[ONE, OTHER]}", code.replace(f'"{name}"', repr(str(folder))))
    capsys.readouterr()
    exec(code, {})
    return float(capsys.readouterr().out)


def test_the_report_has_every_model_and_counts_pairs(report: dict[str, Any]) -> None:
    assert (report["primary_metric"], report["task"], report["rows"]) == ("spearman", TASK, 48)
    models = ["teacher", "baseline", "student", *(f"quantized/{backend}" for backend in BACKENDS)]
    for model in models:
        assert set(report[model]["metrics"]) == {"spearman", "pearson"}
        assert -1 <= report[model]["agreement_with_teacher"] <= 1
    assert report["teacher"]["agreement_with_teacher"] == pytest.approx(1.0)
    for backend in BACKENDS:
        assert report[f"quantized/{backend}"]["agreement_with_student"] > 0.9


def test_the_score_is_that_of_cosines_made_by_hand(finished: Path, report: dict[str, Any], setup: Any) -> None:
    rows = load_dataset("parquet", data_files=str(setup.folder / "pairs-test.parquet"), split="train")
    pairs = zip(rows["text"], rows["text_pair"])
    cosines = [vector(finished / "student", one) @ vector(finished / "student", other) for one, other in pairs]
    expected = spearmanr(cosines, rows["score"][:]).statistic
    assert report["student"]["metrics"]["spearman"] == pytest.approx(expected, abs=1e-3)


def test_the_student_is_a_plain_checkpoint(finished: Path) -> None:
    model, info = AutoModel.from_pretrained(finished / "student", output_loading_info=True)
    assert model.config.hidden_size == 16
    assert not info["missing_keys"]
    assert not info["unexpected_keys"]
    assert not info["mismatched_keys"]


def test_its_folder_says_how_it_pools(finished: Path) -> None:
    assert read_files(finished / "student") == SentenceFiles("first", 24)


def test_the_student_learns_from_texts_and_the_baseline_from_pairs(finished: Path) -> None:
    stages = json.loads((finished / "manifest.json").read_text())["stages"]
    assert (stages["student"]["train_rows"], stages["baseline"]["train_rows"]) == (192, 96)
    assert stages["student"]["steps"] == stages["baseline"]["steps"] == 20
    assert stages["student"]["task_weight"] == 0
    recording = json.loads((finished / "recording" / "recording.json").read_text())
    assert [(column["layer"], column["pooling"]) for column in recording["columns"]] == [(4, "first")]


def test_the_card_of_the_student_runs(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = finished / "student"
    card = (folder / "README.md").read_text()
    assert "pipeline_tag: sentence-similarity\n" in card
    assert "- sentence-transformers\n" in card
    expected = vector(folder, ONE) @ vector(folder, OTHER)
    assert printed_by_card(folder, "tiny", capsys) == pytest.approx(expected, abs=1e-5)


@needs_onnx
def test_the_card_of_the_onnx_model_runs_and_its_folder_is_complete(
    finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, student = finished / "quantized" / "onnxruntime", finished / "student"
    expected = vector(student, ONE) @ vector(student, OTHER)
    assert printed_by_card(folder, "tiny-int8-onnxruntime", capsys) == pytest.approx(expected, abs=0.1)
    assert "ORTModelForFeatureExtraction" in (folder / "README.md").read_text()
    assert read_files(folder) == SentenceFiles("first", 24)


@needs_quanto
def test_the_card_of_the_quanto_model_runs(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, student = finished / "quantized" / "quanto", finished / "student"
    expected = vector(student, ONE) @ vector(student, OTHER)
    assert printed_by_card(folder, "tiny-int8-quanto", capsys) == pytest.approx(expected, abs=0.1)
    # sentence-transformers cannot read quanto's weights.
    assert read_files(folder) is None


@pytest.mark.skipif(importlib.util.find_spec("sentence_transformers") is None, reason="needs sentence-transformers")
def test_sentence_transformers_loads_the_student(finished: Path) -> None:
    from sentence_transformers import SentenceTransformer

    found = SentenceTransformer(str(finished / "student"), device="cpu").encode([ONE, OTHER])
    expected = [vector(finished / "student", text) for text in (ONE, OTHER)]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_texts_alone_teach_where_there_is_no_baseline(setup: Any, tmp_path: Path) -> None:
    rows = load_dataset("parquet", data_files=str(setup.folder / "pairs-train.parquet"), split="train")
    texts = str(tmp_path / "texts.parquet")
    alone = rows.map(lambda row: {"text_pair": None, "score": None}, features=rows.features)
    alone.to_parquet(texts)
    content = setup.content(TASK)
    content["dataset"]["data_files"]["train"] = texts
    with pytest.raises(InputError, match="^baseline: learns from training rows with a score, and there are none"):
        run_recipe(parse_recipe(content), tmp_path / "run")
    content["baseline"] = None
    run_recipe(parse_recipe(content), tmp_path / "run", until="evaluation")
    report = json.loads((tmp_path / "run" / "report" / "metrics.json").read_text())
    assert model_keys(report) == ["teacher", "student"]


def test_a_teacher_is_fine_tuned_on_pairs(setup: Any, tmp_path: Path) -> None:
    content = setup.content(TASK, teacher__fine_tune={"max_steps": 2}, baseline=None)
    run_recipe(parse_recipe(content), tmp_path / "run", until="teacher")
    assert read_files(tmp_path / "run" / "teacher") == SentenceFiles("mean", 32)
    _, info = AutoModel.from_pretrained(tmp_path / "run" / "teacher", output_loading_info=True)
    assert not info["missing_keys"]
    before, after = (
        AutoModel.from_pretrained(folder) for folder in (setup.folder / "encoder", tmp_path / "run/teacher")
    )
    # It went on from the checkpoint, whose body was not drawn anew.
    difference = (after.embeddings.word_embeddings.weight - before.embeddings.word_embeddings.weight).abs().max()
    assert 0 < difference < 0.05


def test_labels_alone_teach_where_there_are_no_objectives(setup: Any, tmp_path: Path) -> None:
    content = setup.content(TASK, objectives=[], task_weight=1, baseline=None)
    run_recipe(parse_recipe(content), tmp_path / "run", until="student")
    stage = json.loads((tmp_path / "run" / "manifest.json").read_text())["stages"]["student"]
    assert (stage["train_rows"], stage["labelled_rows"], stage["task_weight"]) == (96, 96, 1)


def test_rows_that_are_evaluated_in_training_need_no_loss(setup: Any, tmp_path: Path) -> None:
    content = setup.content(TASK, training__eval_strategy="steps", training__eval_steps=2, baseline=None)
    files = content["dataset"]["data_files"]
    files["validation"] = files["test"]
    run_recipe(parse_recipe(content), tmp_path / "run", until="student")
    assert (tmp_path / "run" / "student" / "modules.json").is_file()


def test_a_recipe_without_objectives_learns_vectors(setup: Any) -> None:
    recipe = parse_recipe(setup.content(TASK))
    assert recipe.objectives == ["sentence_cosine"]
    assert recipe.task_weight == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"objectives": ["logits_mse"]},
            "objective logits_mse: compares logits, and the models of the task give none",
        ),
        ({"preset": "distilbert"}, "objective logits_kl: compares logits"),
        ({"task_weight": 0.5}, "task_weight: sentence-similarity has no task loss beside objectives; leave it out"),
        (
            {"intermediate": {"objectives": ["hidden_mse"], "task_weight": 1}},
            "intermediate.task_weight: sentence-similarity has no task loss beside objectives; leave it out",
        ),
    ],
)
def test_a_recipe_that_wants_logits_is_refused(setup: Any, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as error:
        parse_recipe({**setup.content(TASK), **changes})
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"dataset__labels_per_class": 2},
            "dataset.labels_per_class: sentence-similarity has no classes; leave it out",
        ),
        (
            {"objectives": ["sentence_mse:pooling=first"]},
            "objectives: sentence_mse compares vectors by pooling first, and the teacher's are by mean; write pooling",
        ),
        (
            {"dataset__columns": {"scores": "score"}},
            "dataset.columns: sentence-similarity has no column 'scores'; did",
        ),
    ],
)
def test_what_does_not_fit_the_data_or_the_teacher_is_named(
    setup: Any, tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError) as error:
        prepare(parse_recipe(setup.content(TASK, **changes)), Run(tmp_path / "run"))
    assert message in str(error.value)


def test_a_teacher_with_another_head_is_refused(setup: Any, tmp_path: Path) -> None:
    content = setup.content(TASK, teacher__model=str(setup.folder / "teacher"))
    with pytest.raises(InputError, match="was saved as BertForSequenceClassification, which has no head for"):
        prepare(parse_recipe(content), Run(tmp_path / "run"))


@needs_quanto
def test_an_encoder_from_elsewhere_is_quantized(setup: Any, tmp_path: Path, command: Callable[..., Any]) -> None:
    result = command("quantize", setup.folder / "encoder", "--backend", "quanto", "--output-dir", tmp_path / "small")
    assert result.status == 0, result.err
    assert "AutoModel.from_config" in result.out
