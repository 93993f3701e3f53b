# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hf_distill.publishing.leaks import files_of, leaks_of, without_origins

TOKEN = f"hf_{'a1' * 17}"


def found(name: str, content: str | dict) -> list[tuple[str, str]]:
    text = content if isinstance(content, str) else json.dumps(content)
    return list(leaks_of(name, text.encode(), token="my-own-token"))


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (f"log in with {TOKEN}", "a token of the Hub"),
        ("use my-own-token", "a token of the Hub"),
        ("git clone https://ada:secret@example.org/x", "an address with a user's name or password"),
        ("ask ada.l@mail.example.org", "an e-mail address"),
        ("in /home/ada/runs/first", "a local path"),
        ("see file:///Users/ada/x", "a local path"),
        (r"in C:\Users\ada\runs", "a local path"),
        (f"in {Path(__file__).parent}", "a local path"),
    ],
)
def test_what_must_not_be_told_is_found_with_its_place(text: str, what: str) -> None:
    assert found("README.md", f"# Title\n{text}\n") == [("line 2", what)]
    assert found("config.json", {"a": {"b": [0, text]}}) == [("a.b.1", what)]
    assert found("recipe.yaml", f"a:\n  b: {json.dumps(text)}\n") == [("a.b", what)]


@pytest.mark.parametrize(
    "text",
    [
        "@user",
        "precision@10",
        "/classifier/Gemm_MatMul",
        "and/or, n/a, 1/2/3",
        "https://huggingface.co/ada/model",
        "hf://datasets/ada/rows@main",
        "~/.cache/huggingface",
        "/usr/bin/python",
        "@misc{ada2026, title={A}}",
        "hf_distill_makes_students_of_teachers",
    ],
)
def test_what_only_looks_alike_passes(text: str) -> None:
    assert found("README.md", text) == found("config.json", {"a": text}) == []


def test_labels_may_look_like_paths() -> None:
    assert found("config.json", {"id2label": {"0": "/home/garden"}, "label2id": {"/home/garden": 0}}) == []


@pytest.mark.parametrize("name", ["vocab.txt", "deep/tokenizer.json", "merges.txt"])
def test_a_vocabulary_may_hold_anything_but_tokens(name: str) -> None:
    assert found(name, '{"a": "ada@example.org /home/ada/x"}') == []
    assert found(name, f'{{"a": "{TOKEN}"}}') == [("", "a token of the Hub")]


def test_bytes_are_no_text() -> None:
    assert list(leaks_of("model.safetensors", b"\0 ada@example.org")) == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"_name_or_path": "runs/mine", "a": 1}, {"a": 1}),
        ({"deep": [{"name_or_path": "ada/model"}]}, {"deep": [{}]}),
        ({"file": "/home/ada/special_tokens_map.json"}, {"file": "special_tokens_map.json"}),
        ({"nodes": ["/classifier/Gemm"]}, {"nodes": ["/classifier/Gemm"]}),
    ],
)
def test_origins_are_taken_out_of_what_libraries_write(before: Any, after: Any) -> None:
    content = json.dumps(before).encode()
    cleaned = without_origins("tokenizer_config.json", content)
    assert json.loads(cleaned) == after
    assert (cleaned == content) is (before == after)


@pytest.mark.parametrize("name", ["adapter_config.json", "tokenizer.json", "README.md"])
def test_other_files_are_left_as_they_are(name: str) -> None:
    content = b'{"base_model_name_or_path": "/home/ada/model"}'
    assert without_origins(name, content) == content


def test_only_files_that_change_are_read_into_memory(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "config.json").write_text('{"_name_or_path": "x"}')
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    files = files_of(tmp_path)
    assert files == {"deep/config.json": b"{}\n", "model.safetensors": tmp_path / "model.safetensors"}
    assert (tmp_path / "deep" / "config.json").read_text() == '{"_name_or_path": "x"}'
