# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Tests of what is repeated and what is not; with a Hub that fails in tests/hub."""

from __future__ import annotations

import json
from typing import Any

import pytest
from huggingface_hub.errors import LocalTokenNotFoundError, OfflineModeIsEnabled

from hf_distill.errors import HubError, InputError
from hf_distill.publishing import patience
from hf_distill.publishing.patience import TRIES, patiently
from hf_distill.publishing.upload import UploadOptions


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long was waited."""
    waited: list[float] = []
    monkeypatch.setattr(patience.time, "sleep", waited.append)
    return waited


def failing(*errors: Exception) -> Any:
    """Return what raises these errors, one after the other, and then returns."""
    left = list(errors)

    def act() -> str:
        if left:
            raise left.pop(0)
        return "done"

    return act


def test_waits_double_until_it_works(waits: list[float]) -> None:
    assert patiently(failing(*[ConnectionError()] * 3), "the model x") == "done"
    assert waits == [1, 2, 4]


def test_the_first_wait_may_be_chosen(waits: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_DISTILL_RETRY_SECONDS", "0.5")
    patiently(failing(TimeoutError(), json.JSONDecodeError("no JSON", "<html>", 0)), "the model x")
    assert waits == [0.5, 1]


def test_it_is_given_up_in_one_line(waits: list[float]) -> None:
    with pytest.raises(HubError, match="^the model x: the connection to the Hub broke.*; nothing is "):
        patiently(failing(*[ConnectionError("at https://host/?sig=1")] * TRIES), "the model x")
    assert len(waits) == TRIES - 1


def test_a_large_file_that_fails_is_sent_again(waits: list[float]) -> None:
    assert patiently(failing(RuntimeError("Error while uploading 'a' to the Hub.")), "the model x") == "done"


@pytest.mark.parametrize("error", [KeyError("a"), ValueError("b"), FileNotFoundError("c"), InputError("d")])
def test_what_is_nothing_of_the_hub_is_not_repeated(waits: list[float], error: Exception) -> None:
    with pytest.raises(type(error)) as caught:
        patiently(failing(error), "the model x")
    assert caught.value is error and waits == []


@pytest.mark.parametrize("error", [LocalTokenNotFoundError("no token"), OfflineModeIsEnabled("offline")])
def test_what_only_the_user_can_change_is_told_at_once(waits: list[float], error: Exception) -> None:
    with pytest.raises(InputError, match="HF_"):
        patiently(failing(error), "the model x")
    assert waits == []


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"pull_request": True, "revision": "dev"}, "revision"),
        ({"pull_request": True, "tag": "v1"}, "tag"),
        ({"tag": "a b"}, "tag"),
        ({"revision": "a" * 40}, "revision"),
        ({"message": " "}, "message"),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, Any], field: str) -> None:
    with pytest.raises(InputError, match=f"^{field}: "):
        UploadOptions(**options)
