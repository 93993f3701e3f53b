# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Tests of the catalogue of tasks."""

from __future__ import annotations

import copy

import pytest

from hf_distill.errors import InputError
from hf_distill.tasks import catalogue, find_task, list_tasks, register_task
from hf_distill.tasks.text_classification import TextClassification


def test_every_task_is_found_by_its_name() -> None:
    assert [find_task(task.name) for task in list_tasks()] == list_tasks()


def test_unknown_task_names_the_nearest() -> None:
    with pytest.raises(InputError, match="no task 'text-clasification'; did you mean 'text-classification'?"):
        find_task("text-clasification")


def test_registered_task_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "_CATALOGUE", copy.copy(catalogue._CATALOGUE))

    @register_task
    class Sarcasm(TextClassification):
        name = "sarcasm"

    assert find_task("sarcasm") is Sarcasm


def test_name_that_is_taken_is_refused() -> None:
    class Impostor(TextClassification):
        pass

    with pytest.raises(InputError, match="text-classification: the name is taken by TextClassification"):
        register_task(Impostor)
