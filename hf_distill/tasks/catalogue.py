# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""The catalogue of tasks: from a name to the class."""

from __future__ import annotations

from hf_distill.catalogue import Catalogue
from hf_distill.tasks.audio_classification import AudioClassification
from hf_distill.tasks.base import Task
from hf_distill.tasks.fill_mask import FillMask
from hf_distill.tasks.image_classification import ImageClassification
from hf_distill.tasks.multi_label_text_classification import MultiLabelTextClassification
from hf_distill.tasks.multiple_choice import MultipleChoice
from hf_distill.tasks.question_answering import QuestionAnswering
from hf_distill.tasks.sentence_similarity import SentenceSimilarity
from hf_distill.tasks.text_classification import TextClassification
from hf_distill.tasks.text_regression import TextRegression
from hf_distill.tasks.token_classification import TokenClassification

_CATALOGUE: Catalogue[type[Task]] = Catalogue(
    "task",
    TextClassification,
    MultiLabelTextClassification,
    TextRegression,
    TokenClassification,
    MultipleChoice,
    FillMask,
    SentenceSimilarity,
    ImageClassification,
    AudioClassification,
    QuestionAnswering,
)


def list_tasks() -> list[type[Task]]:
    """
    Return every task there is.

    Returns:
        `list[type[Task]]`: Classes with a `name`, the `columns` they read and their `primary_metric`.

    Example:

    ```python
    >>> from hf_distill import list_tasks
    >>> [task.name for task in list_tasks()][:2]
    ['text-classification', 'multi-label-text-classification']
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
    return _CATALOGUE.register(task)


def find_task(name: str) -> type[Task]:
    """
    Return the task of that name.

    Raises:
        InputError: If there is none.
    """
    return _CATALOGUE.find(name, "task")
