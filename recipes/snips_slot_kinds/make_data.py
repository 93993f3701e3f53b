# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""
Say of each request which of the common kinds of slots it has, and no longer where.

Common are those that one training request in twenty has.

    python recipes/snips_slot_kinds/make_data.py data/snips data/snips_slot_kinds
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path
from typing import Any

from datasets import ClassLabel, Dataset, List, load_dataset

SPLITS = ("train", "validation", "test")
LEAST_SHARE = 0.05


def kinds_of(tags: list[int], names: list[str]) -> list[str]:
    """Return the kinds of slots that tags such as `B-artist` and `I-artist` stand for."""
    return sorted({names[tag][2:] for tag in tags if names[tag] != "O"})


def common_kinds(rows: Dataset, names: list[str]) -> list[str]:
    """Return the kinds that enough of these requests have."""
    counts = Counter(kind for tags in rows["slot_tags"] for kind in kinds_of(tags, names))
    return sorted(kind for kind, count in counts.items() if count >= LEAST_SHARE * len(rows))


def main() -> None:
    """Read the splits, and write them anew."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, help="the folder with train, validation and test.parquet of SNIPS")
    parser.add_argument("output", type=Path, help="the folder to write")
    options = parser.parse_args()
    data = load_dataset("parquet", data_files={name: str(options.source / f"{name}.parquet") for name in SPLITS})
    names = data["train"].features["slot_tags"].feature.names
    common = common_kinds(data["train"], names)
    labels = List(ClassLabel(names=common))

    def with_labels(row: dict[str, Any]) -> dict[str, list[int]]:
        return {"labels": [common.index(kind) for kind in kinds_of(row["slot_tags"], names) if kind in common]}

    options.output.mkdir(parents=True, exist_ok=True)
    for name, rows in data.items():
        rows = rows.map(with_labels).select_columns(["text", "labels"]).cast_column("labels", labels)
        rows.to_parquet(options.output / f"{name}.parquet")
        print(f"{options.output / name}.parquet: {len(rows)} rows, {len(common)} kinds of slots")


if __name__ == "__main__":
    main()
