# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import datasets
import pytest

from hf_distill.data.docstrings import (
    LIBRARIES,
    MAXIMUM_EVALUATION_MODULE,
    MAXIMUM_TOKENS,
    MINIMUM_WORDS,
    Docstring,
    clean_docstring,
    collect_splits,
    list_modules,
    load_dataset,
    read_docstrings,
)

SIZES = {"train_size": 90, "validation_size": 27, "test_size": 45}
FAKE_LIBRARIES = {"first": "fake_first_library", "second": "fake_second_library"}


@pytest.fixture(scope="module")
def dataset() -> datasets.DatasetDict:
    """A small data set from the libraries that are installed."""
    return load_dataset(**SIZES)


@pytest.fixture(scope="module")
def splits() -> dict[str, list[Docstring]]:
    """The docstrings of the small data set with their modules."""
    return collect_splits(**SIZES)


@pytest.fixture
def fake_libraries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Two packages of 30 modules with 4 docstrings each; importing one of them fails."""
    for import_name in FAKE_LIBRARIES.values():
        folder = tmp_path / import_name
        folder.mkdir()
        (folder / "__init__.py").write_text("raise RuntimeError('imported')\n")
        for module in range(30):
            write_module(folder / f"module_{module:02d}.py", [f"{import_name} {module} {row}" for row in range(4)])
    monkeypatch.syspath_prepend(str(tmp_path))
    return FAKE_LIBRARIES


def write_module(path: Path, keys: list[str]) -> None:
    """Write a module with one function for each key, with a docstring of words that depend on the key alone."""
    path.write_text("".join(f'def function_{index}():\n    """{words(key)}"""\n\n' for index, key in enumerate(keys)))


def words(key: str) -> str:
    """Give twelve made-up words."""
    digits = str.maketrans("0123456789", "ghijklmnop")
    return " ".join(
        hashlib.sha256(f"{key} {position}".encode()).hexdigest()[:6].translate(digits) for position in range(12)
    )


def test_features_are_text_and_library(dataset: datasets.DatasetDict) -> None:
    expected = {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=list(LIBRARIES))}
    assert [dict(split.features) for split in dataset.values()] == [expected] * 3


def test_splits_have_the_wanted_sizes(dataset: datasets.DatasetDict) -> None:
    assert dataset.num_rows == {"train": 90, "validation": 27, "test": 45}


def test_splits_are_balanced(dataset: datasets.DatasetDict) -> None:
    counts = {split: set(Counter(rows["label"]).values()) for split, rows in dataset.items()}
    assert counts == {"train": {10}, "validation": {3}, "test": {5}}


def test_rows_mix_the_libraries(dataset: datasets.DatasetDict) -> None:
    assert len(set(dataset["train"]["label"][:30])) >= 6


def test_modules_are_in_one_split_only(splits: dict[str, list[Docstring]]) -> None:
    modules = [{docstring.module for docstring in docstrings} for docstrings in splits.values()]
    assert len(set.union(*modules)) == sum(map(len, modules))


def test_no_text_is_repeated(splits: dict[str, list[Docstring]]) -> None:
    texts = [docstring.text.lower() for docstrings in splits.values() for docstring in docstrings]
    assert len(set(texts)) == len(texts)


def test_library_names_are_masked(splits: dict[str, list[Docstring]]) -> None:
    names = re.compile(
        r"torch|transformers|sklearn|scikit|numpy|scipy|pandas|matplotlib|sympy|networkx|pyplot|hugging ?face"
        r"|\b(?:np|pd|plt|nx|hf)\b",
        re.IGNORECASE,
    )
    assert [text.text for texts in splits.values() for text in texts if names.search(text.text)] == []


def test_texts_have_the_wanted_length(splits: dict[str, list[Docstring]]) -> None:
    lengths = [len(docstring.text.split()) for docstrings in splits.values() for docstring in docstrings]
    assert max(lengths) <= MAXIMUM_TOKENS


def test_data_set_does_not_depend_on_the_hash_seed(splits: dict[str, list[Docstring]]) -> None:
    program = (
        "import hashlib; from hf_distill.data.docstrings import collect_splits;"
        f"print(hashlib.sha256(repr(collect_splits(**{SIZES})).encode()).hexdigest())"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "123", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    result = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == hashlib.sha256(repr(splits).encode()).hexdigest()


def test_packages_are_not_imported(fake_libraries: dict[str, str]) -> None:
    collect_splits(80, 16, 32, fake_libraries)
    assert not set(fake_libraries.values()) & set(sys.modules)


def test_near_copies_of_a_text_do_not_cross_splits(fake_libraries: dict[str, str], tmp_path: Path) -> None:
    # Each module of the second library gets a variant of a docstring of the first library.
    for module in range(30):
        key = f"{fake_libraries['first']} {module} 0"
        write_module(tmp_path / fake_libraries["second"] / f"copy_{module:02d}.py", [key])
    splits = collect_splits(80, 16, 32, fake_libraries)
    copies = [docstring for docstrings in splits.values() for docstring in docstrings if ".copy_" in docstring.module]
    first = {
        docstring.text for docstrings in splits.values() for docstring in docstrings if docstring.library == "first"
    }
    assert not {docstring.text for docstring in copies} & first


def test_big_module_is_used_for_training_only(fake_libraries: dict[str, str], tmp_path: Path) -> None:
    keys = [f"big {row}" for row in range(MAXIMUM_EVALUATION_MODULE + 1)]
    names = [f"big_{index}" for index in range(5)]
    for name in names:
        write_module(tmp_path / fake_libraries["first"] / f"{name}.py", [f"{name} {key}" for key in keys])
    splits = collect_splits(400, 16, 32, {"first": fake_libraries["first"]})
    evaluated = {docstring.module for split in ("validation", "test") for docstring in splits[split]}
    assert not {f"{fake_libraries['first']}.{name}" for name in names} & evaluated


def test_missing_library_is_an_error() -> None:
    with pytest.raises(ModuleNotFoundError, match="needs the package 'no_such_library', which is not installed"):
        collect_splits(10, 10, 10, {"missing": "no_such_library"})


def test_too_small_library_is_an_error(fake_libraries: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="'fake_first_library' gives 72 docstrings for the train split, at least 500"):
        collect_splits(2000, 32, 64, fake_libraries)


def test_size_below_one_row_per_library_is_an_error() -> None:
    with pytest.raises(ValueError, match="test_size is 0, but must be at least 9"):
        collect_splits(90, 90, 0)


def test_tests_and_vendored_copies_are_not_listed(fake_libraries: dict[str, str], tmp_path: Path) -> None:
    for name in ("tests", "_vendor"):
        folder = tmp_path / fake_libraries["first"] / name
        folder.mkdir()
        write_module(folder / "skipped.py", ["text"])
    assert not [name for name, _ in list_modules(fake_libraries["first"]) if name.endswith("skipped")]


def test_docstrings_are_read_from_nested_definitions(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text(
        f'"""{words("module")}"""\nclass A:\n    """{words("class")}"""\n    if True:\n'
        f'        async def f(self):\n            """{words("method")}"""\n'
    )
    assert read_docstrings(path) == [words("module"), words("class"), words("method")]


def test_short_docstrings_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text(f'"""{" ".join(["word"] * (MINIMUM_WORDS - 1))}"""\n')
    assert read_docstrings(path) == []


def test_file_that_does_not_parse_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text("def broken(:\n")
    assert read_docstrings(path) == []


@pytest.mark.parametrize(
    ("docstring", "text"),
    [
        ("A NumPy array, np.ndarray or numpy_array.", "A library array, library.ndarray or library_array."),
        ("Uses plt.plot, `pd.DataFrame` and nx.Graph", "Uses library.plot, `library.DataFrame` and library.Graph"),
        ("Exports TorchScript with HfApi of 🤗 Transformers", "Exports libraryScript with libraryApi of 🤗 library"),
        ("From scikit-learn or sklearn.svm", "From library or library.svm"),
        ("Input and update", "Input and update"),
        ("Adds.\n\n>>> a = 1\n>>> a\n1\n\nNotes", "Adds. Notes"),
        ("Adds.\n\n```python\n>>> a\n```\nNotes", "Adds. Notes"),
        ("Parameters\n----------\nx : int", "Parameters x : int"),
        (".. versionadded:: 1.2\nAdds", "Adds"),
        ("Sets %(name)s of the figure", "Sets of the figure"),
    ],
)
def test_docstring_is_cleaned(docstring: str, text: str) -> None:
    assert clean_docstring(docstring) == text
