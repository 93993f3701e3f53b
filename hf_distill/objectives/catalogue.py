# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""The catalogue of objectives: from a name, or a specification, to the object."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import yaml

from hf_distill.catalogue import Catalogue
from hf_distill.errors import InputError, nearest_name
from hf_distill.objectives.attention import AttentionKL, AttentionMSE
from hf_distill.objectives.attention_relations import MiniLM, MiniLMv2
from hf_distill.objectives.base import Objective
from hf_distill.objectives.contrastive import CRD
from hf_distill.objectives.gram_matrices import FSP, NST
from hf_distill.objectives.hidden_states import PKD, EmbeddingMSE, HiddenCosine, HiddenMSE
from hf_distill.objectives.logits import LogitsBCE, LogitsCE, LogitsKL, LogitsMSE, RegressionMSE
from hf_distill.objectives.logits_correlation import DIST
from hf_distill.objectives.logits_decoupled import DKD
from hf_distill.objectives.relations import RKDAngle, RKDDistance, Similarity
from hf_distill.objectives.sentences import SentenceCosine, SentenceMSE

ObjectiveSpecification = str | Mapping[str, Any] | Objective

_CATALOGUE: Catalogue[type[Objective]] = Catalogue(
    "objective",
    LogitsKL, LogitsCE, DKD, DIST, LogitsMSE, LogitsBCE, RegressionMSE,
    HiddenMSE, HiddenCosine, EmbeddingMSE, PKD, NST, FSP,
    AttentionMSE, AttentionKL, MiniLM, MiniLMv2,
    SentenceMSE, SentenceCosine,
    RKDDistance, RKDAngle, Similarity, CRD,
)  # fmt: skip


def list_objectives() -> list[type[Objective]]:
    """
    Return every objective there is, by name.

    Returns:
        `list[type[Objective]]`: Classes with a `name`, a `paper` and their options as dataclass fields.

    Example:

    ```python
    >>> from hf_distill import list_objectives
    >>> sorted(objective.name for objective in list_objectives())[:2]
    ['attention_kl', 'attention_mse']
    ```
    """
    return list(_CATALOGUE.values())


def register_objective(objective: type[Objective]) -> type[Objective]:
    """
    Add an objective to the catalogue; usable as a class decorator.

    Args:
        objective (`type[Objective]`): A dataclass derived from [`Objective`] with a `name` of its own.

    Returns:
        `type[Objective]`: The class itself.

    Raises:
        InputError: If another objective has that name.
    """
    return _CATALOGUE.register(objective)


def build_objective(specification: ObjectiveSpecification) -> Objective:
    """
    Make an objective from its specification.

    Args:
        specification (`str`, `Mapping` or [`Objective`]): `"name:weight=1,temperature=2"`,
            `{"name": ..., "weight": ..., option: ...}`, or an objective, which is returned as it is.

    Returns:
        [`Objective`]: The objective.

    Raises:
        InputError: If the name, an option or a value is wrong.

    Example:

    ```python
    >>> build_objective("logits_kl:weight=0.5,temperature=2").temperature
    2
    ```
    """
    if isinstance(specification, Objective):
        return specification
    options = _parse(specification) if isinstance(specification, str) else specification
    if not isinstance(options, Mapping) or "name" not in options:
        raise InputError(f"objectives: expected a name, as in 'logits_kl:weight=1' or {{name: ...}}; got {options!r}")
    options = dict(options)
    name = options.pop("name")
    objective = _CATALOGUE.find(name, "objectives")
    known = [entry.name for entry in fields(objective) if entry.init]
    for option in options:
        if option not in known:
            raise InputError(
                f"objective {name}: there is no option {option!r}{nearest_name(str(option), known)}; "
                f"its options are {', '.join(known)}"
            )
    return objective(**options)


def _parse(text: str) -> dict[str, Any]:
    name, _, rest = text.partition(":")
    # "weight=1,layers=[[1,3]]" is YAML's flow mapping but for the sign between key and value.
    flow = "{" + re.sub(r"(\w+)\s*=", r"\1: ", rest) + "}"
    try:
        options = yaml.safe_load(flow)
    except yaml.YAMLError:
        options = None
    if not isinstance(options, dict) or None in options.values():
        raise InputError(f"objectives: expected name:option=value,option=value; got {text!r}")
    return {"name": name.strip(), **options}
