# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""What readers are told of the objectives, in docstrings and in the README."""

from __future__ import annotations

import doctest
import sys
from dataclasses import fields
from pathlib import Path

import pytest
import torch

from hf_distill import list_objectives
from hf_distill.objectives import Objective

README = Path(__file__).parents[2] / "README.md"

every_objective = pytest.mark.parametrize("objective_class", list_objectives(), ids=lambda entry: entry.name)


def options(objective_class: type[Objective]) -> list[str]:
    return [entry.name for entry in fields(objective_class) if entry.init]


@every_objective
def test_the_docstring_has_a_summary_a_formula_the_options_and_the_source(objective_class: type[Objective]) -> None:
    text = objective_class.__doc__
    assert text.strip().splitlines()[0].endswith(".")
    assert r"\\(" in text
    assert "Source: " in text
    assert [line.split("(")[0].strip() for line in text.splitlines() if "*optional*" in line] == options(
        objective_class
    )


@every_objective
def test_the_example_of_the_docstring_runs(objective_class: type[Objective]) -> None:
    text = objective_class.__doc__.replace("```python", "").replace("```", "")
    names = {**vars(sys.modules[objective_class.__module__]), "torch": torch}
    example = doctest.DocTestParser().get_doctest(text, names, objective_class.name, None, 0)
    assert example.examples
    assert doctest.DocTestRunner(verbose=False).run(example).failed == 0


@every_objective
def test_the_readme_lists_it_with_its_options(objective_class: type[Objective]) -> None:
    rows = [line.split("|") for line in README.read_text().splitlines() if line.startswith("| `")]
    rows = [row for row in rows if len(row) == 6]
    listed = {row[1].strip(" `"): [option.strip(" `") for option in row[3].split(",")] for row in rows}
    # What every objective has is told once, below the table.
    own = [option for option in options(objective_class) if option not in ("weight", "focus")]
    assert listed[objective_class.name] == (own or [""])
