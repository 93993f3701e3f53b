# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import warnings

import evaluate
import numpy as np
import pytest
import torch
from sklearn import metrics as sklearn_metrics

from hf_distill.metrics import F1, Accuracy, Precision, Recall, compute_class_metrics, compute_classification_metrics

# Class 0: precision 1/1, recall 1/2, F1 2/3. Class 1: 2/3, 2/2, 4/5. Class 2: 1/1, 1/1, 1.
PREDICTIONS = [0, 1, 1, 1, 2]
REFERENCES = [0, 0, 1, 1, 2]
GOLDEN = {
    "accuracy": 4 / 5,
    "precision_macro": (1 + 2 / 3 + 1) / 3,
    "recall_macro": (1 / 2 + 1 + 1) / 3,
    "f1_macro": (2 / 3 + 4 / 5 + 1) / 3,
    "f1_weighted": (2 * 2 / 3 + 2 * 4 / 5 + 1) / 5,
}


def test_function_matches_values_computed_by_hand() -> None:
    assert compute_classification_metrics(PREDICTIONS, REFERENCES) == pytest.approx(GOLDEN)


def test_combined_metrics_match_values_computed_by_hand() -> None:
    combined = evaluate.combine([Accuracy(), Precision(), Recall(), F1("macro"), F1("weighted")])
    assert combined.compute(predictions=PREDICTIONS, references=REFERENCES) == pytest.approx(GOLDEN)


def test_binary_average_scores_class_one() -> None:
    combined = evaluate.combine([Precision("binary"), Recall("binary"), F1("binary")])
    result = combined.compute(predictions=[1, 1, 1, 0], references=[1, 0, 0, 0])
    assert result == pytest.approx({"precision_binary": 1 / 3, "recall_binary": 1.0, "f1_binary": 0.5})


@pytest.mark.parametrize("average", ["macro", "weighted", "micro"])
@pytest.mark.parametrize("metric_class", [Precision, Recall, F1])
def test_averages_match_scikit_learn_on_random_classes(metric_class: type, average: str) -> None:
    generator = np.random.default_rng(0)
    predictions, references = generator.integers(0, 7, size=(2, 300))
    name = metric_class.__name__.lower()
    expected = getattr(sklearn_metrics, f"{name}_score")(references, predictions, average=average, zero_division=0)
    result = metric_class(average).compute(predictions=predictions, references=references)
    assert result == {f"{name}_{average}": pytest.approx(expected)}


def test_function_matches_metrics_on_random_classes() -> None:
    generator = np.random.default_rng(1)
    predictions, references = generator.integers(0, 5, size=(2, 200))
    combined = evaluate.combine([Accuracy(), Precision(), Recall(), F1("macro"), F1("weighted")])
    expected = combined.compute(predictions=predictions, references=references)
    assert compute_classification_metrics(predictions, references) == pytest.approx(expected)


def test_function_leaves_out_unlabelled_rows() -> None:
    result = compute_classification_metrics([2, *PREDICTIONS, 0], [-100, *REFERENCES, -100])
    assert result == pytest.approx(GOLDEN)


@pytest.mark.parametrize("metric", [Accuracy(), F1("macro"), F1("weighted"), Precision(), Recall()])
def test_metrics_leave_out_unlabelled_rows(metric: evaluate.Metric) -> None:
    result = metric.compute(predictions=[2, *PREDICTIONS], references=[-100, *REFERENCES])
    assert result == pytest.approx({key: GOLDEN[key] for key in result})


def test_class_without_predictions_counts_as_zero_without_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = compute_classification_metrics([0, 0], [0, 1])
    assert result["precision_macro"] == 0.25


def test_values_are_plain_floats() -> None:
    results = {**compute_classification_metrics(PREDICTIONS, REFERENCES)}
    results |= F1("micro").compute(predictions=PREDICTIONS, references=REFERENCES)
    assert {type(value) for value in results.values()} == {float}


def test_tensors_are_accepted() -> None:
    result = Accuracy().compute(predictions=torch.tensor([0, 1]), references=torch.tensor([1, 1]))
    assert result == {"accuracy": 0.5}


@pytest.mark.parametrize("references", [[], [-100]])
def test_function_refuses_inputs_without_a_labelled_row(references: list[int]) -> None:
    with pytest.raises(ValueError, match="none is labelled, give at least one other than -100"):
        compute_classification_metrics([0] * len(references), references)


def test_metric_refuses_empty_inputs() -> None:
    with pytest.raises(ValueError, match="none is labelled"):
        Accuracy().compute(predictions=[], references=[])


def test_logits_are_refused() -> None:
    with pytest.raises(ValueError, match=r"predictions has shape \(1, 2\), but must have one class per row"):
        compute_classification_metrics([[0.1, 0.9]], [1])


def test_different_numbers_of_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="predictions has 1 rows and references has 2"):
        compute_classification_metrics([0], [0, 1])


def test_unknown_average_is_refused() -> None:
    with pytest.raises(ValueError, match="average is 'mean', but must be one of: macro, weighted, micro, binary"):
        F1("mean")


def test_metric_describes_itself() -> None:
    info = Precision("weighted").info
    assert (info.module_name, info.config_name) == ("precision", "weighted")
    assert "scikit-learn" in info.citation
    assert set(info.features) == {"predictions", "references"}


def test_classes_match_values_computed_by_hand() -> None:
    classes = compute_class_metrics([*PREDICTIONS, 1], [*REFERENCES, -100], ["a", "b", "c", "never"])
    assert classes["a"] == pytest.approx({"f1": 2 / 3, "precision": 1, "recall": 1 / 2, "support": 2})
    assert classes["b"] == pytest.approx({"f1": 4 / 5, "precision": 2 / 3, "recall": 1, "support": 2})
    assert classes["never"] == {"f1": 0, "precision": 0, "recall": 0, "support": 0}


def test_labels_of_which_any_number_is_right_are_classes_too() -> None:
    classes = compute_class_metrics([[1, 0], [1, 1]], [[1, 1], [0, 1]], ["a", "b"])
    assert classes["a"] == pytest.approx({"f1": 2 / 3, "precision": 1 / 2, "recall": 1, "support": 1})
    assert classes["b"] == pytest.approx({"f1": 2 / 3, "precision": 1, "recall": 1 / 2, "support": 2})
