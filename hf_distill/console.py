# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""What the command line prints: stages, tables and reports, and nothing that a user can do nothing about."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from hf_distill.escaping import visible


def is_another_process() -> bool:
    """Say whether a launcher has started this process beside the main one, which tells what there is to tell."""
    return os.environ.get("RANK", "0") != "0"


def announce(line: str) -> None:
    """Say that something begins."""
    print(f"== {visible(line)}", flush=True)


def quiet_libraries() -> None:
    """Keep the progress bars, and leave out what a user can do nothing about."""
    import warnings

    import datasets
    import huggingface_hub
    import transformers

    warnings.filterwarnings("ignore", category=FutureWarning)
    warnings.filterwarnings("ignore", category=UserWarning, module="torch")
    transformers.logging.set_verbosity_error()
    # What goes wrong with a file or a connection is said once, by the error.
    huggingface_hub.logging.set_verbosity_error()
    datasets.logging.set_verbosity(datasets.logging.CRITICAL)
    if is_another_process():
        datasets.disable_progress_bars()


def show_report(run: Path) -> None:
    """Print the report of a run."""
    from hf_distill.evaluation.report import comparison_table, findings, read_report

    report = read_report(run)
    print_table(comparison_table(report))
    for sentence in findings(report):
        print(f"- {visible(sentence)}")


def add_row(table: Any, *texts: str) -> None:
    """Add a row in which square brackets are no markup."""
    from rich.text import Text

    table.add_row(*(Text(visible(text)) for text in texts))


def print_table(table: Any) -> None:
    """Print a table, as wide as the terminal."""
    from rich.console import Console

    console = Console()
    # A pipe has no width: tables keep their own, so that no cell is cut.
    (console if console.is_terminal else Console(width=120)).print(table)
