# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Tests of loading a data set."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import datasets
import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features, Value

from hf_distill.data.loading import keep_labels_per_class, load_data, sample_rows
from hf_distill.errors import InputError

ROWS = {"text": ["good", "bad", "fine"], "label": [1, 0, 1]}


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


@pytest.fixture
def rows() -> Dataset:
    return Dataset.from_dict(ROWS)


def write(rows: Dataset, path: Path) -> str:
    if path.suffix == ".tsv":
        rows.to_csv(path, sep="\t", index=False)
    else:
        {".parquet": rows.to_parquet, ".csv": rows.to_csv, ".jsonl": rows.to_json, ".json": rows.to_json}[path.suffix](
            path
        )
    return str(path)


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".tsv", ".jsonl", ".json"])
def test_files_of_every_kind(rows: Dataset, tmp_path: Path, suffix: str) -> None:
    loaded = load_data("files", data_files={"train": write(rows, tmp_path / f"rows{suffix}")})
    assert loaded["train"].to_dict() == ROWS


def test_several_files_make_one_split(rows: Dataset, tmp_path: Path) -> None:
    files = [write(rows, tmp_path / f"{name}.parquet") for name in "ab"]
    assert len(load_data("files", data_files={"train": files})["train"]) == 6


def test_parquet_keeps_class_labels(tmp_path: Path) -> None:
    features = Features({"text": Value("string"), "label": ClassLabel(names=["neg", "pos"])})
    file = write(Dataset.from_dict(ROWS, features=features), tmp_path / "rows.parquet")
    assert load_data("files", data_files={"train": file})["train"].features["label"].names == ["neg", "pos"]


def test_folder_saved_with_save_to_disk(rows: Dataset, tmp_path: Path) -> None:
    DatasetDict(train=rows, test=rows).save_to_disk(tmp_path / "saved")
    assert load_data(str(tmp_path / "saved"))["test"].to_dict() == ROWS


def test_saved_folder_with_an_empty_split_is_refused(rows: Dataset, tmp_path: Path) -> None:
    DatasetDict(train=rows, test=rows.select([])).save_to_disk(tmp_path / "saved")
    with pytest.raises(InputError, match=r"^dataset\.(path|splits\.test): .*saved.* cannot be loaded|is empty"):
        load_data(str(tmp_path / "saved"))


def test_folder_of_files(rows: Dataset, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    write(rows, folder / "train.parquet")
    write(rows, folder / "test.parquet")
    assert set(load_data(str(folder))) == {"train", "test"}


def test_module_of_an_installed_package(rows: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    module = SimpleNamespace(load_dataset=lambda: DatasetDict(train=rows))
    monkeypatch.setitem(sys.modules, "tiny_rows", module)
    assert load_data("package:tiny_rows")["train"].to_dict() == ROWS


def test_module_that_is_not_there() -> None:
    with pytest.raises(
        InputError, match="dataset.path: the module 'no_such_rows' cannot be imported.*is it installed"
    ):
        load_data("package:no_such_rows")


def test_module_without_load_dataset() -> None:
    with pytest.raises(InputError, match=r"dataset.path: the module 'json' has no load_dataset\(\)"):
        load_data("package:json")


def test_splits_take_the_names_of_their_roles(rows: Dataset, tmp_path: Path) -> None:
    file = write(rows, tmp_path / "rows.parquet")
    loaded = load_data("files", data_files={"train": file, "dev": file, "extra": file}, splits={"validation": "dev"})
    assert list(loaded) == ["validation", "train"]


def test_splits_of_other_names_are_left_out(rows: Dataset, tmp_path: Path) -> None:
    file = write(rows, tmp_path / "rows.parquet")
    assert list(load_data("files", data_files={"train": file, "unsupervised": file})) == ["train"]


def test_missing_split_names_the_nearest(rows: Dataset, tmp_path: Path) -> None:
    file = write(rows, tmp_path / "rows.parquet")
    with pytest.raises(
        InputError, match=r"dataset.splits.test: the data set has no split 'tests'; did you mean 'test'"
    ):
        load_data("files", data_files={"train": file, "test": file}, splits={"test": "tests"})


def test_data_set_without_train_lists_its_splits(rows: Dataset, tmp_path: Path) -> None:
    file = write(rows, tmp_path / "rows.parquet")
    with pytest.raises(
        InputError, match="dataset.splits.train: the data set has no split 'train'; there are: dev, exam"
    ):
        load_data("files", data_files={"dev": file, "exam": file})


def test_empty_file(rows: Dataset, tmp_path: Path) -> None:
    files = {"train": write(rows, tmp_path / "a.parquet"), "test": write(rows.select([]), tmp_path / "b.parquet")}
    with pytest.raises(InputError, match="dataset.data_files.test: has no rows"):
        load_data("files", data_files=files)


def test_empty_split(rows: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    module = SimpleNamespace(load_dataset=lambda: DatasetDict(train=rows, test=rows.select([])))
    monkeypatch.setitem(sys.modules, "tiny_rows", module)
    with pytest.raises(InputError, match="dataset.splits.test: the split 'test' is empty"):
        load_data("package:tiny_rows")


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="dataset.data_files.train: no such file: .*rows.parquet"):
        load_data("files", data_files={"train": str(tmp_path / "rows.parquet")})


def test_unknown_suffix(tmp_path: Path) -> None:
    (tmp_path / "rows.xlsx").touch()
    with pytest.raises(InputError, match=r"data_files.train: rows.xlsx must end in one of .parquet, .csv"):
        load_data("files", data_files={"train": str(tmp_path / "rows.xlsx")})


def test_files_of_two_kinds(rows: Dataset, tmp_path: Path) -> None:
    files = {"train": write(rows, tmp_path / "a.csv"), "test": write(rows, tmp_path / "a.parquet")}
    with pytest.raises(InputError, match="files of one kind are needed; got .csv, .parquet"):
        load_data("files", data_files=files)


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [("rows.parquet", "text,label", "parquet"), ("rows.jsonl", "{", "json"), ("rows.csv", "", "csv")],
)
def test_file_that_cannot_be_read(tmp_path: Path, name: str, content: str, kind: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=f"dataset.data_files: cannot be read as {kind}") as caught:
        load_data("files", data_files={"train": str(tmp_path / name)})
    assert "\n" not in str(caught.value)


def test_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="dataset.path: .* cannot be loaded"):
        load_data(str(tmp_path / "nowhere"))


def test_sampled_rows_are_the_same_for_a_seed() -> None:
    rows = Dataset.from_dict({"number": list(range(50))})
    first, again, other = (sample_rows(rows, 10, seed)["number"][:] for seed in (0, 0, 1))
    assert len(set(first)) == 10
    assert first == again != other


def test_sample_of_more_rows_than_there_are_is_all_of_them(rows: Dataset) -> None:
    assert sample_rows(rows, 100, 0)["text"][:] == ROWS["text"]


def test_so_many_labels_of_each_class_are_kept() -> None:
    labels = [row % 3 for row in range(30)]
    kept = keep_labels_per_class(labels, 4, seed=0)
    assert [kept.count(label) for label in (0, 1, 2, None)] == [4, 4, 4, 18]
    assert all(label in (None, labels[row]) for row, label in enumerate(kept))


def test_kept_labels_are_the_same_for_a_seed() -> None:
    labels = [0, 1] * 20
    first, again, other = (keep_labels_per_class(labels, 5, seed) for seed in (0, 0, 1))
    assert first == again != other


def test_class_with_fewer_labels_keeps_all_and_unlabelled_rows_stay_so() -> None:
    assert keep_labels_per_class([0, None, 1, 1], 2, seed=0) == [0, None, 1, 1]
