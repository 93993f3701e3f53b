# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Tests of reading, writing and showing a run's report."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from hf_distill.errors import InputError
from hf_distill.evaluation.report import (
    compare_runs,
    comparison_markdown,
    comparison_rows,
    comparison_table,
    findings,
    read_report,
    write_report,
)
from hf_distill.files import write_atomically


def model(accuracy: float, size_bytes: int, batch_1: float, batch_32: float, **more: Any) -> dict[str, Any]:
    return {
        "metrics": {"loss": 0.25, "accuracy": accuracy},
        "size_bytes": size_bytes,
        "latency_ms": {"batch_1": {"p50": batch_1, "p95": 99.0}, "batch_32": {"p50": batch_32, "p95": 999.0}},
        **more,
    }


@pytest.fixture
def report() -> dict[str, Any]:
    return {
        "quantized/onnxruntime": model(0.917, 15_000_000, 2.0, 50.0, agreement_with_teacher=0.95),
        "student": model(0.918, 57_000_000, 4.0, 100.0, parameters=14_350_248, agreement_with_teacher=0.951),
        "baseline": model(0.905, 57_000_000, 4.0, 101.0, parameters=14_350_248, agreement_with_teacher=0.93),
        "teacher": model(0.93, 91_000_000, 12.0, 300.0, parameters=22_800_000),
        "primary_metric": "accuracy",
        "task": "text-classification",
        "split": "validation",
        "rows": 872,
        "hardware": "Example CPU",
        "threads": 2,
    }


def text_of(table: Any, width: int = 100) -> str:
    console = Console(width=width)
    with console.capture() as capture:
        console.print(table)
    return capture.get()


def test_markdown_of_a_small_report(report):
    assert comparison_markdown(report) == (
        "| Model | accuracy | loss | Score kept | Parameters | Size (MB) | Latency, batch 1 (ms) "
        "| Latency, batch 32 (ms) | Speed-up, batch 1 | Speed-up, batch 32 | Agreement with teacher |\n"
        "| :--- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n"
        "| teacher | 0.9300 | 0.2500 | 100.0% | 22.8 M | 91.0 | 12.00 | 300.00 | 1.00x | 1.00x | - |\n"
        "| baseline | 0.9050 | 0.2500 | 97.3% | 14.4 M | 57.0 | 4.00 | 101.00 | 3.00x | 2.97x | 0.9300 |\n"
        "| student | 0.9180 | 0.2500 | 98.7% | 14.4 M | 57.0 | 4.00 | 100.00 | 3.00x | 3.00x | 0.9510 |\n"
        "| quantized/onnxruntime | 0.9170 | 0.2500 | 98.6% | - | 15.0 | 2.00 | 50.00 | 6.00x | 6.00x | 0.9500 |\n"
        "\n"
        "Scores on 872 rows of the validation split. Score kept: the share of the teacher's score. 1 MB = 1,000,000 "
        "bytes. Latency: median (p50) time of one batch. "
        "Speed-up: the teacher's latency divided by the model's. Measured on: Example CPU, 2 threads."
    )


def test_findings_of_a_small_report(report):
    assert findings(report) == [
        "Distillation improved accuracy by 1.30 points: the student scores 0.9180, the baseline, trained without the "
        "teacher, 0.9050.",
        "The student keeps 98.7% of the teacher's accuracy (0.9180 of 0.9300), at 63% of its size and 3.00 times its "
        "speed at batch 1.",
        "int8 (onnxruntime) worsens accuracy by 0.10 points against the student (0.9170, was 0.9180), at 26% of its "
        "size and 2.00 times its speed at batch 1.",
        "Measured on 872 rows, the student's accuracy has a standard error of 0.93 points: differences of that order "
        "may be chance.",
    ]


def test_what_a_quantized_model_is_stored_in_and_how_alike_it_predicts_is_said(report):
    report["quantized/quanto"] = {
        **report.pop("quantized/onnxruntime"), "precision": "int4", "agreement_with_student": 0.9871
    }  # fmt: skip
    assert findings(report)[2] == (
        "int4 (quanto) worsens accuracy by 0.10 points against the student (0.9170, was 0.9180), predicting as the "
        "student in 98.7%, at 26% of its size and 2.00 times its speed at batch 1."
    )


def test_quantized_embeddings_order_pairs_and_predict_none_alike(report):
    for entry in report.values():
        if isinstance(entry, dict):
            entry["metrics"] = {"spearman": 0.8}
    report |= {"primary_metric": "spearman"}
    report["quantized/onnxruntime"]["agreement_with_student"] = 0.9871
    assert "ordering pairs as the student (Spearman 0.9871)" in findings(report)[2]


def test_rows_come_in_the_fixed_order(report):
    rows = comparison_rows(report)
    assert [row.model for row in rows] == ["teacher", "baseline", "student", "quantized/onnxruntime"]
    assert [row.kind for row in rows] == ["teacher", "baseline", "student", "quantized"]


def test_row_has_the_numbers_of_the_report(report):
    student = comparison_rows(report)[2]
    assert list(student.scores) == ["accuracy", "loss"]
    assert (student.parameters, student.megabytes, student.agreement) == (14_350_248, 57.0, 0.951)
    assert (student.latency_batch_1, student.speedup_batch_1, student.speedup_batch_32) == (4.0, 3.0, 3.0)


def test_missing_measurements_are_none():
    rows = comparison_rows({"primary_metric": "f1", "student": {"metrics": {"f1": float("nan")}}})
    assert rows[0].scores == {}
    assert rows[0].parameters is rows[0].megabytes is rows[0].speedup_batch_1 is rows[0].agreement is None


def test_missing_baseline_is_said(report):
    del report["baseline"]
    assert findings(report)[0] == "No baseline was measured, so this report cannot tell what distillation gained."
    assert "baseline" not in comparison_markdown(report)


def test_missing_teacher_leaves_out_what_needs_it(report):
    del report["teacher"]
    assert [row.speedup_batch_1 for row in comparison_rows(report)] == [None, None, None]
    assert not any("keeps" in sentence and "teacher's" in sentence for sentence in findings(report))


def test_teacher_below_the_baseline_is_warned_of_first(report):
    report["teacher"]["metrics"]["accuracy"] = 0.88
    assert findings(report)[0] == (
        "Warning: The teacher (0.8800) scores below the baseline (0.9050): its accuracy is worse than that of the "
        "student trained without it, so fine-tune it longer or choose a better one."
    )


def test_what_stays_in_floats_is_said_with_what_it_is_for(report):
    before = findings(report)
    budget = {
        "drop": 0.008, "drop_of_all": 0.0213, "kept": ["a", "b"], "operators": 9, "held": True,
        "measured_on": "validation",
    }  # fmt: skip
    report["quantized/onnxruntime"]["budget"] = budget
    said = (
        " 2 of its 9 operators stay in floats, for 0.0213 was lost on the validation split with all of them quantized"
    )
    after = findings(report)
    changed = [(old, new) for old, new in zip(before, after) if old != new]
    assert changed == [(changed[0][0], f"{changed[0][0]}{said}.")]
    budget["held"] = False
    assert findings(report)[after.index(changed[0][1])].endswith(
        f"{said}; even so 0.0080 is lost, more than the recipe allows."
    )
    report["quantized/onnxruntime"]["budget"] = {**budget, "held": True, "kept": []}
    assert findings(report) == before


@pytest.mark.parametrize(
    ("drop", "said"), [(0.0213, "2.13% was lost"), (None, "more than a number can tell was lost")]
)
def test_what_is_lost_of_an_error_is_a_share(drop, said):
    models = ("teacher", "baseline", "student", "quantized/onnxruntime")
    report = {"primary_metric": "perplexity", **{model: {"metrics": {"perplexity": 20.0}} for model in models}}
    report["quantized/onnxruntime"]["budget"] = {
        "drop": 0.008, "drop_of_all": drop, "kept": ["a"], "operators": 9, "held": True, "measured_on": "test",
    }  # fmt: skip
    assert any(
        f"1 of its 9 operators stay in floats, for {said} on the test split" in line for line in findings(report)
    )


def test_a_student_below_the_baseline_gained_nothing(report):
    report["student"]["metrics"]["accuracy"] = 0.9
    assert findings(report)[0] == (
        "Distillation gave nothing here: it worsened accuracy by 0.50 points: the student scores 0.9000, the "
        "baseline, trained without the teacher, 0.9050."
    )


def test_a_student_equal_to_the_baseline_gained_nothing(report):
    report["student"]["metrics"]["accuracy"] = 0.905
    assert findings(report)[0].startswith("Distillation gave nothing here: the student (0.9050) and the baseline")


def test_a_lower_error_is_a_gain(report):
    report["primary_metric"] = "loss"
    report["student"]["metrics"]["loss"] = 0.2
    assert findings(report)[0] == (
        "Distillation improved loss by 0.0500: the student scores 0.2000, the baseline, trained without the teacher, "
        "0.2500."
    )


def test_scores_up_to_100_are_compared_in_their_own_points(report):
    for key, score in (("teacher", 88.5), ("baseline", 80.0), ("student", 82.25)):
        report[key]["metrics"]["accuracy"] = score
    assert findings(report)[0].startswith("Distillation improved accuracy by 2.25 points: the student scores 82.25")


@pytest.mark.parametrize("change", [{"task": "token-classification"}, {"task": None}, {"rows": None}])
def test_no_standard_error_where_rows_are_not_the_answers(report, change):
    assert not any("standard error" in sentence for sentence in findings({**report, **change}))


def test_table_fits_100_columns_with_the_primary_metric_first(report):
    text = text_of(comparison_table(report))
    assert max(map(len, text.splitlines())) <= 100
    assert "…" not in text
    assert text.index("accuracy") < text.index("loss")
    assert "quantized/" in text and "onnxruntime" in text


def test_table_names_the_metrics_that_do_not_fit(report):
    for number in range(5):
        report["student"]["metrics"][f"another_metric_{number}"] = 0.5
    text = " ".join(text_of(comparison_table(report)).split())
    assert "0.9180" in text
    assert "No room here for:" in text and "another_metric_4" in text


def test_compare_runs_has_a_row_for_each_run_and_model(report):
    other = copy.deepcopy(report)
    del other["baseline"]
    table, markdown = compare_runs({"first": report, "a run with [b]quite a long[/b] name": other})
    text = text_of(table)
    assert table.row_count == 7
    assert max(map(len, text.splitlines())) <= 100 and "…" not in text
    assert "[b]" in text
    assert "| first | baseline | 0.9050 |" in markdown
    assert len([line for line in markdown.splitlines() if line.startswith("| a run with")]) == 3


def test_compare_runs_refuses_different_primary_metrics(report):
    with pytest.raises(InputError, match=r"primary_metric: .*first has accuracy, second has f1"):
        compare_runs({"first": report, "second": {**report, "primary_metric": "f1"}})


def test_compare_runs_refuses_nothing():
    with pytest.raises(InputError, match="at least one run"):
        compare_runs({})


def test_report_round_trips(report, tmp_path):
    path = write_report(report, tmp_path / "report")
    assert path == tmp_path / "report" / "metrics.json"
    assert read_report(tmp_path) == report


def test_comparison_file_has_table_and_findings(report, tmp_path):
    write_report(report, tmp_path)
    text = (tmp_path / "comparison.md").read_text(encoding="utf-8")
    assert text.startswith("# Comparison\n\n| Model | accuracy |")
    assert "\n## Findings\n\n- Distillation improved accuracy by 1.30 points" in text


def test_writing_leaves_no_temporary_file(report, tmp_path):
    write_report(report, tmp_path)
    write_report(report, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["comparison.md", "metrics.json"]


def test_a_failed_write_keeps_the_old_file(tmp_path, monkeypatch):
    path = write_atomically(tmp_path / "file.txt", "old")

    def fail(*_: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(OSError, match="disk full"):
        write_atomically(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_numbers_that_json_cannot_say_become_null(report, tmp_path):
    report["student"]["metrics"]["accuracy"] = float("nan")
    content = write_report(report, tmp_path).read_text()
    assert json.loads(content)["student"]["metrics"]["accuracy"] is None
    assert "NaN" not in content


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (None, "no such file"),
        ('{"primary_metric": ', "not valid JSON"),
        ("[]", "primary_metric"),
        ('{"primary_metric": "f1"}', "has no model"),
    ],
)
def test_a_missing_or_damaged_report_names_file_and_command(tmp_path: Path, content, complaint):
    if content is not None:
        write_atomically(tmp_path / "report" / "metrics.json", content)
    with pytest.raises(InputError, match=complaint) as error:
        read_report(tmp_path)
    message = str(error.value)
    assert str(tmp_path / "report" / "metrics.json") in message
    assert f"hf-distill evaluate {tmp_path}" in message
    assert "\n" not in message
