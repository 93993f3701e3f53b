# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""A text-classification data set made of installed docstrings: which library does a docstring come from?

The source files of nine libraries that every installation of this package has are parsed, never imported. Library
names and their usual aliases are masked, so that a model has to read what the text is about. The modules of a library
are dealt to the splits in the order of a hash of their names; all docstrings of a module are in one split, and
near-copies of a text that is already in the data set are left out. The same installed versions always give the same
data set.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import re
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hf_distill.data.near_copies import NearCopyFilter

if TYPE_CHECKING:
    import datasets

# Label name: import name.
LIBRARIES: dict[str, str] = {
    "matplotlib": "matplotlib",
    "networkx": "networkx",
    "numpy": "numpy",
    "pandas": "pandas",
    "scikit-learn": "sklearn",
    "scipy": "scipy",
    "sympy": "sympy",
    "torch": "torch",
    "transformers": "transformers",
}

MASK = "library"
MINIMUM_WORDS = 8
MAXIMUM_TOKENS = 64

# A module with more docstrings is used for training only, so that no single module fills an evaluation split.
MAXIMUM_EVALUATION_MODULE = 40

# Tests and copies of other projects say little about the library that ships them.
SKIPPED_NAMES = frozenset(
    {"_vendor", "_vendored", "conftest", "extern", "external", "externals", "test", "testing", "tests", "vendored"}
)

_Definition = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
# In the order in which `reversed` pushes leave the stack: the body of a node is visited first.
_STATEMENT_FIELDS = ("cases", "handlers", "finalbody", "orelse", "body")

_LIBRARY_NAME = re.compile(
    # Distinctive names, also inside longer words such as TorchScript or `numpy_array`.
    r"scikit[-_ ]?learn|scikits?|sklearn|hugging[ _-]?face|matplotlib|networkx|pytorch|torch|numpy|scipy|sympy|pandas"
    r"|transformers|pyplot|pylab"
    # Short aliases, only as whole words or parts of snake_case names, and the class-name prefix of HfApi.
    r"|(?<![a-z0-9])(?:np|pd|plt|mpl|nx|sp|hf)(?![a-z0-9])|(?-i:\bHf(?=[A-Z]))",
    re.IGNORECASE,
)
_CODE_BLOCK = re.compile(r"```.*?(?:```|\Z)|^[ \t]*>>>.*?(?:\n[ \t]*\n|\Z)", re.DOTALL | re.MULTILINE)
_VERSION_NOTE = re.compile(r"^[ \t]*\.\. (?:version\w+|deprecated)::.*$", re.MULTILINE)
_TEMPLATE_FIELD = re.compile(r"%\([^)]*\)s")
_RULER = re.compile(r"(?<!\S)[-=~^*#_]{3,}(?!\S)")
_WORD = re.compile(r"[a-z]+")


@dataclass(frozen=True)
class Docstring:
    """A cleaned docstring.

    Args:
        library (`str`): Label name of the library, a key of `LIBRARIES`.
        module (`str`): Dotted name of the module that holds the docstring.
        text (`str`): The cleaned, masked text.
    """

    library: str
    module: str
    text: str


def clean_docstring(docstring: str) -> str:
    """Mask library names and reduce a docstring to one line of prose.

    Code examples, version notes, section underlines and template fields are left out, and the first 64
    whitespace-separated tokens are kept.

    Args:
        docstring (`str`): The docstring as written in the source.

    Returns:
        `str`: The cleaned text; possibly empty.

    Example:

    ```py
    >>> from hf_distill.data.docstrings import clean_docstring
    >>> clean_docstring("Convert a NumPy array.\\n\\nParameters\\n----------\\nx : np.ndarray")
    'Convert a library array. Parameters x : library.ndarray'
    ```
    """
    text = docstring
    for pattern in (_CODE_BLOCK, _VERSION_NOTE, _TEMPLATE_FIELD, _RULER):
        text = pattern.sub(" ", text)
    return _LIBRARY_NAME.sub(MASK, " ".join(text.split()[:MAXIMUM_TOKENS]))


def find_package_folder(import_name: str) -> Path:
    """Locate the source folder of an installed package without importing it.

    Args:
        import_name (`str`): Name of a top-level package.

    Returns:
        `Path`: The folder that holds the package's `__init__.py`.

    Raises:
        ModuleNotFoundError: If the package is not installed.
    """
    specification = importlib.util.find_spec(import_name)
    if specification is None or not specification.submodule_search_locations:
        raise ModuleNotFoundError(f"the docstring data set needs the package '{import_name}', which is not installed")
    return Path(next(iter(specification.submodule_search_locations)))


def list_modules(import_name: str) -> list[tuple[str, Path]]:
    """List the modules of an installed package in the order of a hash of their names.

    Args:
        import_name (`str`): Name of a top-level package.

    Returns:
        `list[tuple[str, Path]]`: Dotted module name and source file of each module.
    """
    folder = find_package_folder(import_name)
    modules = []
    for path in folder.rglob("*.py"):
        parts = path.relative_to(folder).with_suffix("").parts
        if SKIPPED_NAMES.isdisjoint(parts):
            modules.append((".".join((import_name, *parts)), path))
    return sorted(modules, key=lambda module: (_digest(module[0]), module[0]))


def read_docstrings(path: Path) -> list[str]:
    """Read the cleaned docstrings of a source file by parsing it.

    Args:
        path (`Path`): A Python source file.

    Returns:
        `list[str]`: Cleaned docstrings of at least 8 words, in a fixed order; empty for a file that does not parse.
    """
    with warnings.catch_warnings():
        # Invalid escapes in other people's source files are not this reader's concern.
        warnings.simplefilter("ignore")
        try:
            tree = ast.parse(path.read_bytes())
        except (SyntaxError, ValueError):
            return []
    docstrings = (ast.get_docstring(node) for node in _walk_definitions(tree))
    texts = (clean_docstring(docstring) for docstring in docstrings if docstring)
    return [text for text in texts if len(_WORD.findall(text.lower())) >= MINIMUM_WORDS]


def collect_library(
    library: str, import_name: str, quotas: Mapping[str, int], near_copies: NearCopyFilter
) -> dict[str, list[Docstring]]:
    """Deal the docstrings of one library to the splits, module by module.

    Modules fill the test split first, then validation, then train. Reading stops when all splits are full.

    Args:
        library (`str`): Label name.
        import_name (`str`): Name of the top-level package.
        quotas (`Mapping[str, int]`): Number of docstrings wanted for `"test"`, `"validation"` and `"train"`.
        near_copies (`NearCopyFilter`): Filter shared by all libraries and splits.

    Returns:
        `dict[str, list[Docstring]]`: The docstrings of each split.

    Raises:
        ModuleNotFoundError: If the package is not installed.
        ValueError: If an evaluation split is not filled, or train by less than half.
    """
    splits: dict[str, list[Docstring]] = {"test": [], "validation": [], "train": []}
    for module, path in list_modules(import_name):
        open_splits = [split for split in splits if len(splits[split]) < quotas[split]]
        if not open_splits:
            break
        texts = read_docstrings(path)
        split = open_splits[0]
        if len(texts) > MAXIMUM_EVALUATION_MODULE and split != "train":
            split = "train"
        for text in texts:
            if len(splits[split]) < quotas[split] and near_copies.accept(text):
                splits[split].append(Docstring(library, module, text))
    for split, docstrings in splits.items():
        minimum = quotas[split] // 2 if split == "train" else quotas[split]
        if len(docstrings) < minimum:
            raise ValueError(
                f"the installed package '{import_name}' gives {len(docstrings)} docstrings for the {split} split, "
                f"at least {minimum} are needed"
            )
    return splits


def collect_splits(
    train_size: int, validation_size: int, test_size: int, libraries: Mapping[str, str] = LIBRARIES
) -> dict[str, list[Docstring]]:
    """Collect the docstrings of all libraries, split by module and in an order that mixes the libraries.

    Args:
        train_size (`int`): Largest number of training rows; a library with few docstrings gives fewer.
        validation_size (`int`): Number of validation rows.
        test_size (`int`): Number of test rows.
        libraries (`Mapping[str, str]`, *optional*, defaults to `LIBRARIES`): Import name of each label name.

    Returns:
        `dict[str, list[Docstring]]`: The docstrings of `"train"`, `"validation"` and `"test"`. Sizes are rounded
        down to a multiple of the number of libraries.

    Raises:
        ModuleNotFoundError: If a library is not installed.
        ValueError: If a library is too small, or a size smaller than the number of libraries.
    """
    sizes = {"train": train_size, "validation": validation_size, "test": test_size}
    for split, size in sizes.items():
        if size < len(libraries):
            raise ValueError(f"{split}_size is {size}, but must be at least {len(libraries)}: one row per library")
    quotas = {split: size // len(libraries) for split, size in sizes.items()}
    near_copies = NearCopyFilter()
    collected = [collect_library(*library, quotas, near_copies) for library in libraries.items()]
    return {
        split: sorted(_join(collected, split), key=lambda docstring: (_digest(docstring.text), docstring.text))
        for split in sizes
    }


def load_dataset(train_size: int = 9000, validation_size: int = 999, test_size: int = 1998) -> datasets.DatasetDict:
    """Build the docstring data set from the libraries installed in this environment.

    Nothing is imported from the libraries, downloaded or cached. Rows are in a fixed order that mixes the libraries,
    so the first rows of a split are a fair sample of it.

    Args:
        train_size (`int`, *optional*, defaults to 9000): Largest number of training rows.
        validation_size (`int`, *optional*, defaults to 999): Number of validation rows, the same for each library.
        test_size (`int`, *optional*, defaults to 1998): Number of test rows, the same for each library.

    Returns:
        `datasets.DatasetDict`: Splits `train`, `validation` and `test` with the features `text` (string) and `label`
        (`ClassLabel` with the library names).

    Raises:
        ModuleNotFoundError: If a library is not installed.
        ValueError: If a library is too small, or a size smaller than the number of libraries.

    Example:

    ```py
    >>> from hf_distill.data.docstrings import load_dataset
    >>> dataset = load_dataset()
    >>> dataset["train"].features["label"].names[:3]
    ['matplotlib', 'networkx', 'numpy']
    ```
    """
    import datasets

    features = datasets.Features(
        {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=list(LIBRARIES))}
    )
    return datasets.DatasetDict(
        {
            split: datasets.Dataset.from_dict(
                {
                    "text": [docstring.text for docstring in docstrings],
                    "label": [docstring.library for docstring in docstrings],
                },
                features=features,
            )
            for split, docstrings in collect_splits(train_size, validation_size, test_size).items()
        }
    )


def _walk_definitions(tree: ast.Module) -> Iterator[_Definition]:
    # Expressions hold no docstring; leaving them out makes this several times as fast as `ast.walk`.
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, _Definition):
            yield node
        for field in _STATEMENT_FIELDS:
            waiting.extend(reversed(getattr(node, field, ())))


def _join(collected: list[dict[str, list[Docstring]]], split: str) -> Iterator[Docstring]:
    for splits in collected:
        yield from splits[split]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", errors="backslashreplace")).hexdigest()
