# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Tests of what cards on this machine say of checkpoints and data sets."""

from __future__ import annotations

from pathlib import Path

import pytest

from hf_distill.publishing.known import known_languages, known_license


def card(folder: Path, metadata: str) -> str:
    folder.mkdir(exist_ok=True)
    (folder / "README.md").write_text(f"---\n{metadata}\n---\n# A card\n")
    return str(folder)


@pytest.mark.parametrize(
    ("metadata", "license"),
    [
        ("license: MIT", "mit"),
        ("license: other", None),
        ("license: [mit, gpl-3.0]", None),
        ("license: my-own", None),
        ("tags: [x]", None),
        ("license: [", None),
    ],
)
def test_the_licence_of_a_checkpoint(tmp_path: Path, metadata: str, license: str | None) -> None:
    assert known_license(card(tmp_path, metadata)) == license


@pytest.mark.parametrize(
    ("metadata", "languages"),
    [
        ("language: en", ["en"]),
        ("language: [de, 'no']", ["de", "no"]),
        ("language: English", []),
        ("tags: [x]", []),
    ],
)
def test_the_languages_of_a_data_set(tmp_path: Path, metadata: str, languages: list[str]) -> None:
    assert known_languages(card(tmp_path, metadata)) == languages


@pytest.mark.parametrize("name", [None, "nobody/never-fetched", "./nowhere", "two words"])
def test_what_is_not_here_says_nothing(name: str | None) -> None:
    assert known_license(name) is None
    assert known_languages(name) == []


def test_what_was_fetched_before_is_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def cached(name: str, file: str, repo_type: str) -> str:
        asked.append((name, file, repo_type))
        return f"{card(tmp_path / repo_type, 'license: mit')}/README.md"

    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", cached)
    assert known_license("ada/model") == "mit"
    assert asked == [("ada/model", "README.md", "model")]
