# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""The loss of a training and its components over the steps: their numbers and their picture."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hf_distill.escaping import one_line
from hf_distill.evaluation.plots import DOTS_PER_INCH, INCHES, LONGEST_LABEL, TEXT_COLOUR
from hf_distill.files import write_atomically

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LOSSES_FILE, PICTURE_FILE = "losses.json", "losses.png"
TOTAL = "loss"
# From the palette of Okabe and Ito (2008), which colour-blind readers can tell apart.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
STYLES = ("-", "--", ":")
LOG_SCALE_RATIO = 20.0


def losses_of(history: Iterable[Mapping[str, Any]]) -> list[dict[str, float]]:
    """The losses of a training's log.

    Args:
        history (`Iterable[Mapping[str, Any]]`): Log lines as [`~transformers.TrainerState`] keeps them.

    Returns:
        `list[dict[str, float]]`: Of each line with a loss, `step`, `loss` and every `loss_<component>`.

    Example:
        >>> losses_of([{"step": 5, "loss": 0.5, "loss_task": 0.7, "epoch": 1.0}, {"step": 5, "train_runtime": 1.0}])
        [{'step': 5, 'loss': 0.5, 'loss_task': 0.7}]
    """
    return [
        {name: value for name, value in line.items() if name in ("step", TOTAL) or name.startswith("loss_")}
        for line in history
        if TOTAL in line
    ]


def note_losses(folder: Path, stage: str, losses: Sequence[Mapping[str, float]]) -> None:
    """Write the losses of a stage of a run beside those of others.

    Args:
        folder (`Path`): The run's folder `report`.
        stage (`str`): Name of the stage.
        losses (`Sequence[Mapping[str, float]]`): What `losses_of` returned.
    """
    content = {**read_losses(folder), stage: list(losses)}
    write_atomically(Path(folder) / LOSSES_FILE, json.dumps(content, indent=1) + "\n")


def read_losses(folder: Path) -> dict[str, list[dict[str, float]]]:
    """The losses of each stage of a run; none if they cannot be read.

    Args:
        folder (`Path`): The run's folder `report`.
    """
    path = Path(folder) / LOSSES_FILE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def plot_losses(stages: Sequence[Sequence[Mapping[str, float]]], path: Path) -> Path | None:
    """Draw the loss and its components over the steps.

    Args:
        stages (`Sequence[Sequence[Mapping[str, float]]]`): The losses of stages that follow each other.
        path (`Path`): PNG file to write, 1200 by 750 pixels.

    Returns:
        `Path`, *optional*: `path`; `None` if there is nothing to draw.
    """
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    lines, ends = _lines(stages)
    if not lines:
        return None
    # A name with a dollar in it is no formula.
    with matplotlib.rc_context({"text.parse_math": False}):
        figure = Figure(figsize=INCHES, dpi=DOTS_PER_INCH, facecolor="white", layout="constrained")
        canvas = FigureCanvasAgg(figure)
        _draw(figure.add_subplot(), lines, ends[:-1])
        content = io.BytesIO()
        canvas.print_png(content)
    return write_atomically(Path(path), content.getvalue())


def _lines(
    stages: Sequence[Sequence[Mapping[str, float]]],
) -> tuple[dict[str, list[tuple[float, float]]], list[float]]:
    """The points of each component, and the steps at which stages end."""
    lines: dict[str, list[tuple[float, float]]] = {}
    ends, before = [], 0.0
    for losses in stages:
        for entry in losses:
            for name, value in entry.items():
                if name != "step" and isinstance(value, int | float) and math.isfinite(value):
                    lines.setdefault(name, []).append((before + entry["step"], value))
        before += losses[-1]["step"] if losses else 0.0
        ends += [before] if losses else []
    return lines, ends


def _draw(axes: Axes, lines: Mapping[str, Sequence[tuple[float, float]]], ends: Sequence[float]) -> None:
    """The lines, the loss itself the broadest, and what they are."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    for place, (name, points) in enumerate(sorted(lines.items(), key=lambda item: item[0] != TOTAL)):
        axes.plot(
            *zip(*points),
            color=TEXT_COLOUR if name == TOTAL else PALETTE[(place - 1) % len(PALETTE)],
            linestyle=STYLES[max(place - 1, 0) // len(PALETTE) % len(STYLES)],
            linewidth=2.6 if name == TOTAL else 1.8,
            marker="o",
            markersize=4,
            label="loss (weighed sum)" if name == TOTAL else one_line(name.removeprefix("loss_"), LONGEST_LABEL),
        )
    for end in ends:
        axes.axvline(end, color="#999999", linewidth=1.0, linestyle="--")
    values = [value for points in lines.values() for _, value in points]
    if min(values) > 0 and max(values) / min(values) > LOG_SCALE_RATIO:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("Step", fontsize=12, color=TEXT_COLOUR)
    axes.set_ylabel("Loss", fontsize=12, color=TEXT_COLOUR)
    axes.tick_params(labelsize=11, colors=TEXT_COLOUR)
    axes.grid(True, which="major", color="#E4E4E4", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    legend = {"loc": "upper left", "bbox_to_anchor": (1.0, 1.0), "frameon": False}
    axes.legend(**legend, fontsize=11, labelcolor=TEXT_COLOUR)
