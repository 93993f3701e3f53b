# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Model cards: what a run measured and how, with metadata that the Hugging Face Hub accepts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hf_distill.errors import InputError
from hf_distill.escaping import python_string
from hf_distill.evaluation.findings import findings
from hf_distill.evaluation.rows import ComparisonRow, comparison_rows
from hf_distill.files import write_atomically
from hf_distill.publishing.metadata import check_languages, check_license, hub_id, model_metadata
from hf_distill.publishing.redaction import redact, redact_yaml
from hf_distill.publishing.rendering import render_template
from hf_distill.publishing.texts import card_texts

if TYPE_CHECKING:
    from huggingface_hub import ModelCard


@dataclass(frozen=True)
class CardContents:
    """Everything that a model card says; what is unknown is left out of the card.

    Every number is in the report.

    Args:
        kind (`str`): "student" or "quantized"; chooses the template.
        model_name (`str`): Name of the model, without the namespace.
        report (`Mapping[str, Any]`): The run's report, as in `report/metrics.json`: scores, sizes and times of each
            model, under "training" how the student learnt, under "versions" those of the packages that matter.
        model_key (`str`): Key of the model in the report: "student" or "quantized/<backend>".
        task (`str`, *optional*): The task in words, for example "text classification".
        pipeline_tag (`str`, *optional*): The Hub's name of the task, for example "text-classification".
        teacher_name (`str`, *optional*): The teacher: a Hub id or words; left out if nobody taught.
        languages (`Sequence[str]`, *optional*, defaults to none): ISO 639 codes of the data's languages.
        license (`str`, *optional*): The Hub's name of the licence, for example "apache-2.0".
        dataset_id (`str`, *optional*): Hub id of the data set; local data have none.
        further_datasets (`Sequence[str]`, *optional*, defaults to none): Hub ids of other data sets.
        dataset_name (`str`, *optional*, defaults to `dataset_id`): Name of the data set in words.
        dataset_config (`str`, *optional*): Configuration of the data set, for example "sst2".
        dataset_split (`str`, *optional*, defaults to the report's): Split that the scores were measured on.
        base_model (`str`, *optional*): Of a student, the Hub id of the checkpoint that its weights start from; of a
            quantized model, the Hub id of the student. Anything that is no Hub id is left out.
        student_name (`str`, *optional*): Of a quantized model, the name of the student.
        library_name (`str`, *optional*): What loads the model; "transformers" or, if it is quantized, "optimum" by
            default.
        recipe (`str`, *optional*): The run's resolved recipe in YAML.
        arguments (`str`, *optional*): Training arguments in YAML, where there is no recipe.
        findings (`Sequence[str]`, *optional*, defaults to the report's findings): Sentences below the comparison.
        loading_code (`str`, *optional*): Python code that loads and runs the model; by default, for a student with a
            task, a transformers pipeline.
        further_code (`Mapping[str, str]`, *optional*, defaults to none): Python code for other models of the same
            repository, by what they are.
        citations (`Mapping[str, str]`, *optional*, defaults to none): Paper of each objective, by its name.
        tags (`Sequence[str]`, *optional*, defaults to none): Tags beside those of every card.
        comparison_picture (`str`, *optional*): Where the picture of score against latency is, seen from the card.
        loss_picture (`str`, *optional*): Where the picture of the losses is, seen from the card.
    """

    kind: str
    model_name: str
    report: Mapping[str, Any]
    model_key: str
    task: str | None = None
    pipeline_tag: str | None = None
    teacher_name: str | None = None
    languages: Sequence[str] = ()
    license: str | None = None
    dataset_id: str | None = None
    further_datasets: Sequence[str] = ()
    dataset_name: str | None = None
    dataset_config: str | None = None
    dataset_split: str | None = None
    base_model: str | None = None
    student_name: str | None = None
    library_name: str | None = None
    recipe: str | None = None
    arguments: str | None = None
    findings: Sequence[str] | None = None
    loading_code: str | None = None
    further_code: Mapping[str, str] = field(default_factory=dict)
    citations: Mapping[str, str] = field(default_factory=dict)
    tags: Sequence[str] = ()
    comparison_picture: str | None = None
    loss_picture: str | None = None


def render_card(contents: CardContents) -> ModelCard:
    """Render the model card.

    Tokens are removed and local paths are replaced by their last name. Whatever a value holds, it is shown as it was
    typed: it ends no table, block or metadata, and becomes no HTML.

    Args:
        contents (`CardContents`): What the card says.

    Returns:
        `huggingface_hub.ModelCard`: The card.

    Raises:
        `InputError`: If the kind is unknown, the report lacks the model, a language is no ISO 639 code, or the Hub has
            no such licence.
    """
    from huggingface_hub import ModelCard

    if contents.kind not in ("student", "quantized"):
        raise InputError(f'kind: a card is for a "student" or a "quantized" model, not for {contents.kind!r}')
    contents = _cleaned(contents)
    row = _row(contents)
    metadata = model_metadata(contents, row)
    return ModelCard(render_template(f"{contents.kind}.md", metadata, **card_texts(contents, row)))


def write_card(contents: CardContents, folder: Path) -> Path:
    """Write the model card as the README of a model.

    Args:
        contents (`CardContents`): What the card says.
        folder (`Path`): Folder of the model.

    Returns:
        `Path`: Path of `README.md`.

    Raises:
        `InputError`: As `render_card`.
    """
    return write_atomically(Path(folder) / "README.md", f"{render_card(contents)}\n")


def _cleaned(contents: CardContents) -> CardContents:
    """The contents with ids checked, defaults filled in from the report, and nothing private."""
    # Ids are checked first: a local path that has lost its folders looks like an id.
    contents = replace(contents, base_model=hub_id(contents.base_model), dataset_id=hub_id(contents.dataset_id))
    values = {item.name: redact(getattr(contents, item.name)) for item in fields(contents)}
    for name in ("recipe", "arguments"):
        values[name] = redact_yaml(getattr(contents, name)) if values[name] else None
    values["languages"] = check_languages(contents.languages)
    values["license"] = check_license(contents.license) if contents.license else None
    values["dataset_name"] = values["dataset_name"] or values["dataset_id"]
    values["dataset_split"] = values["dataset_split"] or values["report"].get("split")
    if values["findings"] is None:
        values["findings"] = findings(values["report"])
    if values["loading_code"] is None and contents.kind == "student" and contents.pipeline_tag:
        values["loading_code"] = _pipeline_code(contents.pipeline_tag, values["model_name"])
    return CardContents(**values)


def _row(contents: CardContents) -> ComparisonRow:
    """The model's line in the report."""
    rows = {row.model: row for row in comparison_rows(contents.report)}
    if contents.model_key not in rows:
        raise InputError(f"model_key: the report has no {contents.model_key!r}; it has: {', '.join(rows)}")
    return rows[contents.model_key]


def _pipeline_code(pipeline_tag: str, model_name: str) -> str:
    """Code that loads a student from the folder or repository of its name."""
    return (
        "from transformers import pipeline\n\n"
        f"model = pipeline({python_string(pipeline_tag)}, model={python_string(model_name)})"
    )
