# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import warnings

import evaluate
import numpy as np
import pytest
from seqeval import metrics as seqeval_metrics

from hf_distill.metrics import Seqeval, compute_tagging_metrics, compute_type_metrics

# Three true entities, four predicted ones, two of them right; 6 of 8 tags are right.
PREDICTIONS = [["B-PER", "I-PER", "O", "B-LOC"], ["B-ORG", "O", "B-PER", "O"]]
REFERENCES = [["B-PER", "I-PER", "O", "B-ORG"], ["B-ORG", "O", "O", "O"]]
GOLDEN = {"precision": 2 / 4, "recall": 2 / 3, "f1": 4 / 7, "accuracy": 6 / 8}


def test_function_matches_values_computed_by_hand() -> None:
    assert compute_tagging_metrics(PREDICTIONS, REFERENCES) == pytest.approx(GOLDEN)


def test_metric_matches_values_computed_by_hand() -> None:
    assert Seqeval().compute(predictions=PREDICTIONS, references=REFERENCES) == pytest.approx(GOLDEN)


def test_wrong_boundary_is_no_hit() -> None:
    result = compute_tagging_metrics([["B-PER", "I-PER", "O"]], [["B-PER", "O", "O"]])
    assert result == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "accuracy": pytest.approx(2 / 3)}


def test_function_matches_seqeval_on_random_tags() -> None:
    generator = np.random.default_rng(0)
    tags = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
    predictions, references = (generator.choice(tags, size=(40, 12)).tolist() for _ in range(2))
    result = compute_tagging_metrics(predictions, references)
    scores = {name: getattr(seqeval_metrics, f"{name}_score") for name in result}
    assert result == {name: pytest.approx(score(references, predictions)) for name, score in scores.items()}


def test_metric_can_be_combined() -> None:
    combined = evaluate.combine({"tags": Seqeval()}, force_prefix=True)
    result = combined.compute(predictions=PREDICTIONS, references=REFERENCES)
    assert result == pytest.approx({f"tags_{name}": value for name, value in GOLDEN.items()})


def test_sentences_may_differ_in_length_and_be_empty() -> None:
    result = Seqeval().compute(predictions=[["B-PER"], [], ["O", "O"]], references=[["B-PER"], [], ["O", "B-LOC"]])
    assert result == pytest.approx({"precision": 1.0, "recall": 0.5, "f1": 2 / 3, "accuracy": 2 / 3})


def test_no_entity_at_all_gives_zeros_without_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = compute_tagging_metrics([["O", "O"]], [["O", "O"]])
    assert result == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "accuracy": 1.0}


def test_tag_without_position_prefix_keeps_its_warning() -> None:
    with pytest.warns(UserWarning, match="seems not to be NE tag"):
        compute_tagging_metrics([["PER"]], [["B-PER"]])


def test_values_are_plain_floats() -> None:
    assert {type(value) for value in compute_tagging_metrics(PREDICTIONS, REFERENCES).values()} == {float}


@pytest.mark.parametrize("sentences", [[], [[]]])
def test_inputs_without_tags_are_refused(sentences: list[list[str]]) -> None:
    with pytest.raises(ValueError, match="references has no tag"):
        compute_tagging_metrics(sentences, sentences)


def test_different_numbers_of_sentences_are_refused() -> None:
    with pytest.raises(ValueError, match="predictions has 1 sentences and references has 2"):
        compute_tagging_metrics([["O"]], [["O"], ["O"]])


def test_different_numbers_of_tags_are_refused() -> None:
    with pytest.raises(ValueError, match="sentence 1 has 1 tags in predictions and 2 in references"):
        compute_tagging_metrics([["O"], ["O"]], [["O"], ["O", "O"]])


def test_types_match_values_computed_by_hand() -> None:
    types = compute_type_metrics(PREDICTIONS, REFERENCES)
    assert list(types) == ["LOC", "ORG", "PER"]
    assert types["LOC"] == {"f1": 0, "precision": 0, "recall": 0, "support": 0}
    assert types["ORG"] == pytest.approx({"f1": 2 / 3, "precision": 1, "recall": 1 / 2, "support": 2})
    assert types["PER"] == pytest.approx({"f1": 2 / 3, "precision": 1 / 2, "recall": 1, "support": 1})


def test_without_any_entity_there_are_no_types() -> None:
    assert compute_type_metrics([["O"]], [["O"]]) == {}
