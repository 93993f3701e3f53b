# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Whole tiny runs: what they leave, and how they go on after a stop."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from datasets import Dataset, Value
from huggingface_hub import ModelCard
from safetensors.torch import load_file
from transformers import AutoModelForSequenceClassification, AutoTokenizer, TrainerCallback, pipeline

from hf_distill.errors import InputError
from hf_distill.evaluation.report import comparison_rows
from hf_distill.pipeline import learning, training
from hf_distill.pipeline.quantize import _Loss
from hf_distill.pipeline.recipe import load_recipe, parse_recipe
from hf_distill.pipeline.run import run_recipe
from hf_distill.quantization import find_backend


def quantizes() -> bool:
    try:
        find_backend("onnxruntime").check()
    except InputError:
        return False
    return True


QUANTIZES = quantizes()
needs_quanto = pytest.mark.skipif(importlib.util.find_spec("optimum.quanto") is None, reason="needs optimum-quanto")
MODELS = ["teacher", "baseline", "student", *(["quantized/onnxruntime"] if QUANTIZES else [])]
STAGES = ["recording", "student", "baseline", *(["quantization"] if QUANTIZES else []), "evaluation", "card"]
# Enough steps for the baseline to learn what the random teacher does not know.
LEARNING = {"training__max_steps": 40, "training__per_device_train_batch_size": 16}
SLOW_ENOUGH_TO_STOP = {"training__max_steps": 10, "training__save_steps": 2, "training__save_total_limit": 2}


@pytest.fixture(scope="module")
def finished(setup: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of the tiny recipe."""
    content = setup.content(quantization=[{"backend": "onnxruntime"}] if QUANTIZES else [], **LEARNING)
    return run_recipe(parse_recipe(content), tmp_path_factory.mktemp("runs") / "tiny")


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    """A copy of the finished run that a test may change."""
    return Path(shutil.copytree(finished, tmp_path / "tiny"))


def again(folder: Path, until: str | None = None) -> list[str]:
    """Start a run again and return what it announces."""
    lines: list[str] = []
    run_recipe(load_recipe(folder / "recipe.yaml"), folder, until, lines.append)
    return lines


def contents(folder: Path) -> dict[str, tuple[int, str]]:
    """Return when each file was written and what it holds."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        str(path.relative_to(folder)): (path.stat().st_mtime_ns, hashlib.sha256(path.read_bytes()).hexdigest())
        for path in files
    }


def report_of(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "report" / "metrics.json").read_text())


def manifest_of(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "manifest.json").read_text())


def weights_of(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


def assert_same_weights(one: Path, other: Path) -> None:
    first, second = weights_of(one), weights_of(other)
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_folder_holds_what_a_run_consists_of_and_nothing_else(finished: Path) -> None:
    wanted = {"recipe.yaml", "manifest.json", "recording", "student", "baseline", "report"} | (
        {"quantized"} if QUANTIZES else set()
    )
    assert {path.name for path in finished.iterdir()} == wanted
    assert {path.name for path in (finished / "report").iterdir()} == {
        "metrics.json",
        "comparison.md",
        "comparison.png",
        "losses.json",
        "losses.png",
        "disagreements.json",
        "index.html",
    }


MEASURED = ("metrics", "parameters", "size_bytes", "latency_ms", "agreement_with_teacher")


def changed(value: Any, digits: int) -> Any:
    """Return other numbers in a model's entry of a report, each unlike all others."""
    if isinstance(value, dict):
        return {name: changed(entry, digits * 10 + place) for place, (name, entry) in enumerate(value.items(), 1)}
    return digits if isinstance(value, int) else digits / 10 ** len(str(digits))


def test_every_number_of_a_card_comes_from_the_report(run: Path, command: Callable) -> None:
    report = report_of(run)
    for place, model in enumerate(MODELS, 1):
        report[model] |= changed({key: report[model][key] for key in MEASURED}, place)
    report["training"] |= {"steps": 98_765, "seconds": 54_321.0, "rows": 43_210}
    (run / "report" / "metrics.json").write_text(json.dumps(report))
    result = command("card", run)
    assert result.status == 0, result.err
    written = [run / model / "README.md" for model in ("student", *MODELS[3:])]
    assert result.out.split() == [str(path) for path in written]
    for card in written:
        text = card.read_text()
        for row in comparison_rows(report):
            shown = [*row.scores.values(), row.latency_batch_1, row.latency_batch_32, row.speedup_batch_1]
            line = next(line for line in text.splitlines() if line.startswith(f"| {row.model} |"))
            cells = [cell.strip() for cell in line.split("|")]
            for number in shown:
                assert {f"{number:.4f}", f"{number:.2f}", f"{number:.2f}x"} & set(cells), (row.model, number, line)
            assert f"{100 * row.kept:.1f}%" in cells and f"{row.agreement:.4f}" in cells
        assert all(number in text for number in ("98,765", "54,321", "43,210"))
    data = ModelCard.load(run / "student" / "README.md").data
    scores = {result.metric_type: result.metric_value for result in data.eval_results}
    assert scores == pytest.approx(report["student"]["metrics"], abs=1e-6)


def test_manifest_names_every_stage_as_done(finished: Path) -> None:
    manifest = manifest_of(finished)
    assert list(manifest["stages"]) == STAGES
    for stage in manifest["stages"].values():
        assert stage["state"] == "done"
        assert len(stage["fingerprint"]) == 16
        assert stage["seconds"] >= 0
    assert {"torch", "transformers", "datasets"} <= set(manifest["versions"])


def test_report_has_every_model_with_every_number(finished: Path) -> None:
    report = report_of(finished)
    assert report["primary_metric"] == "accuracy"
    for model in MODELS:
        entry = report[model]
        assert {"metrics", "parameters", "size_bytes", "latency_ms"} <= set(entry)
        assert 0 <= entry["metrics"]["accuracy"] <= 1
        assert entry["parameters"] > 0
        assert entry["size_bytes"] > 0
        assert set(entry["latency_ms"]) == {"batch_1", "batch_8", "batch_32"}
        for times in entry["latency_ms"].values():
            assert 0 < times["p50"] <= times["p95"]
        if model != "teacher":
            assert 0 <= entry["agreement_with_teacher"] <= 1


def test_report_says_how_it_was_measured(finished: Path) -> None:
    report = report_of(finished)
    assert (report["split"], report["rows"], report["task"]) == ("test", 48, "text-classification")


def test_cards_are_there(finished: Path) -> None:
    cards = ["student/README.md", *(["quantized/onnxruntime/README.md"] if QUANTIZES else [])]
    assert manifest_of(finished)["stages"]["card"]["cards"] == cards
    assert all((finished / card).read_text().startswith("---\n") for card in cards)


def test_student_loads_with_no_missing_and_no_unexpected_keys(finished: Path) -> None:
    _, info = AutoModelForSequenceClassification.from_pretrained(finished / "student", output_loading_info=True)
    assert not info["missing_keys"]
    assert not info["unexpected_keys"]
    assert not info["mismatched_keys"]


def test_student_runs_in_a_pipeline(finished: Path) -> None:
    model = AutoModelForSequenceClassification.from_pretrained(finished / "student")
    tokenizer = AutoTokenizer.from_pretrained(finished / "student")
    answer = pipeline("text-classification", model=model, tokenizer=tokenizer, device="cpu")("the film was good")
    assert answer[0]["label"] in ("neg", "pos")


@pytest.mark.skipif(not QUANTIZES, reason="needs optimum-onnx")
def test_quantized_model_runs_in_a_pipeline(finished: Path) -> None:
    from optimum.onnxruntime import ORTModelForSequenceClassification

    folder = finished / "quantized" / "onnxruntime"
    model = ORTModelForSequenceClassification.from_pretrained(folder, file_name="model_quantized.onnx")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    answer = pipeline("text-classification", model=model, tokenizer=tokenizer, device="cpu")("the film was good")
    assert answer[0]["label"] in ("neg", "pos")


def test_teacher_below_the_baseline_is_warned_of(finished: Path) -> None:
    report = report_of(finished)
    assert report["teacher"]["metrics"]["accuracy"] < report["baseline"]["metrics"]["accuracy"]
    for file in ("report/comparison.md", "student/README.md"):
        assert "scores below the baseline" in (finished / file).read_text(), file


def test_second_start_skips_every_stage_and_changes_no_file(run: Path) -> None:
    before = contents(run)
    assert again(run) == [f"{stage}: done already" for stage in STAGES]
    assert contents(run) == before


def test_what_was_deleted_is_made_again(run: Path) -> None:
    before = weights_of(run / "student")
    shutil.rmtree(run / "student")
    lines = again(run)
    assert lines[0] == "recording: done already"
    assert not lines[1].endswith("done already")
    assert lines[2] == "baseline: done already"
    assert all(torch.equal(before[name], weight) for name, weight in weights_of(run / "student").items())
    assert (run / "student" / "README.md").is_file()


def test_until_stops_and_the_next_start_goes_on(setup: Any, tmp_path: Path) -> None:
    recipe = parse_recipe(setup.content())
    run_recipe(recipe, tmp_path / "run", until="student")
    assert list(manifest_of(tmp_path / "run")["stages"]) == ["recording", "student"]
    lines = again(tmp_path / "run")
    assert [line.endswith("done already") for line in lines] == [True, True, False, False, False]


def test_other_data_in_the_same_file_are_trained_on_again(setup: Any, tmp_path: Path) -> None:
    files = {split: str(shutil.copy(setup.folder / f"texts-{split}.parquet", tmp_path)) for split in ("train", "test")}
    recipe = parse_recipe(setup.content(dataset__data_files=files, baseline=False))
    run_recipe(recipe, tmp_path / "run")
    rows = Dataset.from_parquet(files["train"])
    rows.select(range(40)).to_parquet(files["train"])
    assert not any(line.endswith("done already") for line in again(tmp_path / "run"))
    assert manifest_of(tmp_path / "run")["stages"]["student"]["train_rows"] == 40


def test_no_baseline(setup: Any, tmp_path: Path) -> None:
    run_recipe(parse_recipe(setup.content(baseline=False)), tmp_path / "run")
    assert not (tmp_path / "run" / "baseline").exists()
    assert "baseline" not in report_of(tmp_path / "run")


def test_label_names_in_another_order_are_matched_by_name(setup: Any, tmp_path: Path, finished: Path) -> None:
    # The same rows, with the names of the labels in the other order and hence other numbers.
    files = {}
    for split in ("train", "test"):
        rows = Dataset.from_parquet(str(setup.folder / f"texts-{split}.parquet"))
        swapped = [["pos", "neg"].index(rows.features["label"].int2str(label)) for label in rows["label"]]
        feature = type(rows.features["label"])(names=["pos", "neg"])
        rows = rows.remove_columns("label").add_column("label", swapped, feature=feature)
        rows.to_parquet(tmp_path / f"{split}.parquet")
        files[split] = str(tmp_path / f"{split}.parquet")
    # A model that has learnt the labels in their first order.
    teacher = str(finished / "baseline")
    changes = {"teacher__model": teacher, "dataset__data_files": files, "baseline": False}
    run_recipe(parse_recipe(setup.content(student__num_hidden_layers=1, **changes)), tmp_path / "run")
    score = report_of(finished)["baseline"]["metrics"]["accuracy"]
    assert score > 0.6
    assert report_of(tmp_path / "run")["teacher"]["metrics"]["accuracy"] == score
    student = AutoModelForSequenceClassification.from_pretrained(tmp_path / "run" / "student")
    assert student.config.id2label == {0: "neg", 1: "pos"}


def captured_training(setup: Any, folder: Path, monkeypatch: pytest.MonkeyPatch, **changes: Any) -> dict[str, dict]:
    """Return what each model would be trained with, without training it."""
    seen: dict[str, dict] = {}

    def train(
        context: Any, stage: str, inputs: str, model: Any, teacher: Any, args: Any, rows: Any, during: Any = None
    ) -> dict:
        weights = {name: weight.clone() for name, weight in model.state_dict().items()}
        seen[stage] = {"weights": weights, "args": args, "rows": rows, "teacher": teacher}
        return {"steps": 7, "train_rows": len(rows)}

    monkeypatch.setattr(learning, "train", train)
    run_recipe(parse_recipe(setup.content(**changes)), folder, until="baseline")
    return seen


def test_baseline_starts_from_the_same_weights_for_as_many_steps(
    setup: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = captured_training(setup, tmp_path / "run", monkeypatch)
    student, baseline = seen["student"], seen["baseline"]
    assert all(torch.equal(student["weights"][name], weight) for name, weight in baseline["weights"].items())
    assert baseline["args"].max_steps == 7
    assert baseline["args"].objectives == []
    assert baseline["teacher"] is None
    assert student["args"].seed == baseline["args"].seed


def test_narrow_student_and_its_baseline_start_alike(
    setup: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = captured_training(setup, tmp_path / "run", monkeypatch, student={"hidden_size": 16})
    assert all(
        torch.equal(seen["student"]["weights"][name], weight) for name, weight in seen["baseline"]["weights"].items()
    )


def test_rows_without_a_label_teach_the_student_only(
    setup: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = captured_training(setup, tmp_path / "run", monkeypatch, dataset__labels_per_class=5)
    assert len(seen["student"]["rows"]) == 96
    assert len(seen["baseline"]["rows"]) == 10
    assert sum(label != -100 for label in seen["student"]["rows"]["labels"]) == 10


def test_student_without_objectives_learns_from_labelled_rows(
    setup: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = {"objectives": [], "task_weight": 1.0, "dataset__labels_per_class": 5}
    seen = captured_training(setup, tmp_path / "run", monkeypatch, **changes)
    assert len(seen["student"]["rows"]) == 10


def test_baseline_takes_its_own_training_options(setup: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changes = {"baseline": {"training": {"learning_rate": 0.125}}}
    seen = captured_training(setup, tmp_path / "run", monkeypatch, **changes)
    assert seen["baseline"]["args"].learning_rate == 0.125
    assert seen["student"]["args"].learning_rate == 0.003


def test_unlabelled_rows_of_every_kind_train_a_whole_run(setup: Any, tmp_path: Path) -> None:
    rows = Dataset.from_parquet(str(setup.folder / "texts-train.parquet")).cast_column("label", Value("int64"))
    labels = [(None, -1, label)[row % 3] for row, label in enumerate(rows["label"])]
    rows = rows.remove_columns("label").add_column("label", labels, feature=Value("int64"))
    rows.to_parquet(tmp_path / "train.parquet")
    test = Dataset.from_parquet(str(setup.folder / "texts-test.parquet")).cast_column("label", Value("int64"))
    test.to_parquet(tmp_path / "test.parquet")
    files = {split: str(tmp_path / f"{split}.parquet") for split in ("train", "test")}
    run_recipe(parse_recipe(setup.content(dataset__data_files=files)), tmp_path / "run")
    stages_done = manifest_of(tmp_path / "run")["stages"]
    assert stages_done["student"]["train_rows"] == 96
    assert stages_done["student"]["labelled_rows"] == 32
    assert stages_done["baseline"]["train_rows"] == 32
    # Names that say nothing are taken from the teacher.
    assert report_of(tmp_path / "run")["student"]["metrics"]["accuracy"] >= 0


def test_fine_tuned_teacher_is_kept_and_teaches(setup: Any, tmp_path: Path) -> None:
    fine_tune = {"max_steps": 3, "learning_rate": 0.005, "disable_tqdm": True}
    recipe = parse_recipe(setup.content(teacher__fine_tune=fine_tune, baseline=False))
    run_recipe(recipe, tmp_path / "run")
    fine_tuned = weights_of(tmp_path / "run" / "teacher")
    original = weights_of(setup.folder / "teacher")
    assert manifest_of(tmp_path / "run")["stages"]["teacher"]["steps"] == 3
    assert any(not torch.equal(fine_tuned[name], original[name]) for name in original)
    assert not (tmp_path / "run" / "checkpoints").exists()


def test_token_classification_from_data_to_card(setup: Any, tmp_path: Path) -> None:
    content = setup.content(
        "token-classification", quantization=[{"backend": "onnxruntime"}] if QUANTIZES else [], **LEARNING
    )
    run_recipe(parse_recipe(content), tmp_path / "run")
    report = report_of(tmp_path / "run")
    assert report["primary_metric"] == "f1"
    assert set(MODELS) <= set(report)
    assert report["baseline"]["metrics"]["f1"] > report["teacher"]["metrics"]["f1"]
    assert "token-classification" in (tmp_path / "run" / "student" / "README.md").read_text()


class Stop(TrainerCallback):
    """Interrupt the training as Ctrl-C does."""

    def __init__(self, step: int):
        self.step = step

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step == self.step:
            raise KeyboardInterrupt


def interrupt(recipe: Any, folder: Path, step: int) -> None:
    """Start a run whose student's training is interrupted after a step."""

    class Interrupted(training.DistillationTrainer):
        def __init__(self, *args: Any, **kwargs: Any):
            super().__init__(*args, callbacks=[Stop(step)], **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "DistillationTrainer", Interrupted)
        with pytest.raises(KeyboardInterrupt):
            run_recipe(recipe, folder)


@pytest.fixture(scope="module")
def stopping(setup: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    """A recipe whose student is narrow, so that projections must be resumed too, and its uninterrupted student."""
    recipe = parse_recipe(
        setup.content(student={"num_hidden_layers": 2, "hidden_size": 16}, baseline=False, **SLOW_ENOUGH_TO_STOP)
    )
    folder = tmp_path_factory.mktemp("uninterrupted") / "run"
    return recipe, run_recipe(recipe, folder, until="student") / "student"


def test_interrupted_stage_goes_on_to_the_same_weights(stopping: tuple[Any, Path], tmp_path: Path) -> None:
    recipe, uninterrupted = stopping
    interrupt(recipe, tmp_path / "run", step=5)
    assert manifest_of(tmp_path / "run")["stages"]["student"]["state"] == "stopped"
    assert not (tmp_path / "run" / "student").exists()
    run_recipe(recipe, tmp_path / "run", until="student")
    assert_same_weights(tmp_path / "run" / "student", uninterrupted)
    assert manifest_of(tmp_path / "run")["stages"]["student"]["steps"] == 10


def test_interrupted_stage_does_not_begin_anew(
    stopping: tuple[Any, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe, _ = stopping
    interrupt(recipe, tmp_path / "run", step=5)
    steps = []
    monkeypatch.setattr(
        Stop, "on_step_end", lambda self, args, state, control, **kwargs: steps.append(state.global_step)
    )

    class Watched(training.DistillationTrainer):
        def __init__(self, *args: Any, **kwargs: Any):
            super().__init__(*args, callbacks=[Stop(0)], **kwargs)

    monkeypatch.setattr(training, "DistillationTrainer", Watched)
    run_recipe(recipe, tmp_path / "run", until="student")
    assert steps == [5, 6, 7, 8, 9, 10]


def test_incomplete_checkpoint_is_passed_over(stopping: tuple[Any, Path], tmp_path: Path) -> None:
    recipe, uninterrupted = stopping
    interrupt(recipe, tmp_path / "run", step=5)
    checkpoints = tmp_path / "run" / "checkpoints" / "student"
    (checkpoints / "checkpoint-4" / "trainer_state.json").unlink()
    run_recipe(recipe, tmp_path / "run", until="student")
    assert_same_weights(tmp_path / "run" / "student", uninterrupted)


@pytest.mark.slow
def test_killed_process_goes_on_to_the_same_weights(setup: Any, tmp_path: Path) -> None:
    changes = {"training__max_steps": 200, "training__save_steps": 10, "baseline": False}
    recipe = setup.write(tmp_path / "tiny.yaml", **changes)
    command = [sys.executable, "-m", "hf_distill", "run", str(recipe), "--until", "student", "--output-dir"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_DATASETS_CACHE": str(tmp_path / "cache")}
    process = subprocess.Popen(
        [*command, str(tmp_path / "killed")], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    checkpoints = tmp_path / "killed" / "checkpoints" / "student"
    deadline = time.monotonic() + 120
    while not list(checkpoints.glob("checkpoint-*/trainer_state.json")) and time.monotonic() < deadline:
        assert process.poll() is None, "ended before its first checkpoint"
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "killed" / "student").exists()
    run_recipe(load_recipe(recipe), tmp_path / "killed", until="student")
    run_recipe(load_recipe(recipe), tmp_path / "whole", until="student")
    assert_same_weights(tmp_path / "killed" / "student", tmp_path / "whole" / "student")


def test_evaluate_writes_the_report_again(run: Path, command: Callable) -> None:
    before = report_of(run)
    shutil.rmtree(run / "report")
    result = command("evaluate", run)
    assert result.status == 0, result.err
    assert report_of(run)["student"]["metrics"] == before["student"]["metrics"]
    assert "Comparison by accuracy" in result.out


@pytest.mark.skipif(not QUANTIZES, reason="needs optimum-onnx")
def test_quantize_makes_the_quantized_model_again(run: Path, command: Callable) -> None:
    shutil.rmtree(run / "quantized")
    result = command("quantize", run)
    assert result.status == 0, result.err
    assert (run / "quantized" / "onnxruntime" / "model_quantized.onnx").is_file()
    assert (run / "quantized" / "onnxruntime" / "README.md").is_file()


@pytest.mark.skipif(not QUANTIZES, reason="needs optimum-onnx")
def test_operators_stay_in_floats_where_int8_loses_too_much(
    run: Path, command: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    import onnx

    def in_int8(folder: Path) -> int:
        nodes = onnx.load(folder / "model_quantized.onnx").graph.node
        return sum(node.op_type == "MatMulInteger" for node in nodes)

    quantized = run / "quantized" / "onnxruntime"
    before = in_int8(quantized)
    monkeypatch.setattr(_Loss, "drop", lambda self, folder: 0.02 * (in_int8(folder) > before - 3))
    result = command("quantize", run)
    assert result.status == 0, result.err
    assert in_int8(quantized) == before - 3
    budget = report_of(run)["quantized/onnxruntime"]["budget"]
    assert budget["held"] and budget["drop_of_all"] == 0.02 and budget["measured_on"] == "test"
    assert len(budget["kept"]) == 3
    assert f"3 of its {budget['operators']} operators stay in floats" in result.out
    assert [path.name for path in (run / "quantized").iterdir()] == ["onnxruntime"]


@needs_quanto
def test_a_run_is_quantized_with_a_backend_that_its_recipe_does_not_name(
    setup: Any, tmp_path: Path, command: Callable
) -> None:
    run_recipe(parse_recipe(setup.content()), tmp_path / "run", until="student")
    result = command("quantize", tmp_path / "run", "--backend", "quanto", "weights=int4", "max_drop=1")
    assert result.status == 0, result.err
    assert (tmp_path / "run" / "quantized" / "quanto" / "README.md").is_file()
    entry = report_of(tmp_path / "run")["quantized/quanto"]
    assert entry["precision"] == "int4"
    assert 0 <= entry["agreement_with_student"] <= 1 and entry["largest_logit_error"] > 0
    assert "int4 (quanto)" in result.out
    listed = yaml.safe_load((tmp_path / "run" / "recipe.yaml").read_text())["quantization"]
    assert [(section["backend"], section["weights"], section["max_drop"]) for section in listed] == [
        ("quanto", "int4", 1)
    ]
    again = command("quantize", tmp_path / "run", "--backend", "quanto", "weights=int8")
    assert again.status == 0, again.err
    assert report_of(tmp_path / "run")["quantized/quanto"]["precision"] == "int8"


@needs_quanto
def test_a_backend_that_does_not_work_here_is_left_out_where_another_is_asked_for(
    setup: Any, tmp_path: Path, command: Callable, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    # As if it had been quantized in another environment.
    run_recipe(parse_recipe(setup.content()), tmp_path / "run", until="student")
    recipe = yaml.safe_load((tmp_path / "run" / "recipe.yaml").read_text())
    recipe["quantization"] = [{"backend": "openvino"}]
    (tmp_path / "run" / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    (tmp_path / "run" / "quantized" / "openvino").mkdir(parents=True)
    monkeypatch.setattr(
        find_backend("openvino").__class__,
        "check",
        lambda self, target="": raise_(InputError("openvino: is not here")),
    )
    result = command("quantize", tmp_path / "run", "--backend", "quanto")
    assert result.status == 0, result.err
    report = report_of(tmp_path / "run")
    assert "quantized/quanto" in report and "quantized/openvino" not in report
    assert "quantized/openvino is left out of the report: openvino: is not here" in caplog.text
    assert command("evaluate", tmp_path / "run").status == 2


def raise_(error: Exception) -> None:
    raise error


def test_a_mistake_leaves_the_recipe_of_a_run_as_it_was(run: Path, command: Callable) -> None:
    before = (run / "recipe.yaml").read_text()
    result = command("quantize", run, "--backend", "quanto", "weights=int3")
    assert result.status == 2
    assert "weights: input should be 'int8', 'int4' or 'fp8'; got 'int3'" in result.err
    assert (run / "recipe.yaml").read_text() == before


def test_run_without_student_cannot_be_evaluated(setup: Any, tmp_path: Path, command: Callable) -> None:
    (tmp_path / "recipe.yaml").write_text(parse_recipe(setup.content()).to_yaml())
    result = command("evaluate", tmp_path)
    assert result.status == 2
    assert "has no student yet; finish it with hf-distill run" in result.err


def test_compare_shows_runs_in_one_table_and_picture(
    run: Path, finished: Path, command: Callable, tmp_path: Path
) -> None:
    other = run.rename(tmp_path / "other")
    result = command("compare", finished, other, "--output-dir", tmp_path, "--picture", tmp_path / "both.png")
    assert result.status == 0, result.err
    assert "tiny" in result.out
    assert "other" in result.out
    assert (tmp_path / "both.png").read_bytes().startswith(b"\x89PNG")


def test_command_line_runs_a_recipe(setup: Any, tmp_path: Path, command: Callable) -> None:
    recipe = setup.write(tmp_path / "tiny.yaml")
    result = command(
        "run", recipe, "--set", "baseline=false", "training.max_steps=2", "--output-dir", tmp_path / "run"
    )
    assert result.status == 0, result.err
    assert "== student: Distil the student." in result.out
    assert f"Everything is in {tmp_path / 'run'}" in result.out
    assert manifest_of(tmp_path / "run")["stages"]["student"]["steps"] == 2


def test_interrupted_command_says_how_to_go_on(
    setup: Any, tmp_path: Path, command: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*arguments: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(learning, "train", interrupted)
    result = command("run", setup.write(tmp_path / "tiny.yaml"), "--output-dir", tmp_path / "run")
    assert result.status == 1
    assert "the same command continues" in result.err
