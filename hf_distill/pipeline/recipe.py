# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""The recipe: the YAML file of a run, its schema and its errors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, Field, ValidationError, field_validator, model_validator

from hf_distill.errors import InputError, nearest_name
from hf_distill.pipeline.recipe_checks import check_fit
from hf_distill.pipeline.sections import (
    DEFAULT_BACKEND,
    BaselineSection,
    CardSection,
    DatasetSection,
    EvaluationSection,
    FinishingSection,
    IntermediateSection,
    PublishSection,
    QuantizationSection,
    RecordingSection,
    Section,
    StudentSection,
    TeacherSection,
)
from hf_distill.presets import find_preset
from hf_distill.resources import resource_path


class Recipe(Section):
    """A whole run."""

    task: str = Field(description="Name of the task; see `hf-distill tasks`.")
    dataset: DatasetSection
    teacher: TeacherSection
    student: StudentSection = Field(default_factory=StudentSection)
    general: dict[str, Any] | None = Field(
        None,
        description="Let the student learn from a teacher on plain text first: a recipe of its own, with dataset, "
        "training and so on; by default its task is fill-mask and its teacher the checkpoint of teacher.model.",
    )
    preset: str | None = Field(
        None, description="Objectives of a published system, in place of objectives, task_weight and intermediate."
    )
    objectives: list[str | dict[str, Any]] | None = Field(None, description="See `hf-distill objectives`.")
    intermediate: IntermediateSection | None = Field(None, description="A stage of training before the last.")
    task_weight: float | None = Field(None, ge=0, description="Factor of the task loss.")
    recording: RecordingSection | None = Field(
        default_factory=RecordingSection,
        description="Run the teacher once and learn from what it said; null: run it beside the student.",
    )
    training: dict[str, Any] = Field(default_factory=dict, description="Any field of DistillationTrainingArguments.")
    baseline: BaselineSection | None = Field(
        default_factory=BaselineSection, description="Train the same student without the teacher too; null: do not."
    )
    evaluation: EvaluationSection = Field(default_factory=EvaluationSection)
    finishing: FinishingSection | None = Field(
        None, description="Train on as if quantized, where quantization loses more than max_drop; null: do not."
    )
    quantization: list[QuantizationSection] = Field(default_factory=list)
    publish: PublishSection | None = Field(None, description="Publish the run on the Hub at its end; null: do not.")
    card: CardSection = Field(default_factory=CardSection)

    @model_validator(mode="before")
    @classmethod
    def _fill_in_preset(cls, content: Any) -> Any:
        if not isinstance(content, dict) or content.get("preset") is None:
            return content
        preset = find_preset(content["preset"]).to_recipe()
        for key, value in preset.items():
            given = content.get(key)
            if isinstance(value, dict) and isinstance(given, dict):
                # What is not objectives, such as the share of the budget, may be changed.
                given, value = given.get("objectives"), value["objectives"]
                preset[key] = {**preset[key], **content[key]}
            if given not in (None, value):
                raise InputError(
                    f"{key}: the preset {content['preset']} says what it is; leave out (or set to null) one of the two"
                )
        return {**content, **preset}

    @field_validator("baseline", "recording", "finishing", mode="before")
    @classmethod
    def _switch(cls, section: Any) -> Any:
        # true and false are what one writes first.
        return {True: {}, False: None}[section] if isinstance(section, bool) else section

    @field_validator("quantization")
    @classmethod
    def _one_of_each(cls, sections: list[QuantizationSection]) -> list[QuantizationSection]:
        backends = [section.backend for section in sections]
        if len(set(backends)) != len(backends):
            raise ValueError("each backend may be listed once")
        return sections

    def to_yaml(self) -> str:
        """Return the recipe with every default filled in."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)

    def to_shared_yaml(self) -> str:
        """Return the same for others, who would publish in places of their own."""
        return self.model_copy(update={"publish": None}).to_yaml()


def find_recipe(name: str) -> Path:
    """
    Return the file of a recipe.

    Args:
        name (`str`): A path, or the name of a recipe that is shipped with the package, such as `quickstart`.

    Raises:
        InputError: If there is no such file and no such name.
    """
    if Path(name).is_file():
        return Path(name)
    shipped = shipped_recipes()
    if name in shipped:
        return shipped[name]
    raise InputError(f"recipe: no such file or shipped recipe: {name}{nearest_name(name, shipped)}")


def shipped_recipes() -> dict[str, Path]:
    """Return the recipes that come with the package: `FOLDER` for FOLDER/recipe.yaml, else the file's own name."""
    root = resource_path("recipes")
    result = {}
    for path in sorted(root.glob("*/*.yaml")):
        if path.parent.name != "accelerate":
            result[path.parent.name if path.stem == "recipe" else path.stem] = path
    return result


def load_recipe(path: str | Path, overrides: Sequence[str] = ()) -> Recipe:
    """
    Read a recipe.

    Args:
        path (`str` or `Path`): The YAML file.
        overrides (`Sequence[str]`, *optional*): `key.key=value` changes, the values in YAML.

    Returns:
        [`Recipe`]: The recipe, checked.

    Raises:
        InputError: If the file, a key or a value is wrong; the message names the file and the field.
    """
    try:
        content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error
    except yaml.YAMLError as error:
        raise InputError(f"{path}: is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict):
        raise InputError(f"{path}: must hold keys such as task, dataset and teacher; got {type(content).__name__}")
    for override in overrides:
        apply_change(content, override)
    return parse_recipe(content, str(path))


def parse_recipe(content: dict[str, Any], source: str = "recipe") -> Recipe:
    """
    Check the content of a recipe.

    Args:
        content (`dict[str, Any]`): What the YAML file holds.
        source (`str`, *optional*): Where it comes from, for the message.

    Raises:
        InputError: If a key or a value is wrong.
    """
    try:
        recipe = Recipe.model_validate(content)
        for place, section in enumerate(recipe.quantization):
            section.check(f"quantization.{place}")
        recipe.card.check()
        if recipe.publish is not None:
            recipe.publish.check("publish.")
        check_fit(recipe)
        if recipe.general is not None:
            # Imported here: it is made of stages, which read recipes.
            from hf_distill.pipeline.general import general_recipe

            general_recipe(recipe)
    except ValidationError as error:
        raise InputError(f"{source}: {_explain(error)}") from error
    except InputError as error:
        raise InputError(f"{source}: {error}") from error
    return recipe


def with_backend(recipe: Recipe, changes: dict[str, Any]) -> Recipe:
    """
    Return the recipe with another backend, or with other options of one that it lists.

    Args:
        recipe ([`Recipe`]): The recipe.
        changes (`dict[str, Any]`): Keys of [`QuantizationSection`].

    Raises:
        InputError: If a key or a value is wrong.
    """
    content = recipe.model_dump(mode="json")
    backend = changes.get("backend", DEFAULT_BACKEND)
    before = {section["backend"]: section for section in content["quantization"]}
    content["quantization"] = list({**before, backend: {**before.get(backend, {}), **changes}}.values())
    return parse_recipe(content)


def parse_backend(changes: dict[str, Any]) -> QuantizationSection:
    """
    Return the section of one quantized model, for a model that has no recipe.

    Args:
        changes (`dict[str, Any]`): Keys of [`QuantizationSection`].

    Raises:
        InputError: If a key or a value is wrong.
    """
    try:
        section = QuantizationSection.model_validate(changes)
    except ValidationError as error:
        raise InputError(_explain(error, QuantizationSection)) from error
    section.check("quantization")
    return section


def parse_publish(recipe: Recipe, changes: dict[str, Any]) -> PublishSection:
    """
    Return how a run is published: as its recipe says, with these changes.

    Args:
        recipe ([`Recipe`]): The recipe, which need not say it.
        changes (`dict[str, Any]`): Keys of [`PublishSection`].

    Raises:
        InputError: If a key or a value is wrong, or if there is no name of a repository.
    """
    content = recipe.publish.model_dump() if recipe.publish is not None else {}
    try:
        section = PublishSection.model_validate({**content, **changes})
    except ValidationError as error:
        raise InputError(_explain(error, PublishSection)) from error
    section.check()
    return section


def read_changes(overrides: Sequence[str]) -> dict[str, Any]:
    """Return what `key.key=value` texts say, the values in YAML; a mistake is an [`InputError`]."""
    content: dict[str, Any] = {}
    for override in overrides:
        apply_change(content, override)
    return content


def apply_change(content: dict[str, Any], override: str) -> None:
    """Change a recipe's content as a `key.key=value` text says; a mistake is an [`InputError`]."""
    path, separator, text = override.partition("=")
    if not separator or not path:
        raise InputError(f"--set: expected key.key=value; got {override!r}")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InputError(f"--set {path}: the value is not YAML: {text!r}") from error
    *parents, last = path.split(".")
    place: Any = content
    for depth, key in enumerate(parents):
        if place.get(key) is None:
            place[key] = {}
        place = place[key]
        if not isinstance(place, dict):
            raise InputError(f"--set {path}: {'.'.join(parents[: depth + 1])} has no keys; give its whole value")
    place[last] = value


def _explain(error: ValidationError, root: type[BaseModel] = Recipe) -> str:
    """Say the first mistake in one line, with the nearest right name of an unknown key."""
    errors = error.errors()
    # A required key that is misspelt is missing as well; its right name says more.
    first = next((entry for entry in errors if entry["type"] == "extra_forbidden"), errors[0])
    place = [str(part) for part in first["loc"]]
    field = ".".join(place)
    if first["type"] == "extra_forbidden":
        return f"{field}: unknown key{nearest_name(place[-1], _section_keys(root, place[:-1]))}"
    if first["type"] == "missing":
        return f"{field}: is missing"
    reason = first["msg"].removeprefix("Value error, ")
    return f"{field}: {reason[0].lower()}{reason[1:]}; got {first['input']!r}"


def _section_keys(section: type[BaseModel], place: list[str]) -> list[str]:
    for part in place:
        if part.isdigit():
            continue
        annotation = section.model_fields[part].annotation
        inner = [annotation, *getattr(annotation, "__args__", ())]
        section = next(kind for kind in inner if isinstance(kind, type) and issubclass(kind, BaseModel))
    return list(section.model_fields)
