# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""The metadata at the top of a model card, from which the Hub files the model: only what the Hub accepts."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hf_distill.errors import InputError, nearest_name
from hf_distill.escaping import one_line
from hf_distill.evaluation.rows import ComparisonRow, is_error

if TYPE_CHECKING:
    from huggingface_hub import EvalResult, ModelCardData

    from hf_distill.publishing.card import CardContents

LANGUAGE = re.compile(r"[a-z]{2,3}|code|multilingual")
_NAMES_OF_LICENSES = """
    afl-3.0 agpl-3.0 apache-2.0 apple-amlr apple-ascl artistic-2.0 bigcode-openrail-m bigscience-bloom-rail-1.0
    bigscience-openrail-m bsd bsd-2-clause bsd-3-clause bsd-3-clause-clear bsl-1.0 c-uda cc cc-by-2.0 cc-by-2.5
    cc-by-3.0 cc-by-4.0 cc-by-nc-2.0 cc-by-nc-3.0 cc-by-nc-4.0 cc-by-nc-nd-3.0 cc-by-nc-nd-4.0 cc-by-nc-sa-2.0
    cc-by-nc-sa-3.0 cc-by-nc-sa-4.0 cc-by-nd-4.0 cc-by-sa-3.0 cc-by-sa-4.0 cc0-1.0 cdla-permissive-1.0
    cdla-permissive-2.0 cdla-sharing-1.0 creativeml-openrail-m deepfloyd-if-license ecl-2.0 epl-1.0 epl-2.0 etalab-2.0
    eupl-1.1 eupl-1.2 fair-noncommercial-research-license gemma gfdl gpl gpl-2.0 gpl-3.0 grok2-community h-research
    intel-research isc lgpl lgpl-2.1 lgpl-3.0 lgpl-lr llama2 llama3 llama3.1 llama3.2 llama3.3 llama4 lppl-1.3c mit
    mpl-2.0 ms-pl ncsa odbl odc-by ofl-1.1 openmdw-1.0 openmdw-1.1 openrail openrail++ osl-3.0 other pddl postgresql
    unknown unlicense wtfpl zlib
"""
LICENSES = frozenset(_NAMES_OF_LICENSES.split())
"""The licences that the Hub has names for."""
BACKEND_TAGS = {"onnxruntime": ["onnx", "onnxruntime"]}


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


def check_languages(languages: Iterable[str], field: str = "languages") -> list[str]:
    """Languages as the Hub writes them.

    Args:
        languages (`Iterable[str]`): ISO 639 codes.
        field (`str`, *optional*, defaults to `"languages"`): Where they come from, for the message.

    Raises:
        `InputError`: If one is no such code.
    """
    lower = [language.lower() for language in languages]
    for language in lower:
        if not LANGUAGE.fullmatch(language):
            raise InputError(f'{field}: {language!r} is no ISO 639 code of two or three letters such as "en"')
    return lower


def check_license(license: str, field: str = "license") -> str:
    """A licence as the Hub writes it.

    Args:
        license (`str`): Its name.
        field (`str`, *optional*, defaults to `"license"`): Where it comes from, for the message.

    Raises:
        `InputError`: If the Hub has no such licence.
    """
    if license.lower() not in LICENSES:
        raise InputError(f"{field}: the Hub has no licence {license!r}{nearest_name(license.lower(), LICENSES)}")
    return license.lower()


def model_metadata(contents: CardContents, row: ComparisonRow) -> ModelCardData:
    """The metadata of a model's card.

    Args:
        contents ([`CardContents`]): What the card says.
        row ([`ComparisonRow`]): The model's line in the report.
    """
    from huggingface_hub import ModelCardData

    results = _eval_results(contents, row)
    datasets = [name for name in (contents.dataset_id, *contents.further_datasets) if name]
    distilled = ["distillation"] if contents.teacher_name else []
    return ModelCardData(
        language=list(contents.languages) or None,
        license=contents.license,
        library_name=contents.library_name or ("optimum" if contents.kind == "quantized" else "transformers"),
        pipeline_tag=contents.pipeline_tag,
        base_model=contents.base_model,
        datasets=datasets or None,
        metrics=[one_line(name) for name in row.scores if not is_error(name)] or None,
        tags=list(dict.fromkeys([*distilled, "hf_distill", *contents.tags, *_quantization_tags(row)])),
        model_name=one_line(contents.model_name) if results else None,
        eval_results=results or None,
        **_relation(contents),
    )


def _relation(contents: CardContents) -> dict[str, Any]:
    """What the model is to the one that it is made of; there is no word for a student of a teacher."""
    if not contents.base_model:
        return {}
    other = "adapter" if contents.library_name == "peft" else "finetune"
    return {"base_model_relation": "quantized" if contents.kind == "quantized" else other}


def _quantization_tags(row: ComparisonRow) -> list[str]:
    """Tags by which a quantized model is found; none for a student."""
    return [row.precision, *BACKEND_TAGS.get(row.backend, [row.backend])] if row.backend else []


def _eval_results(contents: CardContents, row: ComparisonRow) -> list[EvalResult]:
    """The scores for the model-index, which needs a task and the name of a data set."""
    from huggingface_hub import EvalResult

    if not contents.dataset_name or not contents.pipeline_tag:
        return []
    words = re.sub(r"[\W_]+", "-", one_line(contents.dataset_name).lower()).strip("-")
    return [
        EvalResult(
            task_type=contents.pipeline_tag,
            dataset_type=contents.dataset_id or words or "local",
            dataset_name=one_line(contents.dataset_name),
            dataset_config=one_line(contents.dataset_config) if contents.dataset_config else None,
            dataset_split=one_line(contents.dataset_split) if contents.dataset_split else None,
            metric_type=one_line(name),
            metric_name=one_line(name),
            metric_value=round(float(score), 6),
        )
        for name, score in row.scores.items()
    ]
