# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""The picture of a comparison: score against latency, with a bubble for each model as large as its size on disk."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hf_distill.errors import InputError
from hf_distill.escaping import one_line
from hf_distill.evaluation.rows import comparison_rows
from hf_distill.evaluation.tables import common_primary_metric
from hf_distill.files import write_atomically

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Annotation
    from matplotlib.transforms import Bbox


# From the palette of Okabe and Ito (2008), which colour-blind readers can tell apart.
COLOURS = {"teacher": "#0072B2", "baseline": "#767676", "student": "#D55E00", "quantized": "#009E73"}
PICTURE_FILE = "comparison.png"
INCHES = (8.0, 5.0)
DOTS_PER_INCH = 150
LARGEST_BUBBLE = 1500.0  # area, in square points
SMALLEST_BUBBLE = 16.0  # so that a tiny model is still seen
LONGEST_LABEL = 40
LOG_SCALE_RATIO = 5.0
TEXT_COLOUR = "#222222"


@dataclass(frozen=True)
class Bubble:
    """One model of the picture.

    Args:
        kind (`str`): Kind of the model, a key of `COLOURS`.
        label (`str`): Text beside the bubble.
        latency (`float`): Median time of a batch of 1, in milliseconds.
        score (`float`): The primary metric.
        megabytes (`float`, *optional*): Size on disk in megabytes of 1,000,000 bytes.
    """

    kind: str
    label: str
    latency: float
    score: float
    megabytes: float | None


def plot_comparison(reports: Mapping[str, Mapping[str, Any]], path: Path, title: str | None = None) -> Path:
    """Draw score against latency for the models of one or several runs.

    Args:
        reports (`Mapping[str, Mapping[str, Any]]`): Report of each run, by the run's name. Labels name the run only if
            there are several.
        path (`Path`): PNG file to write, 1200 by 750 pixels.
        title (`str`, *optional*): Title of the picture; without it the picture has none.

    Returns:
        `Path`: `path`.

    Raises:
        `InputError`: If the reports' primary metrics differ, or if no model has both a score and a latency.
    """
    import matplotlib

    metric = common_primary_metric(reports)
    bubbles = _bubbles(reports, metric)
    if not bubbles:
        raise InputError(f'reports: no model has both "{metric}" and "latency_ms.batch_1.p50", so there is no picture')
    # A name with a dollar in it is no formula.
    with matplotlib.rc_context({"text.parse_math": False}):
        content = _draw(bubbles, metric, title)
    return write_atomically(Path(path), content)


def _draw(bubbles: Sequence[Bubble], metric: str, title: str | None) -> bytes:
    """The whole picture, as the content of a PNG file."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=INCHES, dpi=DOTS_PER_INCH, facecolor="white", layout="constrained")
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    _draw_axes(axes, bubbles, metric, title)
    _draw_bubbles(axes, bubbles)
    _draw_size_legend(axes, bubbles)
    _draw_labels(figure, axes, bubbles)
    content = io.BytesIO()
    canvas.print_png(content)
    return content.getvalue()


def _bubbles(reports: Mapping[str, Mapping[str, Any]], metric: str) -> list[Bubble]:
    """The models that can be drawn, the largest first, so that none hides another."""
    bubbles = []
    for run, report in reports.items():
        rows = comparison_rows(report)
        several_backends = sum(row.kind == "quantized" for row in rows) > 1
        for row in rows:
            if metric not in row.scores or row.latency_batch_1 is None or row.latency_batch_1 <= 0:
                continue
            name = row.precision or row.kind
            name += f" ({row.backend})" if row.kind == "quantized" and several_backends else ""
            label = f"{name}, {one_line(run, LONGEST_LABEL)}" if len(reports) > 1 else name
            bubbles.append(Bubble(row.kind, label, row.latency_batch_1, row.scores[metric], row.megabytes))
    return sorted(bubbles, key=lambda bubble: bubble.megabytes or 0.0, reverse=True)


def _areas(sizes: Iterable[float | None], largest: float) -> list[float]:
    """Areas in square points, proportional to the sizes; a model of unknown size gets the smallest."""
    return [max(SMALLEST_BUBBLE, LARGEST_BUBBLE * (size or 0.0) / largest) for size in sizes]


def _largest(bubbles: Sequence[Bubble]) -> float:
    """The largest known size in megabytes, or 1 if none is known."""
    return max((bubble.megabytes or 0.0 for bubble in bubbles), default=0.0) or 1.0


def _draw_axes(axes: Axes, bubbles: Sequence[Bubble], metric: str, title: str | None) -> None:
    """Scales with room for bubbles and labels, and what they mean."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    latencies = [bubble.latency for bubble in bubbles]
    low, high = min(latencies), max(latencies)
    if high / low > LOG_SCALE_RATIO:
        margin = (high / low) ** 0.15
        axes.set_xscale("log")
        axes.set_xlim(low / margin, high * margin**1.2)
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    else:
        margin = 0.2 * (high - low) or 0.3 * high
        axes.set_xlim(max(0.0, low - margin), high + 1.2 * margin)
    scores = [bubble.score for bubble in bubbles]
    margin = 0.28 * (max(scores) - min(scores)) or 0.01 * (abs(scores[0]) or 1.0)
    axes.set_ylim(min(scores) - margin, max(scores) + margin)
    axes.set_xlabel("Latency at batch 1, median (ms)", fontsize=12, color=TEXT_COLOUR)
    axes.set_ylabel(one_line(metric, LONGEST_LABEL), fontsize=12, color=TEXT_COLOUR)
    axes.tick_params(labelsize=11, colors=TEXT_COLOUR)
    axes.grid(True, which="major", color="#E4E4E4", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    if title:
        axes.set_title(one_line(title, 2 * LONGEST_LABEL), fontsize=14, color=TEXT_COLOUR, loc="left", pad=12)


def _draw_bubbles(axes: Axes, bubbles: Sequence[Bubble]) -> None:
    """Discs, and rings for the baselines: a student of the same score, size and latency does not hide a ring."""
    for bubble, area in zip(bubbles, _areas((bubble.megabytes for bubble in bubbles), _largest(bubbles))):
        ring = bubble.kind == "baseline"
        axes.scatter(
            [bubble.latency],
            [bubble.score],
            s=area,
            facecolors="none" if ring else COLOURS[bubble.kind],
            edgecolors=COLOURS[bubble.kind] if ring else "white",
            linewidths=2.5 if ring else 1.2,
            alpha=1.0 if ring else 0.85,
            zorder=4 if ring else 3,
        )


def _draw_size_legend(axes: Axes, bubbles: Sequence[Bubble]) -> None:
    """Bubbles of round sizes, beside the axes so that they cover nothing."""
    if all(bubble.megabytes is None for bubble in bubbles):
        return
    largest = _largest(bubbles)
    sizes = sorted({_rounded(largest * share) for share in (1.0, 0.4, 0.1)})
    handles = [
        axes.scatter([], [], s=area, c="#BBBBBB", edgecolors="white", linewidths=1.2)
        for area in _areas(sizes, largest)
    ]
    legend = axes.legend(
        handles,
        [f"{size:g} MB" for size in sizes],
        title="Size on disk",
        loc="upper left",
        bbox_to_anchor=(1.0, 1.0),
        frameon=False,
        labelspacing=2.3,
        handletextpad=1.4,
        borderpad=1.0,
        fontsize=11,
        title_fontsize=11,
        labelcolor=TEXT_COLOUR,
    )
    legend.get_title().set_color(TEXT_COLOUR)


def _rounded(size: float) -> float:
    """The size with one significant digit, so that a legend names round sizes."""
    return float(f"{size:.0e}")


def _draw_labels(figure: Figure, axes: Axes, bubbles: Sequence[Bubble]) -> None:
    """Write each label beside its bubble, in the place around it where it covers the least."""
    from matplotlib.patheffects import withStroke

    figure.canvas.draw()  # fixes the layout, and with it where things are in pixels
    frame = axes.get_window_extent()
    areas = _areas((bubble.megabytes for bubble in bubbles), _largest(bubbles))
    taken = [_circle(axes, bubble, area) for bubble, area in zip(bubbles, areas)]
    for bubble, area in zip(bubbles, areas):
        radius = (area**0.5) / 2
        label = axes.annotate(
            bubble.label,
            (bubble.latency, bubble.score),
            xytext=(0, 0),
            textcoords="offset points",
            fontsize=12,
            fontweight="bold",
            color=COLOURS[bubble.kind],
            path_effects=[withStroke(linewidth=3, foreground="white")],
            arrowprops={"arrowstyle": "-", "color": COLOURS[bubble.kind], "shrinkA": 0, "shrinkB": radius},
            zorder=5,
        )
        label.set_in_layout(False)
        taken.append(_place(label, radius, taken, frame))


def _circle(axes: Axes, bubble: Bubble, area: float) -> Bbox:
    """The box around a bubble, in pixels."""
    from matplotlib.transforms import Bbox

    x, y = axes.transData.transform((bubble.latency, bubble.score))
    radius = (area**0.5) / 2 * DOTS_PER_INCH / 72
    return Bbox.from_extents(x - radius, y - radius, x + radius, y + radius)


def _place(label: Annotation, radius: float, taken: Sequence[Bbox], frame: Bbox) -> Bbox:
    """Move a label to the free place nearest to its bubble and return the box it fills, in pixels."""
    best = None
    nearest = radius + 5
    for distance in (nearest, nearest + 14, nearest + 28):
        slant = 0.75 * distance
        for x, y, horizontal, vertical in (
            (distance, 0, "left", "center"),
            (0, distance, "center", "bottom"),
            (0, -distance, "center", "top"),
            (-distance, 0, "right", "center"),
            (slant, slant, "left", "bottom"),
            (slant, -slant, "left", "top"),
            (-slant, slant, "right", "bottom"),
            (-slant, -slant, "right", "top"),
        ):
            label.set(position=(x, y), ha=horizontal, va=vertical)
            box = _text_box(label)
            covered = sum(_overlap(box, other) for other in taken)
            outside = box.width * box.height - _overlap(box, frame)
            candidate = (covered + outside, distance, x, y, horizontal, vertical)
            if best is None or candidate[0] < best[0]:
                best = candidate
    _, distance, x, y, horizontal, vertical = best
    label.set(position=(x, y), ha=horizontal, va=vertical)
    # A line leads to the bubble only from farther away, where it could be unclear which one is meant.
    label.arrow_patch.set_visible(distance > nearest)
    return _text_box(label)


def _text_box(label: Annotation) -> Bbox:
    """The box around the text of a label, without its line, in pixels."""
    from matplotlib.text import Text

    renderer = label.get_figure().canvas.get_renderer()
    label.update_positions(renderer)
    return Text.get_window_extent(label, renderer).padded(2)


def _overlap(first: Bbox, second: Bbox) -> float:
    """Area that two boxes share, in square pixels."""
    width = min(first.x1, second.x1) - max(first.x0, second.x0)
    height = min(first.y1, second.y1) - max(first.y0, second.y0)
    return max(0.0, width) * max(0.0, height)
