# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Mean and range over runs of one recipe that differ in their seed.

python recipes/benchmarks/seeds.py runs/sst2-0 runs/sst2-1 runs/sst2-2 --json sst2.json
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from statistics import mean

from hf_distill.evaluation.report import comparison_rows, read_report


def summarise(runs: list[Path]) -> dict[str, dict[str, list[float]]]:
    """Return, for each model, its scores, agreements and latencies in the order of the runs."""
    result: dict[str, dict[str, list[float]]] = {}
    for run in runs:
        report = read_report(run)
        for row in comparison_rows(report):
            values = result.setdefault(row.model, {"score": [], "agreement": [], "megabytes": [], "latency": []})
            values["score"].append(row.scores[report["primary_metric"]])
            values["agreement"].append(row.agreement if row.agreement is not None else 1.0)
            values["megabytes"].append(row.megabytes)
            values["latency"].append(row.latency_batch_1)
    return result


def as_markdown(metric: str, summary: dict[str, dict[str, list[float]]]) -> str:
    """Return the summary as a Markdown table."""
    lines = [
        f"| model | {metric}: mean (range) | agreement with the teacher | MB | latency, batch 1 (ms) |",
        "|---|---|---|---|---|",
    ]
    for model, values in summary.items():
        low, high = min(values["score"]), max(values["score"])
        lines.append(
            f"| {model} | {mean(values['score']):.4f} ({low:.4f} to {high:.4f}) | {mean(values['agreement']):.4f} "
            f"| {mean(values['megabytes']):.1f} | {mean(values['latency']):.2f} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Print the table, and write the JSON file if one is named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path, help="folders of runs")
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    options = parser.parse_args()
    summary = summarise(options.runs)
    print(as_markdown(read_report(options.runs[0])["primary_metric"], summary))
    if options.json:
        options.json.write_text(json.dumps(summary, indent=2) + "\n")


if __name__ == "__main__":
    main()
