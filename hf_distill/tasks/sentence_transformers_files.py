# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""The files by which sentence-transformers knows how a model makes a vector of a text."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import AutoConfig
from transformers.utils import cached_file

from hf_distill.errors import InputError

MODULES_FILE = "modules.json"
LENGTH_FILE = "sentence_bert_config.json"
PARTS = ("Transformer", "Pooling", "Normalize")
"""The modules that a model may consist of; what they are called in every version."""
NAMES = {"mean": "mean", "cls": "first"}
"""What the poolings are called there, and what here."""
FLAGS = {"pooling_mode_mean_tokens": "mean", "pooling_mode_cls_token": "cls"}
"""What older versions write of each."""


@dataclass(frozen=True)
class SentenceFiles:
    """
    What the files say.

    Args:
        pooling (`str`): `"mean"` or `"first"`.
        max_length (`int`, *optional*): Longest input in tokens.
    """

    pooling: str
    max_length: int | None


def read_files(name: str | Path) -> SentenceFiles | None:
    """
    Read the files of a model, in a folder or on the Hub.

    Args:
        name (`str` or `Path`): Folder or Hub id.

    Returns:
        [`SentenceFiles`], *optional*: What they say; `None` if the model has none.

    Raises:
        InputError: If the model does more than to pool its last hidden states by their mean or first token.
    """
    modules = _read(name, MODULES_FILE)
    if modules is None:
        return None
    parts = {entry["type"].rpartition(".")[2]: entry["path"] for entry in modules}
    more = sorted(set(parts) - set(PARTS))
    if more:
        raise InputError(
            f"teacher.model: {str(name)!r} makes its vectors with {', '.join(more)} after pooling, which a student of "
            "plain transformers does not have; choose a teacher without"
        )
    content = _read(name, f"{parts['Pooling']}/config.json") if "Pooling" in parts else None
    return SentenceFiles(_pooling(content or {}, name), (_read(name, LENGTH_FILE) or {}).get("max_seq_length"))


def write_files(folder: str | Path, pooling: str, max_length: int | None) -> None:
    """
    Write them beside a model, in the form that every version reads.

    Args:
        folder (`str` or `Path`): Folder with the model.
        pooling (`str`): `"mean"` or `"first"`.
        max_length (`int`, *optional*): Longest input in tokens; by default, what the tokenizer says.
    """
    folder, width = Path(folder), AutoConfig.from_pretrained(folder).hidden_size
    paths = ("", "1_Pooling", "2_Normalize")
    modules = [
        {"idx": place, "name": str(place), "path": path, "type": f"sentence_transformers.models.{part}"}
        for place, (part, path) in enumerate(zip(PARTS, paths))
    ]
    flags = {flag: NAMES[name] == pooling for flag, name in FLAGS.items()}
    others = {"pooling_mode_max_tokens": False, "pooling_mode_mean_sqrt_len_tokens": False}
    _write(folder / MODULES_FILE, modules)
    _write(folder / "1_Pooling" / "config.json", {"word_embedding_dimension": width, **flags, **others})
    _write(folder / "2_Normalize" / "config.json", {})
    _write(folder / LENGTH_FILE, {"max_seq_length": max_length, "do_lower_case": False})
    _write(folder / "config_sentence_transformers.json", {"similarity_fn_name": "cosine"})


def _pooling(content: dict[str, Any], name: str | Path) -> str:
    chosen = content.get("pooling_mode")
    if chosen is None:
        on = sorted(flag for flag, value in content.items() if flag.startswith("pooling_mode_") and value is True)
        chosen = FLAGS.get(on[0], on[0]) if len(on) == 1 else " and ".join(on)
    if chosen not in NAMES:
        raise InputError(
            f"teacher.model: the pooling of {str(name)!r} is {chosen or 'none'}; choose a teacher whose vectors are "
            "the mean of its tokens or its first one"
        )
    return NAMES[chosen]


def _read(name: str | Path, file: str) -> Any:
    """Return the content of a model's file, `None` if it has none."""
    try:
        path = Path(name) / file if Path(name).is_dir() else Path(cached_file(str(name), file))
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError:
        return None


def _write(path: Path, content: Any) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
