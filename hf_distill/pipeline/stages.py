# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""The stages of a run, in order."""

from __future__ import annotations

from typing import Any

from hf_distill.files import folder_written_aside
from hf_distill.pipeline.cards import write_cards
from hf_distill.pipeline.context import Context
from hf_distill.pipeline.finishing import FinishingStage, finished
from hf_distill.pipeline.general import GeneralStage
from hf_distill.pipeline.learning import BaselineStage, IntermediateStage, RecordingStage, StudentStage, TeacherStage
from hf_distill.pipeline.manifest import MANIFEST_FILE
from hf_distill.pipeline.measure import evaluate_run
from hf_distill.pipeline.publish import check_token, publish_run, with_owner
from hf_distill.pipeline.quantize import quantize_student
from hf_distill.pipeline.stage import Stage
from hf_distill.quantization import find_backend


class QuantizationStage(Stage):
    """Quantize the student."""

    name = "quantization"
    after = ("student", "finishing")
    result = "quantized"
    in_all_processes = False

    def is_wanted(self, context: Context) -> bool:
        """Say whether the recipe lists a backend."""
        return bool(context.recipe.quantization)

    def inputs(self, context: Context) -> Any:
        """The recipe's section."""
        return [section.model_dump() for section in context.recipe.quantization]

    def run(self, context: Context, inputs: str) -> dict[str, Any]:
        """Quantize with every backend that the recipe lists, or with the one that is asked for."""
        # What the others made before is as it was.
        budgets = dict(context.run.stage(self.name).get("budgets", {})) if context.backend else {}
        for section in context.to_quantize:
            better = finished(context, section)
            source = context.run.folder / "student" if better is None else better.pop("folder")
            target = context.run.folder / "quantized" / section.backend
            with folder_written_aside(target) as folder:
                budgets[section.backend] = quantize_student(context, section, source, folder)
                find_backend(section.backend).complete(folder, context.task)
            if better is not None:
                budgets[section.backend]["finishing"] = better
        return {"backends": list(budgets), "budgets": budgets}


class EvaluationStage(Stage):
    """Measure every model of the run: scores, size, latency, agreement with the teacher."""

    name = "evaluation"
    after = ("teacher", "student", "baseline", "quantization")
    result = "report/metrics.json"

    def inputs(self, context: Context) -> Any:
        """The recipe's section and the data."""
        return [context.recipe.evaluation.model_dump(), context.data.fingerprint]

    def run(self, context: Context, inputs: str) -> dict[str, Any]:
        """Measure, and write the report."""
        report = evaluate_run(context)
        return {"primary_metric": report["primary_metric"]}


class CardStage(Stage):
    """Write the model cards."""

    name = "card"
    after = ("evaluation",)
    result = "student/README.md"
    in_all_processes = False

    def inputs(self, context: Context) -> Any:
        """The recipe, which the card shows."""
        return context.recipe.model_dump(mode="json")

    def run(self, context: Context, inputs: str) -> dict[str, Any]:
        """Write a README.md beside the student and every quantized model."""
        return {"cards": write_cards(context)}


class PublishStage(Stage):
    """Publish the models on the Hugging Face Hub."""

    name = "publish"
    after = ("card", "recording")
    result = MANIFEST_FILE
    in_all_processes = False

    def is_wanted(self, context: Context) -> bool:
        """Say whether the recipe has `publish`."""
        return context.recipe.publish is not None

    def check(self, context: Context) -> None:
        """Check that there is a token, before time is spent."""
        check_token()

    def inputs(self, context: Context) -> Any:
        """The recipe's section."""
        return context.recipe.publish.model_dump()

    def run(self, context: Context, inputs: str) -> dict[str, Any]:
        """Publish, and tell where."""
        return {"repositories": publish_run(context, with_owner(context.recipe.publish))}


STAGES: tuple[Stage, ...] = (
    TeacherStage(),
    GeneralStage(),
    RecordingStage(),
    IntermediateStage(),
    StudentStage(),
    BaselineStage(),
    FinishingStage(),
    QuantizationStage(),
    EvaluationStage(),
    CardStage(),
    PublishStage(),
)
