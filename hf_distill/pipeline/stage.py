# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""What a stage of a run is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from hf_distill.pipeline.context import Context


class Stage(ABC):
    """A step of a run, done once for each set of inputs."""

    name: ClassVar[str]
    after: ClassVar[tuple[str, ...]] = ()
    """The stages whose results it reads."""
    result: ClassVar[str]
    """What it writes, within the run's folder: where that was deleted, it is not done."""
    in_all_processes: ClassVar[bool] = True
    """Whether all processes of a run work at it, or the main one alone while the others wait."""

    def is_wanted(self, context: Context) -> bool:
        """Say whether the recipe asks for it."""
        return True

    def check(self, context: Context) -> None:  # noqa: B027 (most stages have nothing of their own to check)
        """Raise an [`InputError`] if it cannot work; called for all stages before the first is run."""

    @abstractmethod
    def inputs(self, context: Context) -> Any:
        """Return what its result depends on, beside the stages before it."""

    @abstractmethod
    def run(self, context: Context, inputs: str) -> dict[str, Any]:
        """Do it, write its folder, and return what the manifest says of it."""
