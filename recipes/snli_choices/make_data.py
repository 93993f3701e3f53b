# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""
Make a choice of the pairs of SNLI: which of three sentences follows from the first?

A row is a premise, with one sentence that follows from it, one that contradicts it, and one that does neither.

    python recipes/snli_choices/make_data.py data/snli data/snli_choices
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path
from typing import Any

from datasets import Dataset, load_dataset

SPLITS = ("train", "validation", "test")
FOLLOWS = "entailment"


def choices_of(pairs: Dataset, draw: random.Random) -> list[dict[str, Any]]:
    """Return a row for each premise that has sentences of all kinds, in the order of the pairs."""
    kinds = pairs.features["label"].names
    of_premise: dict[str, dict[str, str]] = {}
    for pair in pairs:
        if pair["label"] in range(len(kinds)):
            of_premise.setdefault(pair["sentence1"], {}).setdefault(kinds[pair["label"]], pair["sentence2"])
    rows = []
    for premise, sentences in of_premise.items():
        if len(sentences) == len(kinds):
            choices = draw.sample(sorted(sentences.values()), len(kinds))
            rows.append({"text": premise, "choices": choices, "label": choices.index(sentences[FOLLOWS])})
    return rows


def main() -> None:
    """Read the splits, and write them anew."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, help="the folder with train, validation and test.parquet of SNLI")
    parser.add_argument("output", type=Path, help="the folder to write")
    options = parser.parse_args()
    data = load_dataset("parquet", data_files={name: str(options.source / f"{name}.parquet") for name in SPLITS})
    draw = random.Random(0)
    options.output.mkdir(parents=True, exist_ok=True)
    for name, pairs in data.items():
        rows = Dataset.from_list(choices_of(pairs, draw))
        rows.to_parquet(options.output / f"{name}.parquet")
        print(f"{options.output / name}.parquet: {len(rows)} rows")


if __name__ == "__main__":
    main()
