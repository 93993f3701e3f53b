# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""The catalogue of tasks: from a name to the class."""

from __future__ import annotations

from hf_distill.errors import InputError, nearest_name
from hf_distill.tasks.base import Task
from hf_distill.tasks.text_classification import TextClassification
from hf_distill.tasks.token_classification import TokenClassification

_CATALOGUE: dict[str, type[Task]] = {task.name: task for task in (TextClassification, TokenClassification)}


def list_tasks() -> list[type[Task]]:
    """
    Return every task there is.

    Returns:
        `list[type[Task]]`: Classes with a `name`, the `columns` they read and their `primary_metric`.

    Example:

    ```python
    >>> from hf_distill import list_tasks
    >>> [task.name for task in list_tasks()]
    ['text-classification', 'token-classification']
    ```
    """
    return list(_CATALOGUE.values())


def register_task(task: type[Task]) -> type[Task]:
    """
    Add a task to the catalogue; usable as a class decorator.

    Args:
        task (`type[Task]`): A class derived from [`Task`] with a `name` of its own.

    Raises:
        InputError: If another task has that name.
    """
    if _CATALOGUE.get(task.name, task) is not task:
        raise InputError(f"task {task.name}: the name is taken by {_CATALOGUE[task.name].__qualname__}")
    _CATALOGUE[task.name] = task
    return task


def find_task(name: str) -> type[Task]:
    """
    Return the task of that name.

    Raises:
        InputError: If there is none.
    """
    if name not in _CATALOGUE:
        raise InputError(f"task: there is no task {name!r}{nearest_name(name, _CATALOGUE)}")
    return _CATALOGUE[name]
