# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""How small a recording is made: the options."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import yaml
from pydantic import Field, field_validator, model_validator

from hf_distill.errors import InputError
from hf_distill.objectives.option_groups import OptionGroup, parse_group

Size = int | float
"""How many numbers of a vector are kept, or, below 1, which share of their variance."""


class Compression(OptionGroup):
    """
    How the knowledge in a recording is stored.

    Args:
        values (`str`, *optional*, defaults to `"fp16"`): What a number of a hidden state, query, key or value becomes:
            `"fp32"`, `"fp16"`, `"bf16"`, `"int8"` (linear, one scale for each token) or `"log8"` (logarithmic, one
            scale for each token). Logits are kept in fp32, and with `top_k` in fp16 unless `values` is `"fp32"`.
        top_k (`int`, *optional*): Keep so many of the largest logits, at least 1, and the mass of the others, which
            they share evenly when they are read.
        pca (`int` or `float`, *optional*): Keep so many principal components of hidden states, or those that have
            this share (below 1) of the variance.
        select (`int` or `float`, *optional*): Keep the features of hidden states that vary most: so many, or those
            that have this share of the variance.
        space (`str`, *optional*, defaults to `"full"`): Where hidden states of which a part was kept are compared:
            `"full"`: in the teacher's width, after reconstruction, or `"reduced"`: among what was kept.

    Example:

    ```python
    >>> Compression.parse("int8:pca=96").pca
    96
    ```
    """

    values: Literal["fp32", "fp16", "bf16", "int8", "log8"] = "fp16"
    top_k: int | None = Field(None, ge=1)
    pca: Size | None = Field(None, gt=0)
    select: Size | None = Field(None, gt=0)
    space: Literal["full", "reduced"] = "full"

    @field_validator("top_k", "pca", "select", mode="before")
    @classmethod
    def _check_number(cls, value: Any) -> Any:
        # To Python, True is 1.
        if isinstance(value, bool):
            raise ValueError("must be a number")
        return value

    @model_validator(mode="after")
    def _check_reduction(self) -> Compression:
        if self.pca is not None and self.select is not None:
            raise ValueError("pca and select exclude each other")
        for size in (self.pca, self.select):
            if isinstance(size, float) and size >= 1:
                raise ValueError("pca and select are a whole number of features, or a share below 1")
        if self.space == "reduced" and self.reduction is None:
            raise ValueError("space: reduced needs pca or select")
        return self

    @property
    def reduction(self) -> tuple[str, Size] | None:
        """What is kept of hidden states, and how much; `None` for all."""
        if self.pca is not None:
            return "pca", self.pca
        return None if self.select is None else ("select", self.select)

    @classmethod
    def parse(cls, specification: str | Mapping[str, Any] | Compression) -> Compression:
        """
        Make the options from a name, a `"int8:pca=96,top_k=8"` text or a mapping.

        Raises:
            InputError: If a name, a key or a value is wrong.
        """
        if isinstance(specification, str):
            values, _, rest = specification.partition(":")
            options: dict[str, Any] = {"values": values}
            for part in filter(None, rest.split(",")):
                key, _, value = (entry.strip() for entry in part.partition("="))
                if not value or key in options:
                    raise InputError(f"compression: expected name:option=value,...; got {specification!r}")
                try:
                    options[key] = yaml.safe_load(value)
                except (yaml.YAMLError, ValueError):
                    # The option says what it should be.
                    options[key] = value
            specification = options
        if not isinstance(specification, (Mapping, Compression)):
            raise InputError(f"compression: must be a name such as fp16, or a mapping; got {specification!r}")
        return parse_group(cls, specification, "compression")
