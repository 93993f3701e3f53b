# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Loading a data set: from the Hub, from files, or from an installed Python package."""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import datasets
from datasets import Dataset, DatasetDict

from hf_distill.errors import InputError, nearest_name

PACKAGE_PREFIX = "package:"
_BUILDERS = {".parquet": "parquet", ".csv": "csv", ".tsv": "csv", ".json": "json", ".jsonl": "json", ".arrow": "arrow"}


def load_data(
    path: str | None,
    name: str | None = None,
    data_files: Mapping[str, str | Sequence[str]] | None = None,
    splits: Mapping[str, str] | None = None,
    revision: str | None = None,
) -> DatasetDict:
    """
    Load the splits of a data set.

    Args:
        path (`str`, *optional*): A Hub id, a local folder, or `package:MODULE`, an installed module whose
            `load_dataset()` returns a `DatasetDict`. Not read if there are `data_files`.
        name (`str`, *optional*): Configuration of a data set on the Hub.
        data_files (`Mapping`, *optional*): Local files of each split (Parquet, CSV, JSON or Arrow), read in place of
            `path`.
        splits (`Mapping[str, str]`, *optional*): Which split of the data set serves as `train`, `validation` and
            `test`; defaults to the ones of the same name.
        revision (`str`, *optional*): Branch, tag or commit of a data set on the Hub.

    Returns:
        `DatasetDict`: The splits that there are, under the names `train`, `validation` and `test`.

    Raises:
        InputError: If something is missing or empty; the message names the field of the recipe.
    """
    if data_files:
        loaded = _load_files(data_files)
    elif path.startswith(PACKAGE_PREFIX):
        loaded = _load_module(path)
    else:
        loaded = _load_path(path, name, revision)
    chosen = dict(splits or {split: split for split in ("train", "validation", "test") if split in loaded})
    chosen.setdefault("train", "train")
    result = DatasetDict()
    for role, split in chosen.items():
        if split not in loaded:
            raise InputError(
                f"dataset.splits.{role}: the data set has no split {split!r}{nearest_name(split, loaded)}"
            )
        if len(loaded[split]) == 0:
            raise InputError(f"dataset.splits.{role}: the split {split!r} is empty; it needs at least one row")
        result[role] = loaded[split]
    return result


def _load_files(data_files: Mapping[str, str | Sequence[str]]) -> DatasetDict:
    by_split: dict[str, list[str]] = {}
    kinds = set()
    for split, given in data_files.items():
        by_split[split] = [given] if isinstance(given, str) else list(given)
        for file in map(Path, by_split[split]):
            if not file.is_file():
                raise InputError(f"dataset.data_files.{split}: no such file: {file}")
            if file.suffix not in _BUILDERS:
                raise InputError(f"dataset.data_files.{split}: {file.name} must end in one of {', '.join(_BUILDERS)}")
            kinds.add(file.suffix)
    if len(kinds) > 1:
        raise InputError(f"dataset.data_files: files of one kind are needed; got {', '.join(sorted(kinds))}")
    kind = kinds.pop()
    options = {"sep": "\t"} if kind == ".tsv" else {}
    try:
        return datasets.load_dataset(_BUILDERS[kind], data_files=by_split, **options)
    except (OSError, ValueError, datasets.exceptions.DatasetsError) as error:
        empty = re.fullmatch('Instruction "(.+)" corresponds to no data!', str(error))
        if empty:
            raise InputError(f"dataset.data_files.{empty[1]}: has no rows; it needs at least one") from error
        cause = " ".join(str(error.__cause__ or error).split())
        raise InputError(f"dataset.data_files: cannot be read as {_BUILDERS[kind]}: {cause}") from error


def _load_module(path: str) -> DatasetDict:
    module_name = path.removeprefix(PACKAGE_PREFIX)
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise InputError(
            f"dataset.path: the module {module_name!r} cannot be imported ({error}); is it installed?"
        ) from error
    if not hasattr(module, "load_dataset"):
        raise InputError(f"dataset.path: the module {module_name!r} has no load_dataset() that returns a DatasetDict")
    return module.load_dataset()


def _load_path(path: str, name: str | None, revision: str | None) -> DatasetDict:
    try:
        if (Path(path) / "dataset_dict.json").is_file():
            return datasets.load_from_disk(path)
        loaded = datasets.load_dataset(path, name, revision=revision)
    # A folder of save_to_disk with an empty split gives an IndexError.
    except (OSError, ValueError, IndexError, datasets.exceptions.DatasetsError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise InputError(f"dataset.path: {path!r} cannot be loaded: {reason}") from error
    return loaded if isinstance(loaded, DatasetDict) else DatasetDict(train=loaded)


def sample_rows(rows: Dataset, number: int | None, seed: int) -> Dataset:
    """Return `number` rows drawn at random with `seed`, or all rows if there are no more than that."""
    return rows if number is None or number >= len(rows) else rows.shuffle(seed=seed).select(range(number))


def keep_labels_per_class(labels: Sequence[int | None], number: int, seed: int) -> list[int | None]:
    """
    Hide all labels but a few of each class, drawn at random.

    Args:
        labels (`Sequence[int | None]`): The labels, `None` where there is none.
        number (`int`): How many of each class are kept.
        seed (`int`): Seed of the draw.

    Returns:
        `list[int | None]`: The labels, `None` where they are hidden.
    """
    import numpy as np

    left: dict[int, int] = {}
    result: list[int | None] = [None] * len(labels)
    for row in np.random.default_rng(seed).permutation(len(labels)):
        label = labels[row]
        if label is not None and left.setdefault(label, number) > 0:
            left[label] -= 1
            result[row] = label
    return result
