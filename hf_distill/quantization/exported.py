# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""What the backends that export a model to another library's format have in common."""

from __future__ import annotations

import importlib
import warnings
from pathlib import Path
from typing import Any, ClassVar

from transformers import PretrainedConfig

from hf_distill.escaping import python_string
from hf_distill.quantization.base import QuantizationBackend
from hf_distill.tasks import Task


class ExportingBackend(QuantizationBackend):
    """A backend whose models are those of a part of Optimum, with classes such as `ORTModelFor...`."""

    library: ClassVar[str]
    """The module that has the classes."""
    prefix: ClassVar[str]
    """How their names begin."""
    exporter: ClassVar[str]
    """What Optimum calls the format."""
    loading_arguments: ClassVar[str] = ""
    """What a reader of the card gives to the class beside the model's name."""

    def loading_code(self, name: str, task: Task, subfolder: str | None = None) -> str:
        """Return the Python lines that load and run the model; see [`QuantizationBackend.loading_code`]."""
        model_class, quoted = self._class_name(task), python_string(name)
        where = f", subfolder={python_string(subfolder)}" if subfolder else ""
        return (
            f"from {self.library} import {model_class}\n"
            f"from transformers import {task.imports}\n\n"
            f"model = {model_class}.from_pretrained({quoted}{where}{self.loading_arguments})\n" + task.usage(quoted)
        )

    def model_class(self, task: Task) -> Any:
        """Return the class that has the task's head."""
        return getattr(importlib.import_module(self.library), self._class_name(task))

    def export(self, checkpoint: Path, folder: Path, task: Task, **options: Any) -> None:
        """Export a checkpoint to a folder; `options` are the class's own."""
        with warnings.catch_warnings():
            # Tracing warns of constants that the exporter means to be constants.
            warnings.simplefilter("ignore")
            self.model_class(task).from_pretrained(checkpoint, export=True, **options).save_pretrained(folder)

    def complete(self, folder: Path, task: Task) -> None:
        """Write what other readers look for, who know the format; see [`Task.complete`]."""
        task.complete(folder)

    def is_exported(self, config: PretrainedConfig) -> bool:
        """Say whether Optimum exports models of an architecture."""
        # The table of what can be exported is filled by this.
        importlib.import_module(f"optimum.exporters.{self.exporter}.model_configs")
        from optimum.exporters.tasks import TasksManager

        return config.model_type in TasksManager.get_supported_model_type_for_task("feature-extraction", self.exporter)

    def _class_name(self, task: Task) -> str:
        # Optimum names models without a head for what they are used for.
        name = "AutoModelForFeatureExtraction" if task.auto_model == "AutoModel" else task.auto_model
        return name.replace("Auto", self.prefix, 1)
