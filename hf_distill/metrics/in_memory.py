# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""A base class for metrics that keep their rows in memory."""

from __future__ import annotations

import os
from typing import Any

import evaluate


class InMemoryMetric(evaluate.Metric):
    """A metric of the `evaluate` library that leaves no file and no folder behind.

    `evaluate.Metric` creates a cache folder even where it keeps its rows in memory. This class does not, so any number
    of processes can compute the same metric at once.

    Args:
        config_name (`str`, *optional*): Name of the variant of the metric, for example its averaging.
        **kwargs (`Any`): Further arguments of `evaluate.Metric`, such as `seed`. `num_process` other than 1 is not
            possible in memory: gather predictions first, for example with `accelerate.Accelerator.gather_for_metrics`.

    Raises:
        ValueError: If `num_process` is not 1.
    """

    def __init__(self, config_name: str | None = None, **kwargs: Any) -> None:
        kwargs["keep_in_memory"] = True
        super().__init__(config_name=config_name, **kwargs)

    def _build_data_dir(self) -> str:
        # The path is only a name here; the parent class would create the folder.
        return os.path.join(self._data_dir_root, self.name, self.config_name)

    def _finalize(self) -> None:
        if self.writer is None:
            raise ValueError(
                f"predictions and references of the metric '{self.name}' are empty, give at least one row"
            )
        super()._finalize()
