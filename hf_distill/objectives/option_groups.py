# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Options of an objective that belong together and are given as a mapping."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from hf_distill.errors import InputError


class OptionGroup(BaseModel):
    """Options of an objective that belong together, given as a mapping; unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    def to_dict(self) -> dict[str, Any]:
        """Return the mapping that makes these options again."""
        return self.model_dump(exclude_none=True)


Group = TypeVar("Group", bound=OptionGroup)


def parse_group(kind: type[Group], options: Any, owner: str) -> Group:
    """
    Make a group of options from a mapping.

    Args:
        kind (`type`): The group's class.
        options (`Mapping`): The mapping, or the group itself.
        owner (`str`): Whose option it is, for the message.

    Raises:
        InputError: If a key or a value is wrong.
    """
    try:
        return options if isinstance(options, kind) else kind.model_validate(dict(options))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join([owner, *map(str, first["loc"])])
        keys = f"; the keys are {', '.join(kind.model_fields)}" if first["type"] == "extra_forbidden" else ""
        reason = first["msg"].removeprefix("Value error, ")
        raise InputError(f"{place}: {reason[0].lower()}{reason[1:]}; got {first['input']!r}{keys}") from error
