# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Tests of the picture of a comparison."""

from __future__ import annotations

import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hf_distill.errors import InputError
from hf_distill.evaluation import plots
from hf_distill.evaluation.plots import plot_comparison


def report_of(**models: tuple[float, float, float]) -> dict[str, Any]:
    report: dict[str, Any] = {"primary_metric": "accuracy"}
    for key, (score, megabytes, latency) in models.items():
        report[key.replace("__", "/")] = {
            "metrics": {"accuracy": score},
            "size_bytes": megabytes * 1e6,
            "latency_ms": {"batch_1": {"p50": latency}},
        }
    return report


@pytest.fixture
def report() -> dict[str, Any]:
    return report_of(
        teacher=(0.93, 91, 12),
        baseline=(0.905, 57, 4.5),
        student=(0.918, 57, 4.5),
        quantized__onnxruntime=(0.917, 15, 2.1),
    )


@pytest.fixture
def figure(monkeypatch) -> list[Any]:
    """The figures that are drawn, to look into."""
    from matplotlib.backends import backend_agg

    drawn = []

    class Canvas(backend_agg.FigureCanvasAgg):
        def __init__(self, figure: Any) -> None:
            super().__init__(figure)
            drawn.append(figure)

    monkeypatch.setattr(backend_agg, "FigureCanvasAgg", Canvas)
    return drawn


def label_boxes(figure: Any) -> dict[str, Any]:
    return {label.get_text(): plots._text_box(label) for label in figure.axes[0].texts}


def test_picture_is_a_png_of_1200_by_750(report, tmp_path):
    path = plot_comparison({"run": report}, tmp_path / "pictures" / "comparison.png", title="SST-2")
    content = path.read_bytes()
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack(">II", content[16:24]) == (1200, 750)


def test_no_temporary_file_is_left(report, tmp_path):
    plot_comparison({"run": report}, tmp_path / "comparison.png")
    assert [path.name for path in tmp_path.iterdir()] == ["comparison.png"]


@pytest.mark.parametrize("close", [False, True])
def test_labels_overlap_neither_each_other_nor_the_frame(report, tmp_path, figure, close):
    if close:
        report = report_of(
            teacher=(0.93, 91, 12),
            baseline=(0.918, 57, 4.5),
            student=(0.918, 57, 4.5),
            quantized__onnxruntime=(0.9178, 15, 4.3),
        )
    plot_comparison({"run": report}, tmp_path / "comparison.png")
    boxes = label_boxes(figure[0])
    assert set(boxes) == {"teacher", "baseline", "student", "int8"}
    frame = figure[0].axes[0].get_window_extent()
    for name, box in boxes.items():
        assert plots._overlap(box, frame) == pytest.approx(box.width * box.height)
        assert all(plots._overlap(box, other) == 0 for key, other in boxes.items() if key != name)


@pytest.mark.parametrize(("slowest", "scale"), [(10.0, "linear"), (11.0, "log")])
def test_latency_is_logarithmic_over_a_range_of_more_than_five(tmp_path, figure, slowest, scale):
    report = report_of(teacher=(0.93, 91, slowest), student=(0.918, 57, 2.0))
    plot_comparison({"run": report}, tmp_path / "comparison.png")
    assert figure[0].axes[0].get_xscale() == scale


def test_area_is_proportional_to_size():
    assert plots._areas([50.0, 100.0, None], 100.0) == [750.0, 1500.0, plots.SMALLEST_BUBBLE]


def test_a_legend_names_round_sizes(report, tmp_path, figure):
    plot_comparison({"run": report}, tmp_path / "comparison.png")
    assert [text.get_text() for text in figure[0].axes[0].get_legend().texts] == ["9 MB", "40 MB", "90 MB"]


def test_labels_name_the_run_only_if_there_are_several(report, tmp_path, figure):
    plot_comparison({"first": report, "second": report}, tmp_path / "comparison.png")
    assert "student, first" in label_boxes(figure[0]) and "student, second" in label_boxes(figure[0])


def test_labels_name_the_backend_only_if_there_are_several(report, tmp_path, figure):
    report["quantized/openvino"] = report["quantized/onnxruntime"]
    plot_comparison({"run": report}, tmp_path / "comparison.png")
    assert {"int8 (onnxruntime)", "int8 (openvino)"} < set(label_boxes(figure[0]))


def test_a_single_model_of_unknown_size_is_drawn_without_legend(tmp_path, figure):
    report = report_of(student=(0.9, 1, 3.0))
    del report["student"]["size_bytes"]
    plot_comparison({"run": report}, tmp_path / "comparison.png")
    assert list(label_boxes(figure[0])) == ["student"]
    assert figure[0].axes[0].get_legend() is None


def test_a_report_without_latencies_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"latency_ms\.batch_1\.p50"):
        plot_comparison({"run": {"primary_metric": "f1", "student": {"metrics": {"f1": 0.5}}}}, tmp_path / "x.png")
    assert list(tmp_path.iterdir()) == []


def test_different_primary_metrics_are_refused(report, tmp_path):
    with pytest.raises(InputError, match="primary_metric"):
        plot_comparison({"first": report, "second": {**report, "primary_metric": "f1"}}, tmp_path / "x.png")


def test_drawing_never_imports_pyplot(tmp_path):
    code = (
        "import sys; from hf_distill.evaluation.plots import plot_comparison; from pathlib import Path\n"
        "assert 'matplotlib' not in sys.modules\n"
        "student = {'metrics': {'f1': 0.5}, 'latency_ms': {'batch_1': {'p50': 1}}}\n"
        "report = {'primary_metric': 'f1', 'student': student}\n"
        "plot_comparison({'run': report}, Path(sys.argv[1]))\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    root = str(Path(plots.__file__).parents[2])
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "x.png")], check=True, cwd=root)
