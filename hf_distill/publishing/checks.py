# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""What is checked before anything is sent: the files are whole, private to nobody, and can be loaded by strangers."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from huggingface_hub import DatasetCard, ModelCard, RepoCard, get_token
from huggingface_hub.errors import HFValidationError
from huggingface_hub.utils import validate_repo_id
from safetensors import SafetensorError, safe_open

from hf_distill.errors import InputError
from hf_distill.features.projections import FILE_NAME as PROJECTIONS_FILE
from hf_distill.publishing.leaks import leaks_of
from hf_distill.publishing.metadata import LANGUAGE, LICENSES
from hf_distill.publishing.repository import CARD_FILE, Repository, read_content

PICKLES = frozenset({".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib", ".msgpack", ".h5"})
PICKLE_STARTS = re.compile(rb"\x80[\x02-\x05]|PK\x03\x04.{26}[^\0]{1,60}/data\.pkl", re.DOTALL)
"""How pickles begin, alone or in PyTorch's archives."""
OF_TRAINING = ("optimizer*", "scheduler*", "scaler*", "rng_state*", "trainer_state.json", PROJECTIONS_FILE)
CHECKPOINT = re.compile(r"(?:last-)?checkpoint(?:-\d+)?")
RELATIONS = frozenset({"adapter", "merge", "quantized", "finetune"})
CARDS: dict[str, type[RepoCard]] = {"model": ModelCard, "dataset": DatasetCard}


def check_contents(repository: Repository, token: str | None = None) -> None:
    """
    Check the files of a repository and its card.

    Args:
        repository ([`Repository`]): What is to be published.
        token (`str`, *optional*): The token that it is published with; the one that is saved on this machine by
            default.

    Raises:
        InputError: If a file is empty, a pickle or of a training, if a text tells a token, an e-mail address or a
            local path, or if the Hub would refuse the card; the message names the file and the field.
    """
    token = token or get_token()
    for path, content in repository.files.items():
        read = read_content(content)
        problem = _problem_of_file(path, read, repository.files)
        if problem:
            raise InputError(f"{path} of {repository.title}: {problem}")
        for place, found in leaks_of(path, read, token):
            where = f"{path}: {place}" if place else path
            raise InputError(f"{where} of {repository.title}: holds {found}; take it out of what is published")
    if CARD_FILE in repository.files:
        check_card(read_content(repository.files[CARD_FILE]).decode("utf-8"), repository.repo_type)


def check_card(text: str, repo_type: str = "model") -> None:
    """
    Check a card's metadata as far as the Hub's rules are known without asking it.

    Args:
        text (`str`): The card.
        repo_type (`str`, *optional*, defaults to `"model"`): `"model"`, `"dataset"` or `"space"`.

    Raises:
        InputError: If the Hub would refuse it; the message names the field.
    """
    try:
        metadata = CARDS.get(repo_type, RepoCard)(text).data.to_dict()
    except Exception as error:
        # The metadata's classes raise whatever their fields raise.
        raise InputError(f"{CARD_FILE}: its metadata cannot be read: {' '.join(str(error).split())}") from error
    for field, problem in _problems_of_metadata(metadata):
        raise InputError(f"{CARD_FILE}: {field}: {problem}")


def check_model(folder: Path, load: Callable[..., Any]) -> None:
    """
    Load a model as anybody will.

    Args:
        folder (`Path`): Its files.
        load (`Callable`): `from_pretrained` of its class.

    Raises:
        InputError: If it cannot be loaded, or if weights are missing or left over.
    """
    check_weights(folder)
    _, told = loaded("the model", lambda: load(folder, output_loading_info=True))
    for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        if told.get(kind):
            names = ", ".join(str(name) for name in list(told[kind])[:3])
            raise InputError(f"the model: cannot be loaded as it was: {kind.replace('_', ' ')}: {names}")


def check_weights(folder: Path) -> None:
    """Raise an [`InputError`] if a file of weights is damaged or has none."""
    for path in sorted(folder.glob("*.safetensors")):
        try:
            with safe_open(path, framework="pt") as file:
                empty = not file.keys()
        except (SafetensorError, OSError) as error:
            raise InputError(f"{path.name}: is damaged: {error}") from error
        if empty:
            raise InputError(f"{path.name}: holds no weights")


def loaded(what: str, load: Callable[[], Any]) -> Any:
    """Return what `load` returns; if it fails, say of what in an [`InputError`]."""
    try:
        return load()
    except Exception as error:
        # Libraries raise anything when a file is not what they expect.
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
        raise InputError(f"{what}: cannot be loaded from what would be sent ({reason})") from error


def _problem_of_file(path: str, content: bytes, files: Mapping[str, Any]) -> str | None:
    parsed = PurePosixPath(path)
    if not content:
        return "is empty"
    # OpenVINO's weights have the same ending, and the graph beside them.
    of_graph = parsed.suffix == ".bin" and str(parsed.with_suffix(".xml")) in files
    if (parsed.suffix in PICKLES and not of_graph) or PICKLE_STARTS.match(content):
        return "may run code when it is opened (pickle and the like); publish safetensors"
    if any(parsed.match(pattern) for pattern in OF_TRAINING) or CHECKPOINT.fullmatch(parsed.parts[0]):
        return "is of a training, not of its result; take it out of the folder"
    return None


def _problems_of_metadata(metadata: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for field, rule, right in (
        ("license", LICENSES.__contains__, "is none of the Hub's names of licences, such as apache-2.0, mit or other"),
        ("language", LANGUAGE.fullmatch, "is no ISO 639 code of two or three letters"),
        ("base_model_relation", RELATIONS.__contains__, f"is none of {', '.join(sorted(RELATIONS))}"),
        ("base_model", _is_repo_id, "is no id of a model of the Hub"),
        ("datasets", _is_repo_id, "is no id of a data set of the Hub"),
        ("tags", bool, "is empty"),
        ("metrics", bool, "is empty"),
        ("pipeline_tag", bool, "is empty"),
        ("library_name", bool, "is empty"),
    ):
        value = metadata.get(field)
        for entry in value if isinstance(value, list) else [] if value is None else [value]:
            if not isinstance(entry, str) or not rule(entry):
                yield field, f"{entry!r} {right if isinstance(entry, str) else 'is no text'}"
    for model in metadata.get("model-index") or []:
        for result in model.get("results", []):
            for metric in result.get("metrics", []):
                value = metric.get("value")
                if value is None or (isinstance(value, float) and not math.isfinite(value)):
                    yield "model-index", f"{metric.get('type')} is {value!r}, which is no score"


def _is_repo_id(name: str) -> bool:
    try:
        validate_repo_id(name)
    except HFValidationError:
        return False
    return True
