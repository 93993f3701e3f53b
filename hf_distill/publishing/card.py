# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Model cards: what a run measured and how, with metadata that the Hugging Face Hub accepts."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hf_distill.errors import InputError
from hf_distill.evaluation.findings import findings
from hf_distill.evaluation.rows import ComparisonRow, comparison_rows, is_error
from hf_distill.evaluation.tables import comparison_markdown
from hf_distill.files import write_atomically
from hf_distill.publishing.redaction import redact, redact_yaml
from hf_distill.resources import resource_path

if TYPE_CHECKING:
    from huggingface_hub import EvalResult, ModelCard, ModelCardData

LANGUAGE = re.compile(r"[a-z]{2,3}|code|multilingual")
NOT_AS_THEY_ARE = {
    "skipped": "rows that could not be read and were left out",
    "cut": "inputs that were too long and were cut",
    "too_long": "inputs that were too long and were left out",
}
"""What happened to rows of the data, by its name in the report."""
BACKEND_TAGS = {"onnxruntime": ["onnx", "onnxruntime"]}


@dataclass(frozen=True)
class CardContents:
    """Everything that a model card says; what is unknown is left out of the card.

    Args:
        kind (`str`): "student" or "quantized"; chooses the template.
        model_name (`str`): Name of the model, without the namespace.
        task (`str`): The task in words, for example "text classification".
        pipeline_tag (`str`): The Hub's name of the task, for example "text-classification".
        report (`Mapping[str, Any]`): The run's report, as in `report/metrics.json`.
        model_key (`str`): Key of the model in the report: "student" or "quantized/<backend>".
        teacher_name (`str`): The teacher: a Hub id or words.
        languages (`Sequence[str]`, *optional*, defaults to none): ISO 639 codes of the data's languages.
        license (`str`, *optional*): The Hub's name of the licence, for example "apache-2.0".
        dataset_id (`str`, *optional*): Hub id of the data set; local data have none.
        dataset_name (`str`, *optional*, defaults to `dataset_id`): Name of the data set in words.
        dataset_config (`str`, *optional*): Configuration of the data set, for example "sst2".
        dataset_split (`str`, *optional*, defaults to the report's): Split that the scores were measured on.
        base_model (`str`, *optional*): Of a student, the Hub id of the checkpoint that its weights start from; of a
            quantized model, the Hub id of the student. Anything that is no Hub id is left out.
        student_name (`str`, *optional*): Of a quantized model, the name of the student.
        objectives (`Sequence[Mapping[str, Any]]`, *optional*, defaults to none): Objectives with "name", "weight" and
            options.
        task_weight (`float`, *optional*): Weight of the task's own loss.
        intermediate (`Sequence[Mapping[str, Any]]`, *optional*, defaults to none): Objectives of a stage of training
            before that.
        recipe (`str`, *optional*): The run's resolved recipe in YAML.
        versions (`Mapping[str, str]`, *optional*, defaults to none): Version of each package that matters.
        findings (`Sequence[str]`, *optional*, defaults to the report's findings): Sentences below the comparison.
        loading_code (`str`, *optional*): Python code that loads and runs the model; by default, for a student, a
            transformers pipeline.
        train_rows (`int`, *optional*): Number of training examples.
        labelled_rows (`int`, *optional*): Number of those with a label.
        training_steps (`int`, *optional*): Number of optimizer steps.
        training_seconds (`float`, *optional*): Time of the training, in seconds.
        seed (`int`, *optional*, defaults to the report's): Seed of the training.
        citations (`Mapping[str, str]`, *optional*, defaults to none): Paper of each objective, by its name.
        tags (`Sequence[str]`, *optional*, defaults to none): Tags beside those of every card.
        figure (`str`, *optional*): File name of the comparison's picture, if it is published beside the card.
    """

    kind: str
    model_name: str
    task: str
    pipeline_tag: str
    report: Mapping[str, Any]
    model_key: str
    teacher_name: str
    languages: Sequence[str] = ()
    license: str | None = None
    dataset_id: str | None = None
    dataset_name: str | None = None
    dataset_config: str | None = None
    dataset_split: str | None = None
    base_model: str | None = None
    student_name: str | None = None
    objectives: Sequence[Mapping[str, Any]] = ()
    task_weight: float | None = None
    intermediate: Sequence[Mapping[str, Any]] = ()
    recipe: str | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    findings: Sequence[str] | None = None
    loading_code: str | None = None
    train_rows: int | None = None
    labelled_rows: int | None = None
    training_steps: int | None = None
    training_seconds: float | None = None
    seed: int | None = None
    citations: Mapping[str, str] = field(default_factory=dict)
    tags: Sequence[str] = ()
    figure: str | None = None


def render_card(contents: CardContents) -> ModelCard:
    """Render the model card.

    Tokens are removed and local paths are replaced by their last name.

    Args:
        contents (`CardContents`): What the card says.

    Returns:
        `huggingface_hub.ModelCard`: The card.

    Raises:
        `InputError`: If the kind is unknown, the report lacks the model, or a language is no ISO 639 code.
    """
    from huggingface_hub import ModelCard

    if contents.kind not in ("student", "quantized"):
        raise InputError(f'kind: a card is for a "student" or a "quantized" model, not for {contents.kind!r}')
    contents = _cleaned(contents)
    row = _row(contents)
    template = resource_path("model_cards") / f"{contents.kind}.md"
    return ModelCard.from_template(_metadata(contents, row), template_path=str(template), **_texts(contents, row))


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


def hub_id(name: str | None) -> str | None:
    """The name if it can be the id of a Hub repository.

    Args:
        name (`str`, *optional*): An id, a path or words.

    Returns:
        `str`, *optional*: The name, or `None` if it has not the form of an id or is a file or folder here.
    """
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    if not name or name[0] in ".-":
        return None
    try:
        validate_repo_id(name)
    except HFValidationError:
        return None
    return None if Path(name).exists() else name


def _cleaned(contents: CardContents) -> CardContents:
    """The contents with ids checked, defaults filled in from the report, and nothing private."""
    # Ids are checked first: a local path that has lost its folders looks like an id.
    contents = replace(contents, base_model=hub_id(contents.base_model), dataset_id=hub_id(contents.dataset_id))
    values = {item.name: redact(getattr(contents, item.name)) for item in fields(contents)}
    values["recipe"] = redact_yaml(contents.recipe) if contents.recipe else None
    values["dataset_name"] = values["dataset_name"] or values["dataset_id"]
    values["dataset_split"] = values["dataset_split"] or values["report"].get("split")
    values["seed"] = values["report"].get("seed") if values["seed"] is None else values["seed"]
    if values["findings"] is None:
        values["findings"] = findings(values["report"])
    if values["loading_code"] is None and contents.kind == "student":
        values["loading_code"] = _pipeline_code(values["pipeline_tag"], values["model_name"])
    return CardContents(**values)


def _row(contents: CardContents) -> ComparisonRow:
    """The model's line in the report."""
    rows = {row.model: row for row in comparison_rows(contents.report)}
    if contents.model_key not in rows:
        raise InputError(f"model_key: the report has no {contents.model_key!r}; it has: {', '.join(rows)}")
    return rows[contents.model_key]


def _metadata(contents: CardContents, row: ComparisonRow) -> ModelCardData:
    """The metadata at the top of the card, from which the Hub files the model."""
    from huggingface_hub import ModelCardData

    quantized = contents.kind == "quantized"
    languages = [language.lower() for language in contents.languages]
    for language in languages:
        if not LANGUAGE.fullmatch(language):
            raise InputError(f'languages: {language!r} is no ISO 639 code of two or three letters such as "en"')
    relation = {"base_model_relation": "quantized" if quantized else "finetune"} if contents.base_model else {}
    results = _eval_results(contents, row)
    return ModelCardData(
        language=languages or None,
        license=contents.license.lower() if contents.license else None,
        library_name="optimum" if quantized else "transformers",
        pipeline_tag=contents.pipeline_tag,
        base_model=contents.base_model,
        datasets=[contents.dataset_id] if contents.dataset_id else None,
        metrics=[name for name in row.scores if not is_error(name)] or None,
        tags=["distillation", "hf_distill", *contents.tags, *_quantization_tags(row)],
        model_name=contents.model_name if results else None,
        eval_results=results or None,
        **relation,
    )


def _quantization_tags(row: ComparisonRow) -> list[str]:
    """Tags by which a quantized model is found; none for a student."""
    return [row.precision, *BACKEND_TAGS.get(row.backend, [row.backend])] if row.backend else []


def _eval_results(contents: CardContents, row: ComparisonRow) -> list[EvalResult]:
    """The scores for the model-index, which needs the name of a data set."""
    from huggingface_hub import EvalResult

    if not contents.dataset_name:
        return []
    return [
        EvalResult(
            task_type=contents.pipeline_tag,
            dataset_type=contents.dataset_id
            or re.sub(r"\W+", "-", contents.dataset_name.lower()).strip("-")
            or "local",
            dataset_name=contents.dataset_name,
            dataset_config=contents.dataset_config,
            dataset_split=contents.dataset_split,
            metric_type=name,
            metric_name=name,
            metric_value=round(float(score), 6),
        )
        for name, score in row.scores.items()
    ]


def _texts(contents: CardContents, row: ComparisonRow) -> dict[str, Any]:
    """What the templates fill in."""
    teacher = contents.teacher_name
    student = contents.base_model or contents.student_name if contents.kind == "quantized" else contents.base_model
    recipe = (contents.recipe or "").rstrip()
    return {
        "model_name": contents.model_name,
        "model_key": contents.model_key,
        "task": contents.task,
        "teacher": f"`{teacher}`" if hub_id(teacher) else teacher,
        "dataset": contents.dataset_name,
        "start": f"`{student}`" if student else None,
        "backend": row.backend,
        "precision": row.precision,
        "parameters": None if row.parameters is None else f"{row.parameters:,}",
        "figure": contents.figure,
        "comparison": comparison_markdown(contents.report),
        "findings": contents.findings,
        "loading_code": (contents.loading_code or "").strip(),
        "objectives": [objective_text(objective) for objective in contents.objectives],
        "intermediate": [objective_text(objective) for objective in contents.intermediate],
        "training_facts": _training_facts(contents),
        "recipe": recipe,
        # A fence must be longer than any that the recipe itself contains.
        "fence": "`" * max(3, 1 + max(map(len, re.findall("`+", recipe)), default=0)),
        "versions": ", ".join(f"{package} {version}" for package, version in contents.versions.items()),
        "limitations": _limitations(contents),
        "citations": [f"`{objective}`: {paper}" for objective, paper in contents.citations.items()],
    }


def objective_text(objective: Mapping[str, Any]) -> str:
    """An objective with its weight, layer map and other options on one line.

    Args:
        objective (`Mapping[str, Any]`): The objective's "name", "weight" and options.

    Returns:
        `str`: Markdown for a list in a card.
    """
    options = {name: value for name, value in objective.items() if name != "name" and value is not None}
    parts = [f"weight {options.pop('weight')}"] if "weight" in options else []
    layers = options.pop("layers", None)
    if isinstance(layers, str):
        parts.append(f"layer map {layers}")
    elif layers:
        pairs = ", ".join(f"{student} from {teacher}" for student, teacher in layers)
        parts.append(f"layer map (student from teacher) {pairs}")
    parts += [f"{name} {value}" for name, value in options.items()]
    return f"`{objective['name']}`" + (f": {'; '.join(parts)}" if parts else "")


def _training_facts(contents: CardContents) -> list[str]:
    """What is known of the training, a fact a line."""
    facts = [f"The task's own loss: weight {contents.task_weight}"] if contents.task_weight is not None else []
    facts += [f"Data: {contents.dataset_name}{_rows_text(contents)}"] if contents.dataset_name else []
    facts += [f"Steps: {contents.training_steps:,}"] if contents.training_steps is not None else []
    facts += [f"Training time: {contents.training_seconds:,.0f} seconds"] if contents.training_seconds else []
    facts += [f"Seed: {contents.seed}"] if contents.seed is not None else []
    return facts


def _rows_text(contents: CardContents) -> str:
    """How many examples the student learnt from, and how many of them had a label if not all had."""
    if contents.train_rows is None:
        return ""
    labelled = contents.labelled_rows
    some = f", {labelled:,} of them with a label" if labelled is not None and labelled < contents.train_rows else ""
    return f" ({contents.train_rows:,} training examples{some})"


def _limitations(contents: CardContents) -> list[str]:
    """What follows from the data and the way of measuring, and nothing else."""
    report, lines = contents.report, []
    rows = f" ({report['rows']:,} rows)" if isinstance(report.get("rows"), int) else ""
    if contents.dataset_name:
        split = f"the {contents.dataset_split} split of " if contents.dataset_split else ""
        lines.append(
            f"The scores were measured on {split}{contents.dataset_name}{rows}; other data may give other scores."
        )
    for split, kinds in report.get("data", {}).items():
        told = [f"{NOT_AS_THEY_ARE[kind]}: {number:,}" for kind, number in kinds.items()]
        lines.append(f"Of the {split} split, {'; '.join(told)}.")
    if contents.languages:
        lines.append(f"The data are in: {', '.join(contents.languages)}. Nothing was measured in other languages.")
    if contents.seed is not None:
        lines.append(f"One run with seed {contents.seed} was measured; how much scores vary with the seed is unknown.")
    if report.get("hardware"):
        lines.append(f"Latencies were measured on {report['hardware']}; other hardware gives other ones.")
    return lines


def _pipeline_code(pipeline_tag: str, model_name: str) -> str:
    """Code that loads a student from the folder or repository of its name."""
    return f'from transformers import pipeline\n\nmodel = pipeline("{pipeline_tag}", model="{model_name}")'
