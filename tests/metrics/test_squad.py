# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Tests of SQuAD's scores."""

from __future__ import annotations

import random
import re

import evaluate
import pytest

from hf_distill.metrics import Squad, compute_squad_metrics
from hf_distill.metrics.squad import normalize_answer

WORDS = [
    "the",
    "The",
    "a",
    "an",
    "red",
    "house,",
    "house",
    "U.S.",
    "é",
    "1,000",
    "-",
    "another",
    " ",
    "\n",
    "“quoted”",
]


def normalized_by_steps(text: str) -> list[str]:
    """The published rules, letter by letter: lower case, no ASCII punctuation, no articles, no space to spare."""
    kept = "".join(letter for letter in text.lower() if letter not in "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")
    return [word for word in re.sub(r"\b(?:a|an|the)\b", " ", kept).split() if word]


def scores_by_steps(answer: str, right: list[str]) -> tuple[float, float]:
    exact, f1 = 0.0, 0.0
    for text in right:
        given, wanted = normalized_by_steps(answer), normalized_by_steps(text)
        exact = max(exact, float(given == wanted))
        left, common = list(wanted), 0
        for word in given:
            if word in left:
                left.remove(word)
                common += 1
        if common:
            precision, recall = common / len(given), common / len(wanted)
            f1 = max(f1, 2 * precision * recall / (precision + recall))
    return exact, f1


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("The U.S.  dollar, a currency", "us dollar currency"),
        ("Theatre, and another", "theatre and another"),
        ("Saint-Étienne", "saintétienne"),
        ("the", ""),
        ("“An Apple”", "“ apple”"),
        ("  Denver\tBroncos\n", "denver broncos"),
    ],
)
def test_answers_are_compared_without_what_does_not_matter(text: str, wanted: str) -> None:
    assert normalize_answer(text) == wanted


@pytest.mark.parametrize(
    ("answer", "right", "exact", "f1"),
    [
        ("the Denver Broncos!", ["Denver Broncos", "Denver Broncos", "Denver"], 1, 1),
        # 2 of 3 words given and 2 of 2 wanted.
        ("Denver Broncos team", ["Denver Broncos"], 0, 0.8),
        # A word counts as often as both have it.
        ("very very good", ["very good good"], 0, 2 / 3),
        # The nearest of the right answers.
        ("Levi's Stadium in Santa Clara", ["Levi's Stadium", "Santa Clara, California"], 0, 4 / 7),
        ("1976", ["1976"], 1, 1),
        ("Rome", ["Paris"], 0, 0),
        ("", ["Rome"], 0, 0),
        # Of both nothing is left, and no word is common.
        ("The", ["a"], 1, 0),
    ],
)
def test_scores_are_those_of_the_rules(answer: str, right: list[str], exact: float, f1: float) -> None:
    scores = compute_squad_metrics([answer], [right])
    assert scores == {"exact_match": exact, "f1": pytest.approx(f1)}


def test_published_example_has_its_published_scores() -> None:
    # From the page of the metric `squad` of the library evaluate: one answer right and one wrong give 50.
    predictions, references = ["1976", "Beyonce"], [["1976"], ["Beyoncé and Bruno Mars"]]
    assert compute_squad_metrics(predictions, references) == {"exact_match": 0.5, "f1": 0.5}


@pytest.mark.parametrize("nothing", [[], [""], ["", ""]])
@pytest.mark.parametrize(("answer", "score"), [("", 1), ("the", 1), ("Rome", 0)])
def test_where_there_is_no_answer_none_is_right(nothing: list[str], answer: str, score: float) -> None:
    assert compute_squad_metrics([answer], [nothing]) == {"exact_match": score, "f1": score}


def test_random_answers_have_the_scores_of_the_rules_taken_step_by_step() -> None:
    generator = random.Random(0)

    def text() -> str:
        return " ".join(generator.choices(WORDS, k=generator.randrange(1, 6)))

    for _ in range(300):
        answer, right = text(), [text() for _ in range(generator.randrange(1, 4))]
        exact, f1 = scores_by_steps(answer, right)
        assert compute_squad_metrics([answer], [right]) == {"exact_match": exact, "f1": pytest.approx(f1)}, answer


def test_metric_is_the_mean_over_questions_and_can_be_combined() -> None:
    predictions, references = ["Rome", "in Paris", ""], [["Rome"], ["Paris", "Lyon"], []]
    wanted = {"exact_match": pytest.approx(2 / 3), "f1": pytest.approx((1 + 2 / 3 + 1) / 3)}
    assert Squad().compute(predictions=predictions, references=references) == wanted
    combined = evaluate.combine([Squad()])
    assert combined.compute(predictions=predictions, references=references) == wanted


def test_values_are_plain_floats() -> None:
    assert {type(value) for value in compute_squad_metrics(["a"], [["b"]]).values()} == {float}


def test_what_does_not_match_is_refused() -> None:
    with pytest.raises(ValueError, match="predictions has 1 answers and references has 2"):
        compute_squad_metrics(["a"], [["a"], ["b"]])
    with pytest.raises(ValueError, match="references has no question"):
        compute_squad_metrics([], [])
