# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Exact match and F1 of answers that are pieces of a text, by the rules of SQuAD."""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Sequence

import datasets
import evaluate

from hf_distill.metrics.in_memory import InMemoryMetric

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_WITHOUT_PUNCTUATION = str.maketrans("", "", string.punctuation)

_CITATION = """\
@inproceedings{rajpurkar-etal-2016-squad,
  title={{SQ}u{AD}: 100,000+ Questions for Machine Comprehension of Text},
  author={Rajpurkar, Pranav and Zhang, Jian and Lopyrev, Konstantin and Liang, Percy},
  booktitle={Proceedings of the 2016 Conference on Empirical Methods in Natural Language Processing},
  pages={2383--2392},
  year={2016}
}
"""

_INPUTS = """
Args:
    predictions (`list[str]`): The answer to each question; empty where the model says that there is none.
    references (`list[list[str]]`): The right answers to each question; none for a question without an answer.
"""


def normalize_answer(text: str) -> str:
    """Return an answer as it is compared: in lower case, without punctuation and articles, with single spaces.

    Args:
        text (`str`): The answer.

    Returns:
        `str`: What is left of it; of "the" nothing is.

    Example:

    ```py
    >>> from hf_distill.metrics.squad import normalize_answer
    >>> normalize_answer("The U.S.  dollar, a currency")
    'us dollar currency'
    ```
    """
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_WITHOUT_PUNCTUATION)).split())


def compute_squad_metrics(predictions: Sequence[str], references: Sequence[Sequence[str]]) -> dict[str, float]:
    """Compute the share of answers that are right, and the mean F1 of their words.

    Answers are compared as `normalize_answer` has them, with the right answer that is nearest. F1 is that of the words
    that both have, each as often as it occurs. These are the rules of the SQuAD v1.1 script, whose scores go up to
    100. To a question without a right answer, the empty answer alone is right (1, else 0), as in SQuAD v2.0.

    Args:
        predictions (`Sequence[str]`): The answer to each question; empty where the model says that there is none.
        references (`Sequence[Sequence[str]]`): The right answers to each question; none, or empty ones, for a question
            without an answer.

    Returns:
        `dict[str, float]`: `exact_match` and `f1`, in [0, 1].

    Raises:
        ValueError: If there is no question, or the numbers of answers and questions do not match.

    Example:

    ```py
    >>> from hf_distill.metrics import compute_squad_metrics
    >>> compute_squad_metrics(predictions=["the red house"], references=[["red house", "house"]])
    {'exact_match': 1.0, 'f1': 1.0}
    ```
    """
    if len(predictions) != len(references):
        raise ValueError(
            f"predictions has {len(predictions)} answers and references has {len(references)}, but they must match"
        )
    if len(predictions) == 0:
        raise ValueError("references has no question, give at least one")
    scores = [_score(answer, right) for answer, right in zip(predictions, references)]
    exact, f1 = zip(*scores)
    return {"exact_match": sum(exact) / len(scores), "f1": sum(f1) / len(scores)}


def _score(answer: str, right: Sequence[str]) -> tuple[float, float]:
    """Return the exact match and the F1 of one answer."""
    given = normalize_answer(answer)
    if not any(right):
        return float(not given), float(not given)
    wanted = [normalize_answer(text) for text in right]
    return float(given in wanted), max(_f1(given.split(), text.split()) for text in wanted)


def _f1(given: list[str], wanted: list[str]) -> float:
    """Return the harmonic mean of the shares of words that the other has too."""
    common = sum((Counter(given) & Counter(wanted)).values())
    # Two answers of which nothing is left have no word in common, and count as wrong, in the official script too.
    return 2 * common / (len(given) + len(wanted)) if common else 0.0


class Squad(InMemoryMetric):
    """`exact_match` and `f1` of answers that are pieces of a text, from 0 to 1; see `compute_squad_metrics`.

    Example:

    ```py
    >>> from hf_distill.metrics import Squad
    >>> Squad().compute(predictions=["in Rome"], references=[["Rome"]])["f1"]
    0.6666666666666666
    ```
    """

    def _info(self) -> evaluate.MetricInfo:
        return evaluate.MetricInfo(
            description="Exact match and F1 of the words of answers, against the nearest of the right ones.",
            citation=_CITATION,
            inputs_description=_INPUTS,
            features=datasets.Features(
                {
                    "predictions": datasets.Value("string"),
                    "references": datasets.Sequence(datasets.Value("string")),
                }
            ),
            reference_urls=["https://rajpurkar.github.io/SQuAD-explorer/"],
        )

    def _compute(self, predictions: Sequence[str], references: Sequence[Sequence[str]]) -> dict[str, float]:
        return compute_squad_metrics(predictions, references)
