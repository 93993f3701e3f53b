# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""A user's mistake costs one line and nothing else."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import transformers
from datasets import ClassLabel, Dataset
from safetensors.torch import load_file, save_file
from transformers import BertModel

Refused = Callable[..., str]


@pytest.fixture
def recipe(setup: Any, tmp_path: Path) -> Callable[..., Path]:
    return lambda *task, **changes: setup.write(tmp_path / "tiny.yaml", *task, **changes)


def rows_file(setup: Any, path: Path, split: str = "test", **columns: list) -> str:
    """Copy a data file with other columns."""
    rows = Dataset.from_parquet(str(setup.folder / f"texts-{split}.parquet"))
    for name, values in columns.items():
        rows = rows.remove_columns(name).add_column(name, (values * len(rows))[: len(rows)])
    rows.to_parquet(path)
    return str(path)


def changed_teacher(setup: Any, folder: Path, **config: Any) -> Path:
    shutil.copytree(setup.folder / "teacher", folder)
    file = folder / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **config}))
    return folder


def test_unknown_key_names_the_nearest(recipe: Callable, refused: Refused) -> None:
    line = refused(recipe(teacher__modle="x"))
    assert "tiny.yaml: teacher.modle: unknown key; did you mean 'model'?" in line


def test_bad_training_value_names_the_field(recipe: Callable, refused: Refused) -> None:
    assert "training.learning_rate: input should be a valid number" in refused(recipe(training__learning_rate="fast"))


def test_training_values_that_contradict_each_other(recipe: Callable, refused: Refused) -> None:
    line = refused(recipe(training__load_best_model_at_end=True, training__eval_strategy="no"))
    assert "training: " in line


def test_unknown_objective(recipe: Callable, refused: Refused) -> None:
    assert "no objective 'logits_kk'; did you mean 'logits_kl'?" in refused(recipe(objectives=["logits_kk"]))


def test_unknown_option_of_an_objective(recipe: Callable, refused: Refused) -> None:
    line = refused(recipe(objectives=[{"name": "logits_kl", "temprature": 2}]))
    assert "no option 'temprature'; did you mean 'temperature'?" in line


def test_unknown_task(recipe: Callable, refused: Refused) -> None:
    assert "no task 'text-clasification'; did you mean 'text-classification'" in refused(
        recipe(), "--set", "task=text-clasification"
    )


def test_unknown_backend(recipe: Callable, refused: Refused) -> None:
    assert "no backend 'onxruntime'; did you mean 'onnxruntime'" in refused(
        recipe(quantization=[{"backend": "onxruntime"}])
    )


def test_layers_outside_the_models(recipe: Callable, refused: Refused) -> None:
    line = refused(recipe(objectives=[{"name": "hidden_mse", "layers": [[2, 9]]}]))
    assert "hidden_mse" in line
    assert "9" in line


def test_student_layers_outside_the_teacher(recipe: Callable, refused: Refused) -> None:
    line = refused(recipe(student={"layers": [1, 4]}))
    assert "student.layers: must name teacher layers from 0 to 3; got [1, 4]" in line


def test_student_deeper_than_the_teacher(recipe: Callable, refused: Refused) -> None:
    line = refused(recipe(student__num_hidden_layers=5))
    assert "student.num_hidden_layers: 5 is more than the teacher's 4 layers" in line


def test_no_such_recipe(refused: Refused) -> None:
    assert "no such file or shipped recipe: quickstar; did you mean 'quickstart'?" in refused(Path("quickstar"))


def test_recipe_that_is_not_yaml(refused: Refused, tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("task: [")
    assert "bad.yaml: is not YAML" in refused(tmp_path / "bad.yaml")


def test_no_such_data_file(recipe: Callable, refused: Refused, tmp_path: Path) -> None:
    line = refused(recipe(dataset__data_files__train=str(tmp_path / "none.parquet")))
    assert "dataset.data_files.train: no such file" in line


def test_data_file_that_cannot_be_read(recipe: Callable, refused: Refused, tmp_path: Path) -> None:
    (tmp_path / "broken.parquet").write_text("no parquet")
    line = refused(recipe(dataset__data_files={"train": str(tmp_path / "broken.parquet")}))
    assert "dataset.data_files: cannot be read as parquet" in line


def test_no_such_teacher_folder(recipe: Callable, refused: Refused, tmp_path: Path) -> None:
    assert "teacher.model: no such folder" in refused(recipe(teacher__model=str(tmp_path / "none")))


def test_missing_column(recipe: Callable, refused: Refused) -> None:
    line = refused(recipe(dataset__columns={"text": "txt"}))
    assert "dataset.columns.text: the split 'train' has no column 'txt'; did you mean 'text'?" in line


def test_empty_split(recipe: Callable, refused: Refused, setup: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = Dataset.from_parquet(str(setup.folder / "texts-train.parquet"))
    module = SimpleNamespace(load_dataset=lambda: {"train": rows, "test": rows.select([])})
    monkeypatch.setitem(sys.modules, "tiny_rows", module)
    line = refused(recipe(dataset={"path": "package:tiny_rows"}))
    assert "dataset.splits.test: the split 'test' is empty" in line


def test_data_set_without_a_split_to_measure_on(recipe: Callable, refused: Refused, setup: Any) -> None:
    files = {"train": str(setup.folder / "texts-train.parquet")}
    assert "evaluation.split: the data set has no split test or validation; it has train" in refused(
        recipe(dataset__data_files=files)
    )


def test_label_outside_the_range(recipe: Callable, refused: Refused, setup: Any, tmp_path: Path) -> None:
    files = {
        "train": rows_file(setup, tmp_path / "train.parquet", "train", label=[0, 1]),
        "test": rows_file(setup, tmp_path / "test.parquet", label=[0, 1, 5]),
    }
    line = refused(recipe(dataset__data_files=files))
    assert "split 'test', row 2: the label 5 is outside the 2 labels" in line


def test_split_without_labels(recipe: Callable, refused: Refused, setup: Any, tmp_path: Path) -> None:
    file = rows_file(setup, tmp_path / "test.parquet", label=[-1])
    train = rows_file(setup, tmp_path / "train.parquet", "train", label=[0, 1])
    line = refused(recipe(dataset__data_files={"train": train, "test": file}))
    assert "the split 'test' has no row with a label" in line


def test_label_names_that_differ_are_both_listed(
    recipe: Callable, refused: Refused, setup: Any, tmp_path: Path
) -> None:
    names = {"id2label": {"0": "sad", "1": "happy"}, "label2id": {"sad": 0, "happy": 1}}
    line = refused(recipe(teacher__model=str(changed_teacher(setup, tmp_path / "teacher", **names))))
    assert "neg, pos" in line
    assert "sad, happy" in line


def test_more_labels_than_the_teacher_has(recipe: Callable, refused: Refused, setup: Any, tmp_path: Path) -> None:
    rows = Dataset.from_parquet(str(setup.folder / "texts-train.parquet"))
    rows = rows.cast_column("label", ClassLabel(names=["neg", "pos", "so-so"]))
    rows.to_parquet(tmp_path / "rows.parquet")
    files = dict.fromkeys(("train", "test"), str(tmp_path / "rows.parquet"))
    assert "labels: the 3 of the data set" in refused(recipe(dataset__data_files=files))


def test_teacher_without_a_head(recipe: Callable, refused: Refused, setup: Any, tmp_path: Path) -> None:
    folder = changed_teacher(setup, tmp_path / "teacher")
    BertModel.from_pretrained(folder).save_pretrained(folder)
    line = refused(recipe(teacher__model=str(folder)))
    assert "was saved as BertModel, which has no head for text-classification" in line
    assert "teacher.fine_tune" in line


def test_teacher_with_the_head_of_another_task(recipe: Callable, refused: Refused, setup: Any) -> None:
    line = refused(recipe(teacher__model=str(setup.folder / "tagger")))
    assert "was saved as BertForTokenClassification, which has no head for text-classification" in line


def test_student_with_another_tokenizer(recipe: Callable, refused: Refused, setup: Any, tmp_path: Path) -> None:
    folder = changed_teacher(setup, tmp_path / "student")
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    vocabulary = tokenizer["model"]["vocab"]
    vocabulary["good"], vocabulary["bad"] = vocabulary["bad"], vocabulary["good"]
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    (folder / "vocab.txt").unlink(missing_ok=True)
    line = refused(recipe(student__model=str(folder), preset="tinybert"))
    assert "objective attention_mse: compares queries, keys token by token" in line


def test_longer_input_than_the_teacher_takes(recipe: Callable, refused: Refused) -> None:
    line = refused(recipe(dataset__max_length=33))
    assert "dataset.max_length: 33 is more than the 32 tokens that the teacher takes" in line


def test_unknown_stage(recipe: Callable, refused: Refused) -> None:
    assert "--until: there is no stage 'studen'; did you mean 'student'?" in refused(recipe(), "--until", "studen")


def test_quantization_where_it_cannot_work(
    recipe: Callable, refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transformers, "__version__", "5.23.0")
    line = refused(recipe(quantization=[{"backend": "onnxruntime"}]))
    assert "uvx --from 'hf-distill[onnx]" in line
    assert "--set quantization=[]" in line


def test_folder_that_is_not_a_run_is_left_alone(recipe: Callable, command: Callable, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "anna.jpg").touch()
    result = command("run", recipe(), "--output-dir", tmp_path / "photos")
    assert result.status == 2
    assert "is not empty and not a run" in result.err
    assert [path.name for path in (tmp_path / "photos").iterdir()] == ["anna.jpg"]


def test_folder_of_another_recipe_is_left_alone(recipe: Callable, command: Callable, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "recipe.yaml").write_text("task: text-classification\ntraining: {max_steps: 9}\n")
    before = (folder / "recipe.yaml").read_text()
    result = command("run", recipe(), "--output-dir", folder)
    assert result.status == 2
    assert "holds the run of another recipe" in result.err
    assert len(result.err.splitlines()) == 1
    assert (folder / "recipe.yaml").read_text() == before
    assert len(list(folder.iterdir())) == 1


def test_mistake_can_be_corrected_in_the_same_folder(recipe: Callable, command: Callable, refused: Refused) -> None:
    assert "student" in refused(recipe(student__num_hidden_layers=5))
    # Nothing was left that would make the corrected recipe another one.
    assert "another recipe" not in refused(recipe(student__num_hidden_layers=6))


def test_teacher_that_gives_nan_stops_at_the_first_batch(
    recipe: Callable, command: Callable, setup: Any, tmp_path: Path
) -> None:
    folder = changed_teacher(setup, tmp_path / "teacher")
    weights = load_file(folder / "model.safetensors")
    weights["classifier.weight"][:] = torch.nan
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    result = command("run", recipe(teacher__model=str(folder)), "--output-dir", tmp_path / "run")
    assert result.status == 2
    assert len(result.err.splitlines()) == 1
    assert "not finite" in result.err
    assert not (tmp_path / "run" / "student").exists()
    assert not (tmp_path / "run" / "baseline").exists()


@pytest.mark.parametrize("name", ["evaluate", "quantize"])
def test_folder_that_is_not_a_run_cannot_be_measured(command: Callable, tmp_path: Path, name: str) -> None:
    result = command(name, tmp_path)
    assert result.status == 2
    assert "is not a run (it has no recipe.yaml)" in result.err
    assert len(result.err.splitlines()) == 1
