# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Sharing recordings: a data set on the Hugging Face Hub, with a card that says what was recorded and how."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from huggingface_hub import DatasetCard, DatasetCardData, HfApi

from hf_distill.errors import InputError
from hf_distill.escaping import Markdown
from hf_distill.hub_names import check_repo_id
from hf_distill.knowledge.columns import ROW_COLUMN, Column
from hf_distill.knowledge.fetch import FILES, SHARDS
from hf_distill.knowledge.recorded import RecordedTeacher
from hf_distill.knowledge.shards import RECORDING_FILE
from hf_distill.publishing.checks import check_contents
from hf_distill.publishing.metadata import hub_id
from hf_distill.publishing.patience import patiently
from hf_distill.publishing.redaction import TOKEN, redact
from hf_distill.publishing.rendering import render_template
from hf_distill.publishing.repository import CARD_FILE, Repository
from hf_distill.publishing.texts import objective_text
from hf_distill.publishing.upload import UploadOptions, full_repo_id, upload

LABEL_NAMES = ("id2label", "label2id")
SIZES = {10**3: "n<1K", 10**4: "1K<n<10K", 10**5: "10K<n<100K", 10**6: "100K<n<1M", 10**7: "1M<n<10M"}
LARGEST = "10M<n<100M"


def push_recording(
    folder: str | Path,
    repo_id: str,
    private: bool = False,
    token: str | None = None,
    commit_message: str | None = None,
    license: str | None = None,
) -> str:
    """
    Upload a recording to the Hugging Face Hub, as a data set with a card, in one commit.

    What is there already is not uploaded again, so the same call continues one that failed; another recording in the
    data set is replaced. A local path of the teacher stays here. The texts are not uploaded, but what a teacher says
    of tokens may reveal them.

    Args:
        folder (`str` or `Path`): The folder that [`record_knowledge`] wrote.
        repo_id (`str`): The data set, `OWNER/NAME`; it is created if it is missing.
        private (`bool`, *optional*, defaults to `False`): Whether only its owner may see it.
        token (`str`, *optional*): A token of the Hub; the one that is saved on this machine by default.
        commit_message (`str`, *optional*): What the commit says.
        license (`str`, *optional*): The Hub's name of the data set's licence, for the card, for example `"mit"`.

    Returns:
        `str`: The data set's address.

    Raises:
        InputError: If the folder holds no complete recording or a file of it is damaged, if the data set cannot have
            this name, is public where it should be private, or holds something else, or if the Hub refuses it.
        HubError: If the Hub, or the way to it, still fails after some repetitions.

    Example:

    ```python
    >>> from hf_distill import DistillationTrainer, push_recording
    >>> push_recording("recording", "ada/what-bert-says")  # doctest: +SKIP
    'https://huggingface.co/datasets/ada/what-bert-says'
    >>> trainer = DistillationTrainer(  # doctest: +SKIP
    ...     model=student, teacher_model="hf://datasets/ada/what-bert-says", train_dataset=rows
    ... )
    ```
    """
    check_repo_id(repo_id)
    repo_id = repo_id if "/" in repo_id else full_repo_id(repo_id, token)
    repository = recording_repository(folder, repo_id, license, token)
    check_contents(repository, token)
    options = UploadOptions(private=private, message=commit_message or "Upload a recording")
    return str(upload(repository, options, token).repo_url)


def recording_repository(
    folder: str | Path, repo_id: str, license: str | None = None, token: str | None = None
) -> Repository:
    """
    Return what the data set of a recording shall hold: its files, and a card.

    Args:
        folder (`str` or `Path`): The folder that [`record_knowledge`] wrote.
        repo_id (`str`): The data set, `OWNER/NAME`.
        license (`str`, *optional*): The Hub's name of the data set's licence, for the card.
        token (`str`, *optional*): A token of the Hub, which is asked whether it has the teacher.

    Raises:
        InputError: If the folder holds no complete recording, or a file of it is damaged.
        HubError: If the Hub, or the way to it, still fails after some repetitions.
    """
    folder = Path(folder)
    content = _read_recording(folder)
    name = hub_id(content["teacher"]["path"])
    # A relative path looks like an id, and may be that of a folder which is elsewhere now.
    known = name is not None and patiently(lambda: HfApi(token=token).repo_exists(name), f"the model {name}")
    content = redact_recording(content, name if known else None)
    files: dict[str, Path | bytes] = {
        CARD_FILE: f"{render_recording_card(content, repo_id, license)}\n".encode(),
        RECORDING_FILE: f"{json.dumps(content, indent=2)}\n".encode(),
    }
    unchanged = [file for file in FILES if file not in (RECORDING_FILE, SHARDS) and (folder / file).is_file()]
    unchanged += [shard["file"] for shard in content["shards"]]
    files |= {file: folder / file for file in unchanged}
    # A glob of another recording's readers would find the shards of this one too.
    return Repository(repo_id, files, "dataset", replaced=tuple(FILES), known_by=RECORDING_FILE)


def redact_recording(content: Mapping[str, Any], teacher: str | None = None) -> dict[str, Any]:
    """
    Return what a recording says of itself without tokens and local paths.

    Args:
        content (`Mapping[str, Any]`): The content of `recording.json`.
        teacher (`str`, *optional*): The teacher's id on the Hub, if it has one.
    """
    result = redact(content)
    # Students are matched by the names of labels, whatever those look like.
    names = {key: content["teacher_config"][key] for key in LABEL_NAMES if key in content["teacher_config"]}
    result["teacher_config"] |= names
    result["teacher"]["path"] = teacher
    return json.loads(TOKEN.sub("[token removed]", json.dumps(result)))


def render_recording_card(content: Mapping[str, Any], repo_id: str, license: str | None = None) -> DatasetCard:
    """
    Render the card of a recording's data set.

    Args:
        content (`Mapping[str, Any]`): The content of `recording.json`, as [`redact_recording`] returns it.
        repo_id (`str`): The data set.
        license (`str`, *optional*): The Hub's name of the data set's licence.
    """
    metadata = DatasetCardData(
        license=license.lower() if license else None,
        tags=["knowledge-distillation", "distillation", "hf_distill"],
        size_categories=[next((name for end, name in SIZES.items() if content["rows"] < end), LARGEST)],
        configs=[{"config_name": "default", "data_files": [{"split": "train", "path": SHARDS}]}],
    )
    columns = [Column(**column) for column in content["columns"]]
    text = render_template(
        "recording.md",
        metadata,
        repo_id=repo_id,
        name=repo_id.rpartition("/")[2],
        teacher=content["teacher"]["path"],
        teacher_class=content["teacher"]["class"],
        weights=content["teacher"]["weights"],
        tokenizer=content["tokenizer"],
        rows_hash=content["rows_hash"],
        row_column=ROW_COLUMN,
        rows=f"{content['rows']:,}",
        tokens=f"{content['tokens']:,}",
        max_length=content["max_length"],
        megabytes=f"{sum(shard['bytes'] for shard in content['shards']) / 1e6:,.1f}",
        shards=len(content["shards"]),
        precision=content["precision"],
        compression="; ".join(f"{key} {value}" for key, value in content["compression"].items()),
        objectives=[objective_text(objective) for objective in content["objectives"]],
        objectives_code=[Markdown(repr(objective)) for objective in content["objectives"]],
        columns=[_described(column, content) for column in columns],
        has_states=any(column.kind != "logits" for column in columns),
    )
    return DatasetCard(text)


def _read_recording(folder: Path) -> dict[str, Any]:
    """What the recording in a folder says of itself, once all of its files are found to be whole."""
    try:
        return RecordedTeacher(folder).content
    except InputError as error:
        raise InputError(f"folder: {str(error).removeprefix('teacher_model: ')}") from error
    except (OSError, ValueError, TypeError, LookupError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"folder: {folder} holds a damaged recording ({type(error).__name__}: {reason})") from error


def _described(column: Column, content: Mapping[str, Any]) -> dict[str, str]:
    """A column's line in the card."""
    return {
        "name": column.name,
        "what": column.what + (f", pooled: {column.pooling}" if column.pooling else ""),
        "unit": "token" if column.of_tokens else "row",
        "width": str(column.width) + (f" ({column.kept} kept)" if column.kept else ""),
        "codec": column.codec,
        "size": f"{content['bytes_per_token'][column.name]:g}",
        "error": f"{content['relative_error'][column.name]:.2g}",
    }
