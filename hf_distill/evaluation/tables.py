# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""The models of one or several reports side by side: in Markdown and as a table for the terminal."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hf_distill.errors import InputError
from hf_distill.escaping import LONGEST_LINE, markdown, markdown_table, one_line, visible
from hf_distill.evaluation.rows import ComparisonRow, comparison_rows, format_score, metric_names, number_at

if TYPE_CHECKING:
    from rich.table import Table


TABLE_WIDTH = 100
NOT_MEASURED = "-"
NOTES = {
    "kept": "Score kept: the share of the teacher's score.",
    "megabytes": "1 MB = 1,000,000 bytes.",
    "latency_batch_1": "Latency: median (p50) time of one batch.",
    "speedup_batch_1": "Speed-up: the teacher's latency divided by the model's.",
}
"""What a number means that a row of the comparison has under this name."""
HEADERS = (
    "Score kept",
    "Parameters",
    "Size (MB)",
    "Latency, batch 1 (ms)",
    "Latency, batch 32 (ms)",
    "Speed-up, batch 1",
    "Speed-up, batch 32",
    "Agreement with teacher",
)


def comparison_markdown(report: Mapping[str, Any]) -> str:
    """The comparison as a Markdown table with a line that says how it was measured.

    Args:
        report (`Mapping[str, Any]`): The report.

    Returns:
        `str`: Markdown without a final line break.
    """
    names = metric_names(report)
    lines = [[row.model, *_cells(row, names)] for row in comparison_rows(report)]
    columns = zip(*[["Model", *names, *HEADERS], *lines])
    # What was measured of no model needs no column.
    headers, *lines = zip(*(column for column in columns if set(column[1:]) != {NOT_MEASURED}))
    return f"{markdown_table(headers, lines)}\n\n{markdown(measurement_note(report))}".rstrip()


def comparison_table(report: Mapping[str, Any]) -> Table:
    """The comparison as a table of at most 100 columns for the terminal.

    The primary metric comes first; the other metrics follow as far as there is room, and the caption names the rest.

    Args:
        report (`Mapping[str, Any]`): The report.

    Returns:
        `rich.table.Table`: The table.
    """
    rows = comparison_rows(report)
    return _widest_table(
        {"Model": _narrow_names(rows)},
        rows,
        metric_names(report),
        title=f"Comparison by {report['primary_metric']}",
        note=measurement_note(report),
    )


def compare_runs(reports: Mapping[str, Mapping[str, Any]]) -> tuple[Table, str]:
    """Compare the models of several runs: one row for each run and model.

    Args:
        reports (`Mapping[str, Mapping[str, Any]]`): Report of each run, by the run's name.

    Returns:
        `tuple[rich.table.Table, str]`: A table of at most 100 columns, and the same in Markdown.

    Raises:
        `InputError`: If there is no report, or if the reports' primary metrics differ.
    """
    primary = common_primary_metric(reports)
    names = list(dict.fromkeys(name for report in reports.values() for name in metric_names(report)))
    rows = [(run, row) for run, report in reports.items() for row in comparison_rows(report)]
    note = general_note([row for _, row in rows])
    table = _widest_table(
        {"Run": [run for run, _ in rows], "Model": _narrow_names([row for _, row in rows])},
        [row for _, row in rows],
        names,
        title=f"Comparison by {primary}",
        note=note,
    )
    return table, f"{markdown_table(*comparison_cells(reports), names=2)}\n\n{note}"


def comparison_cells(reports: Mapping[str, Mapping[str, Any]]) -> tuple[list[str], list[list[str]]]:
    """The texts of a table of several runs: one row for each run and model, with all metrics.

    Args:
        reports (`Mapping[str, Mapping[str, Any]]`): Report of each run, by the run's name.

    Returns:
        `tuple[list[str], list[list[str]]]`: The headers, "Run" and "Model" first, and the cells of each row.
    """
    names = list(dict.fromkeys(name for report in reports.values() for name in metric_names(report)))
    rows = [(run, row) for run, report in reports.items() for row in comparison_rows(report)]
    return ["Run", "Model", *names, *HEADERS], [[run, row.model, *_cells(row, names)] for run, row in rows]


def common_primary_metric(reports: Mapping[str, Mapping[str, Any]]) -> str:
    """The primary metric that all reports share.

    Args:
        reports (`Mapping[str, Mapping[str, Any]]`): Report of each run, by the run's name.

    Returns:
        `str`: Name of the metric.

    Raises:
        `InputError`: If there is no report, or if the reports' primary metrics differ.
    """
    if not reports:
        raise InputError("reports: expected at least one run to compare, got none")
    primaries = {run: report["primary_metric"] for run, report in reports.items()}
    if len(set(primaries.values())) > 1:
        given = ", ".join(f"{run} has {primary}" for run, primary in primaries.items())
        raise InputError(f"primary_metric: runs can be compared only by the same metric, but {given}")
    return next(iter(primaries.values()))


def measurement_note(report: Mapping[str, Any]) -> str:
    """One line that says what the numbers of a report are and where they were measured.

    Args:
        report (`Mapping[str, Any]`): The report.

    Returns:
        `str`: The line; it names only what the report tells.
    """
    rows, split = report.get("rows"), report.get("split")
    where = [f"{rows:,} rows"] if isinstance(rows, int) else []
    where += [f"the {split} split"] if split else []
    sentences = [f"Scores on {' of '.join(where)}."] if where else []
    threads = number_at(report, "threads")
    machine = [str(report["hardware"])] if report.get("hardware") else []
    machine += [] if threads is None else ["1 thread" if threads == 1 else f"{threads:.0f} threads"]
    sentences += [general_note(comparison_rows(report))]
    sentences += [f"Measured on: {', '.join(machine)}."] if machine else []
    return " ".join(filter(None, sentences))


def general_note(rows: Sequence[ComparisonRow]) -> str:
    """What the numbers that the rows have mean.

    Args:
        rows (`Sequence[ComparisonRow]`): The rows of a table.
    """
    return " ".join(note for name, note in NOTES.items() if any(getattr(row, name) is not None for row in rows))


def _narrow_names(rows: Sequence[ComparisonRow]) -> list[str]:
    """The models' names, those of quantized models on two lines, which leaves room for another metric."""
    return [row.model.replace("/", "/\n") for row in rows]


def _widest_table(
    leading: Mapping[str, Sequence[str]],
    rows: Sequence[ComparisonRow],
    names: Sequence[str],
    title: str,
    note: str,
) -> Table:
    """The table with as many metrics as fit the width; the primary metric is always there."""
    from rich.console import Console

    console = Console(width=10 * TABLE_WIDTH)
    for count in range(len(names), 0, -1):
        left_out = ", ".join(names[count:])
        caption = f"{note} No room here for: {left_out}." if left_out else note
        table = _table(leading, rows, names[:count], title, caption)
        if console.measure(table).maximum <= TABLE_WIDTH:
            break
    return table


def _table(
    leading: Mapping[str, Sequence[str]],
    rows: Sequence[ComparisonRow],
    names: Sequence[str],
    title: str,
    caption: str,
) -> Table:
    """A table with the leading columns, a column for each metric named, and the columns of `HEADERS`."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    # Text objects, because a run or metric named "[b]" is no markup.
    table = Table(
        box=box.SIMPLE_HEAD,
        show_edge=False,
        padding=0,
        title=Text(one_line(title)),
        caption=Text(one_line(caption, LONGEST_LINE)),
        caption_justify="left",
    )
    for header in leading:
        table.add_column(header, overflow="fold")
    for header in (*names, *HEADERS):
        stacked = one_line(header).replace(" (", "\n(").replace(", ", "\n").replace("_", "_\n")
        stacked = stacked.replace(" with ", "\nwith\n").replace(" kept", "\nkept")
        table.add_column(Text(stacked, justify="right"), justify="right", no_wrap=True)
    for index, row in enumerate(rows):
        table.add_row(*(Text(visible(column[index], "\n")) for column in leading.values()), *_cells(row, names))
    return table


def _cells(row: ComparisonRow, names: Sequence[str]) -> list[str]:
    """The numbers of a row as text, in the order of the metrics named and then of `HEADERS`."""
    parameters = row.parameters
    return [
        *(_text(row.scores.get(name), format_score) for name in names),
        _text(row.kept, lambda share: f"{100 * share:.1f}%"),
        _text(parameters, lambda count: f"{count / 1e6:.1f} M" if count >= 1e6 else f"{count:,}"),
        _text(row.megabytes, lambda size: f"{size:.1f}" if size >= 1 else f"{size:.3f}"),
        _text(row.latency_batch_1, lambda time: f"{time:.2f}"),
        _text(row.latency_batch_32, lambda time: f"{time:.2f}"),
        _text(row.speedup_batch_1, lambda ratio: f"{ratio:.2f}x"),
        _text(row.speedup_batch_32, lambda ratio: f"{ratio:.2f}x"),
        _text(row.agreement, lambda share: f"{share:.4f}"),
    ]


def _text(value: float | None, form: Callable[[float], str]) -> str:
    """The value as text, or a dash where nothing was measured."""
    return NOT_MEASURED if value is None else form(value)
