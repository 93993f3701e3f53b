# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Tests of the files of sentence-transformers."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import BertConfig, BertModel, PreTrainedTokenizerBase

from hf_distill.errors import InputError
from hf_distill.evaluation.predict import forward_function
from hf_distill.tasks.sentence_similarity import SentenceSimilarity
from hf_distill.tasks.sentence_transformers_files import SentenceFiles, read_files, write_files

OLD, NEW = "sentence_transformers.models.", "sentence_transformers.sentence_transformer.modules.pooling."


@pytest.fixture
def checkpoint(tmp_path: Path, tokenizer: PreTrainedTokenizerBase) -> Path:
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
    BertModel(BertConfig(vocab_size=13, initializer_range=0.3, **sizes)).save_pretrained(tmp_path / "model")
    tokenizer.save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def write(folder: Path, modules: list[str], pooling: dict[str, Any] | None = None, **length: int) -> Path:
    """Write files as sentence-transformers does."""
    paths = ["", *(f"{place}_{name.rpartition('.')[2]}" for place, name in enumerate(modules[1:], 1))]
    entries = [{"idx": place, "path": path, "type": name} for place, (path, name) in enumerate(zip(paths, modules))]
    (folder / "modules.json").write_text(json.dumps(entries))
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling or {}))
    (folder / "sentence_bert_config.json").write_text(json.dumps(length))
    return folder


def test_a_model_without_files_says_nothing(tmp_path: Path) -> None:
    assert read_files(tmp_path) is None


@pytest.mark.parametrize(("flag", "pooling"), [("mean_tokens", "mean"), ("cls_token", "first")])
def test_older_files_are_read(tmp_path: Path, flag: str, pooling: str) -> None:
    flags = {f"pooling_mode_{name}": name == flag for name in ("mean_tokens", "cls_token", "max_tokens")}
    content = {"word_embedding_dimension": 32, **flags}
    folder = write(tmp_path, [f"{OLD}Transformer", f"{OLD}Pooling"], content, max_seq_length=128)
    assert read_files(folder) == SentenceFiles(pooling, 128)


@pytest.mark.parametrize(("name", "pooling"), [("mean", "mean"), ("cls", "first")])
def test_newer_files_are_read(tmp_path: Path, name: str, pooling: str) -> None:
    content = {"embedding_dimension": 32, "pooling_mode": name, "include_prompt": True}
    folder = write(tmp_path, [f"{NEW}Transformer", f"{NEW}Pooling", f"{NEW}Normalize"], content)
    assert read_files(folder) == SentenceFiles(pooling, None)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"pooling_mode": "lasttoken"}, "is lasttoken"),
        ({"pooling_mode_max_tokens": True}, "is pooling_mode_max_tokens"),
        (
            {"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": True},
            "is pooling_mode_cls_token and pooling_mode_mean_tokens",
        ),
        ({}, "is none"),
    ],
)
def test_other_poolings_are_refused(tmp_path: Path, content: dict[str, Any], said: str) -> None:
    folder = write(tmp_path, [f"{OLD}Transformer", f"{OLD}Pooling"], content)
    with pytest.raises(InputError, match=f"^teacher.model: the pooling of .* {said}; choose a teacher whose vectors"):
        read_files(folder)


def test_a_layer_after_pooling_is_refused(tmp_path: Path) -> None:
    folder = write(tmp_path, [f"{OLD}Transformer", f"{OLD}Pooling", f"{OLD}Dense"], {"pooling_mode": "mean"})
    with pytest.raises(InputError, match="makes its vectors with Dense after pooling"):
        read_files(folder)


@pytest.mark.parametrize("pooling", ["mean", "first"])
def test_what_is_written_is_read_again(checkpoint: Path, pooling: str) -> None:
    write_files(checkpoint, pooling, 64)
    assert read_files(checkpoint) == SentenceFiles(pooling, 64)
    task = SentenceSimilarity()
    task.read_teacher(checkpoint)
    assert (task.pooling, task.max_length) == (pooling, 64)


def test_the_files_are_those_of_the_published_format(checkpoint: Path) -> None:
    write_files(checkpoint, "mean", 64)
    modules = json.loads((checkpoint / "modules.json").read_text())
    assert [(entry["path"], entry["type"]) for entry in modules] == [
        ("", f"{OLD}Transformer"),
        ("1_Pooling", f"{OLD}Pooling"),
        ("2_Normalize", f"{OLD}Normalize"),
    ]
    pooling = json.loads((checkpoint / "1_Pooling" / "config.json").read_text())
    assert pooling["word_embedding_dimension"] == 32
    assert [name for name, value in pooling.items() if value is True] == ["pooling_mode_mean_tokens"]
    lengths = json.loads((checkpoint / "sentence_bert_config.json").read_text())
    assert lengths == {"max_seq_length": 64, "do_lower_case": False}


def test_the_recipes_own_length_goes_before_the_teachers(checkpoint: Path) -> None:
    write_files(checkpoint, "mean", 64)
    task = SentenceSimilarity(max_length=16)
    task.read_teacher(checkpoint)
    assert task.max_length == 16


@pytest.mark.skipif(importlib.util.find_spec("sentence_transformers") is None, reason="needs sentence-transformers")
@pytest.mark.parametrize("pooling", ["mean", "first"])
def test_sentence_transformers_makes_the_same_vectors(
    checkpoint: Path, tokenizer: PreTrainedTokenizerBase, pooling: str
) -> None:
    from sentence_transformers import SentenceTransformer

    task = SentenceSimilarity(max_length=8)
    task.pooling = pooling
    task.complete(checkpoint)
    texts = ["good film", "anna", "bad film in rome " * 4]
    batch = tokenizer(texts, padding=True, truncation=True, max_length=8, return_tensors="pt")
    expected = forward_function(BertModel.from_pretrained(checkpoint), task)(batch)
    found = torch.tensor(SentenceTransformer(str(checkpoint), device="cpu").encode(texts))
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
