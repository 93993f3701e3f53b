# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Entity-level precision, recall and F1 of tag sequences, computed by seqeval."""

from __future__ import annotations

from collections.abc import Sequence

import datasets
import evaluate

from hf_distill.metrics.classification import by_class
from hf_distill.metrics.in_memory import InMemoryMetric

_CITATION = """\
@misc{seqeval,
  title={{seqeval}: A Python framework for sequence labeling evaluation},
  url={https://github.com/chakki-works/seqeval},
  author={Hiroki Nakayama},
  year={2018}
}
"""

_INPUTS = """
Args:
    predictions (`list[list[str]]`): Predicted tags of each sentence, such as `["B-PER", "I-PER", "O"]`.
    references (`list[list[str]]`): True tags of each sentence, as many as predicted.
"""


def compute_tagging_metrics(
    predictions: Sequence[Sequence[str]], references: Sequence[Sequence[str]]
) -> dict[str, float]:
    """Compute entity-level precision, recall and F1, and token-level accuracy.

    An entity counts as found where its type and both boundaries are right; all entities count alike (micro average).
    Without any predicted entity precision is 0, without any true entity recall is 0. Positions without a tag, such as
    special tokens and further word pieces, have to be left out of both inputs.

    Args:
        predictions (`Sequence[Sequence[str]]`): Predicted tags of each sentence, such as `["B-PER", "I-PER", "O"]`.
        references (`Sequence[Sequence[str]]`): True tags of each sentence, as many as predicted.

    Returns:
        `dict[str, float]`: `precision`, `recall`, `f1` and `accuracy`, in [0, 1].

    Raises:
        ValueError: If there is no tag at all, or the numbers of sentences or of tags do not match.

    Example:

    ```py
    >>> from hf_distill.metrics import compute_tagging_metrics
    >>> compute_tagging_metrics(predictions=[["B-PER", "I-PER", "O"]], references=[["B-PER", "O", "O"]])["f1"]
    0.0
    ```
    """
    from seqeval.metrics.sequence_labeling import accuracy_score, precision_recall_fscore_support

    _check_tags(predictions, references)
    predicted = [list(sentence) for sentence in predictions]
    true = [list(sentence) for sentence in references]
    # With zero_division given, seqeval sets the undefined values to it instead of warning at each call.
    precision, recall, f1, _ = precision_recall_fscore_support(true, predicted, average="micro", zero_division=0)
    return {
        "precision": float(precision),
        "recall": float(recall),
        "f1": float(f1),
        "accuracy": float(accuracy_score(true, predicted)),
    }


def compute_type_metrics(
    predictions: Sequence[Sequence[str]], references: Sequence[Sequence[str]]
) -> dict[str, dict[str, float]]:
    """Compute F1, precision, recall and support of each type of entities.

    Args:
        predictions (`Sequence[Sequence[str]]`): Predicted tags of each sentence, such as `["B-PER", "I-PER", "O"]`.
        references (`Sequence[Sequence[str]]`): True tags of each sentence, as many as predicted.

    Returns:
        `dict[str, dict[str, float]]`: `f1`, `precision` and `recall`, in [0, 1], and `support`, the number of true
        entities, by type.

    Raises:
        ValueError: If there is no tag at all, or the numbers of sentences or of tags do not match.

    Example:

    ```py
    >>> from hf_distill.metrics import compute_type_metrics
    >>> compute_type_metrics(predictions=[["B-PER", "O"]], references=[["B-PER", "B-LOC"]])["LOC"]["recall"]
    0.0
    ```
    """
    from seqeval.metrics.sequence_labeling import get_entities, precision_recall_fscore_support

    _check_tags(predictions, references)
    predicted = [list(sentence) for sentence in predictions]
    true = [list(sentence) for sentence in references]
    # seqeval has the types in this order.
    types = sorted({entity[0] for tags in (predicted, true) for entity in get_entities(tags)})
    if not types:
        return {}
    return by_class(types, *precision_recall_fscore_support(true, predicted, average=None, zero_division=0))


class Seqeval(InMemoryMetric):
    """Entity-level `precision`, `recall` and `f1`, and token-level `accuracy`, of tag sequences.

    Example:

    ```py
    >>> from hf_distill.metrics import Seqeval
    >>> Seqeval().compute(predictions=[["B-PER", "O"]], references=[["B-PER", "O"]])
    {'precision': 1.0, 'recall': 1.0, 'f1': 1.0, 'accuracy': 1.0}
    ```
    """

    def _info(self) -> evaluate.MetricInfo:
        return evaluate.MetricInfo(
            description="Precision, recall and F1 of the entities in tag sequences, and accuracy of the tags.",
            citation=_CITATION,
            inputs_description=_INPUTS,
            features=datasets.Features(
                {
                    "predictions": datasets.Sequence(datasets.Value("string")),
                    "references": datasets.Sequence(datasets.Value("string")),
                }
            ),
            reference_urls=["https://github.com/chakki-works/seqeval"],
        )

    def _compute(self, predictions: Sequence[Sequence[str]], references: Sequence[Sequence[str]]) -> dict[str, float]:
        return compute_tagging_metrics(predictions, references)


def _check_tags(predictions: Sequence[Sequence[str]], references: Sequence[Sequence[str]]) -> None:
    if len(predictions) != len(references):
        raise ValueError(
            f"predictions has {len(predictions)} sentences and references has {len(references)}, but they must match"
        )
    if not any(len(sentence) for sentence in references):
        raise ValueError("references has no tag, give at least one sentence with one tag")
    for index, (predicted, true) in enumerate(zip(predictions, references, strict=True)):
        if len(predicted) != len(true):
            raise ValueError(
                f"sentence {index} has {len(predicted)} tags in predictions and {len(true)} in references, "
                "but they must match"
            )
