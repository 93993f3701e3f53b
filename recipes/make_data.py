# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""
Make the data of a recipe of those of another task.

    python recipes/make_data.py snips_slot_kinds data/snips data/snips_slot_kinds
    python recipes/make_data.py snli_choices data/snli data/snli_choices

snips_slot_kinds: which kinds of slots each request of SNIPS has, of those that one training request in twenty has.
snli_choices: which of three sentences follows from a premise of SNLI; one does, one contradicts it, one does neither.
"""

from __future__ import annotations

import argparse
import random
from collections import Counter
from pathlib import Path
from typing import Any

from datasets import ClassLabel, Dataset, DatasetDict, List

from hf_distill.data.loading import load_data
from hf_distill.errors import InputError
from hf_distill.files import folder_written_aside

SPLITS = ("train", "validation", "test")
LEAST_SHARE = 0.05
FOLLOWS = "entailment"


def slot_kinds(data: DatasetDict) -> DatasetDict:
    """Return the requests with their common kinds of slots."""
    tags = data["train"].features["slot_tags"].feature.names
    counts = Counter(kind for row in data["train"]["slot_tags"] for kind in kinds_of(row, tags))
    common = sorted(kind for kind, count in counts.items() if count >= LEAST_SHARE * len(data["train"]))

    def with_labels(row: dict[str, Any]) -> dict[str, list[int]]:
        return {"labels": [common.index(kind) for kind in kinds_of(row["slot_tags"], tags) if kind in common]}

    return (
        data.map(with_labels).select_columns(["text", "labels"]).cast_column("labels", List(ClassLabel(names=common)))
    )


def kinds_of(row: list[int], tags: list[str]) -> list[str]:
    """Return the kinds of slots that tags such as `B-artist` and `I-artist` stand for."""
    return sorted({tags[tag][2:] for tag in row if tags[tag] != "O"})


def choices(data: DatasetDict) -> DatasetDict:
    """Return a row for each premise that has sentences of all kinds."""
    draw = random.Random(0)
    return DatasetDict({split: Dataset.from_list(choices_of(pairs, draw)) for split, pairs in data.items()})


def choices_of(pairs: Dataset, draw: random.Random) -> list[dict[str, Any]]:
    """Return the premises of one split, in the order of the pairs, with the first sentence of each kind."""
    kinds = pairs.features["label"].names
    of_premise: dict[str, dict[str, str]] = {}
    for pair in pairs:
        if pair["label"] in range(len(kinds)):
            of_premise.setdefault(pair["sentence1"], {}).setdefault(kinds[pair["label"]], pair["sentence2"])
    rows = []
    for premise, sentences in of_premise.items():
        if len(sentences) == len(kinds):
            shuffled = draw.sample(sorted(sentences.values()), len(kinds))
            rows.append({"text": premise, "choices": shuffled, "label": shuffled.index(sentences[FOLLOWS])})
    return rows


MAKERS = {
    "snips_slot_kinds": (slot_kinds, ("text", "slot_tags")),
    "snli_choices": (choices, ("sentence1", "sentence2", "label")),
}
"""What makes the data of each recipe, and the columns that it reads."""


def make(recipe: str, source: Path, output: Path) -> DatasetDict:
    """Read the splits of a folder, and write those of the recipe into another."""
    if output.exists():
        raise InputError(f"output: {output} is there already; choose another folder")
    data = load_data(None, data_files={split: str(source / f"{split}.parquet") for split in SPLITS})
    maker, columns = MAKERS[recipe]
    missing = [name for name in columns if name not in data["train"].column_names]
    if missing:
        raise InputError(f"source: {recipe} reads the columns {', '.join(columns)}; {source} has no {missing[0]}")
    made = maker(data)
    with folder_written_aside(output) as folder:
        for split, rows in made.items():
            rows.to_parquet(folder / f"{split}.parquet")
    return made


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", choices=MAKERS, help="whose data to make")
    parser.add_argument("source", type=Path, help="the folder with train, validation and test.parquet")
    parser.add_argument("output", type=Path, help="the folder to write")
    options = parser.parse_args()
    try:
        made = make(options.recipe, options.source, options.output)
    except InputError as error:
        parser.exit(2, f"make_data.py: {error}\n")
    print(f"{options.output}: {', '.join(f'{len(rows)} rows of {split}' for split, rows in made.items())}")


if __name__ == "__main__":
    main()
