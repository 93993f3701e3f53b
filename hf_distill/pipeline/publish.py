# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Publishing a run on the Hugging Face Hub: which repositories there are, what they hold, and in which order."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from hf_distill.errors import InputError
from hf_distill.evaluation.report import read_report
from hf_distill.files import scratch_folder
from hf_distill.pipeline.cards import card_contents
from hf_distill.pipeline.context import Context, prepare
from hf_distill.pipeline.manifest import RECIPE_FILE, Run
from hf_distill.pipeline.measure import size_on_disk
from hf_distill.pipeline.recipe import load_recipe, parse_publish
from hf_distill.pipeline.sections import PublishSection
from hf_distill.publishing.card import CardContents, render_card
from hf_distill.publishing.checks import check_contents, check_model, loaded
from hf_distill.publishing.leaks import files_of, publishable
from hf_distill.publishing.recordings import recording_repository
from hf_distill.publishing.redaction import redact_yaml
from hf_distill.publishing.repository import CARD_FILE, MODEL_FILES, Repository
from hf_distill.publishing.upload import UploadOptions, full_repo_id, upload
from hf_distill.quantization import find_backend

logger = logging.getLogger(__name__)

STUDENT = "student"
RECORDING = "recording"
QUANTIZED = "quantized/"
FOLDERS = {"onnxruntime": "onnx"}
"""What others call the folder of a backend's model within the repository of its student."""
NO_BACKEND = "none"
"""Nothing is quantized here: backends that are not installed are no hindrance."""

Announce = Callable[[str], None]


def publish_folder(folder: str | Path, options: Mapping[str, Any], announce: Announce = logger.info) -> dict[str, str]:
    """
    Publish an existing run.

    Args:
        folder (`str` or `Path`): The run's folder.
        options (`Mapping[str, Any]`): Keys of a recipe's `publish`, which go before those of the run's recipe.
        announce (`Callable`, *optional*): Told, in a line each, what is done.

    Returns:
        `dict[str, str]`: The addresses; see `publish_run`.

    Raises:
        InputError: If the folder is no finished run, an option is wrong, or as `publish_run`.
        HubError: As `publish_run`.
    """
    run = Run.open(Path(folder))
    recipe = load_recipe(run.folder / RECIPE_FILE)
    section = parse_publish(recipe, dict(options))
    read_report(run.folder)
    section = with_owner(section)
    context = prepare(recipe, run, NO_BACKEND)
    with run.locked(announce):
        return publish_run(context, section, announce)


def publish_run(context: Context, section: PublishSection, announce: Announce = logger.info) -> dict[str, str]:
    """
    Publish the student of a run, its quantized models and, if asked for, its recording.

    All of it is checked on a copy before anything is sent. Then comes the student, after it what names it as its
    base; each repository gets one commit, or none if nothing has changed.

    Args:
        context ([`Context`]): A run that has been evaluated.
        section ([`PublishSection`]): Where and how; see `with_owner`.
        announce (`Callable`, *optional*): Told, in a line each, what is done.

    Returns:
        `dict[str, str]`: The address of each repository, or of its pull request, by what is in it: "student",
        "quantized/<backend>", "recording".

    Raises:
        InputError: If something of it must not be published, or if the Hub refuses it; the message says what.
        HubError: If the Hub, or the way to it, fails; the same call finishes it.
    """
    settings = {"message": section.message} if section.message is not None else {}
    options = UploadOptions(section.private, section.revision, section.tag, section.pull_request, **settings)
    with scratch_folder(context.run.folder / "publish") as aside:
        repositories = _repositories(context, section)
        for number, (name, repository) in enumerate(repositories.items()):
            announce(f"checking {name}")
            check_contents(repository)
            if name != RECORDING:
                repositories[name] = repository.copied(aside / str(number))
                _check_models(context, name, aside / str(number), section)
        addresses = {}
        for name, repository in repositories.items():
            announce(f"publishing {name} as {repository.repo_id}")
            commit = upload(repository, options)
            addresses[name] = commit.pr_url or str(commit.repo_url)
    return addresses


def with_owner(section: PublishSection) -> PublishSection:
    """
    Return the section with the full name of the student's repository; the Hub is asked who the token's owner is.

    Args:
        section ([`PublishSection`]): Where and how.

    Raises:
        InputError: If the token is missing, unknown or for reading only.
        HubError: If the Hub, or the way to it, fails.
    """
    return section.model_copy(update={"repo_id": full_repo_id(section.repo_id)})


def check_token() -> None:
    """Raise an [`InputError`] if there is no token to publish with."""
    from huggingface_hub import get_token

    if get_token() is None:
        raise InputError("publish: there is no token; log in with hf auth login, or set HF_TOKEN")


def _repositories(context: Context, section: PublishSection) -> dict[str, Repository]:
    """What is published, in order, by its name."""
    repo_id = section.repo_id
    names = {STUDENT: repo_id}
    for key, contents in card_contents(context, names).items():
        if key != STUDENT:
            own = f"{repo_id.rpartition('/')[0]}/{contents.model_name}"
            names[key] = own if section.quantized == "separate" else repo_id
    cards = {
        key: replace(contents, license=section.license or contents.license, recipe=context.recipe.to_shared_yaml())
        for key, contents in card_contents(context, names).items()
    }
    files = _files_in_one(context, cards) if section.quantized == "same" else _files_apart(context, cards)
    repositories = {key: Repository(names[key], found, replaced=MODEL_FILES) for key, found in files.items()}
    if section.recording:
        repositories[RECORDING] = _recording(context, f"{repo_id}-recording", section.license)
    return repositories


def _files_apart(context: Context, cards: Mapping[str, CardContents]) -> dict[str, dict[str, Path | bytes]]:
    """The files of each model's repository."""
    return {
        key: {**_model_files(context, key, contents), **(_run_files(context) if key == STUDENT else {})}
        for key, contents in cards.items()
    }


def _files_in_one(context: Context, cards: Mapping[str, CardContents]) -> dict[str, dict[str, Path | bytes]]:
    """The files of one repository with a folder for each quantized model."""
    within = {key: _code_of_folder(contents, _folder_of(key)) for key, contents in cards.items() if key != STUDENT}
    student = cards[STUDENT]
    codes = [f"# The model in the folder {_folder_of(key)}:\n{code}" for key, code in within.items()]
    student = replace(student, loading_code="\n\n".join([student.loading_code or "", *codes]))
    files = {**_model_files(context, STUDENT, student), **_run_files(context)}
    for key, code in within.items():
        of_it = _model_files(context, key, replace(cards[key], loading_code=code))
        files |= {f"{_folder_of(key)}/{path}": content for path, content in of_it.items()}
    return {STUDENT: files}


def _folder_of(key: str) -> str:
    backend = key.removeprefix(QUANTIZED)
    return FOLDERS.get(backend, backend)


def _code_of_folder(contents: CardContents, folder: str) -> str:
    """The code that runs a quantized model, for one that lies in a folder of a repository."""
    repo_id = contents.base_model
    code = (contents.loading_code or "").replace(f'"{repo_id}"', "folder")
    return (
        "from huggingface_hub import snapshot_download\n\n"
        f'folder = snapshot_download("{repo_id}", allow_patterns="{folder}/*") + "/{folder}"\n\n{code}'
    )


def _model_files(context: Context, key: str, contents: CardContents) -> dict[str, Path | bytes]:
    """The files of a model, with its card and the pictures that the card shows."""
    card = f"{render_card(contents)}\n"
    files: dict[str, Path | bytes] = {CARD_FILE: card.encode()}
    files |= {name: file for name, file in files_of(context.run.folder / key).items() if name != CARD_FILE}
    for picture in sorted((context.run.folder / "report").glob("*.png")):
        if f"report/{picture.name}" in card:
            files[f"report/{picture.name}"] = picture
    return files


def _run_files(context: Context) -> dict[str, Path | bytes]:
    """What tells of the whole run: its recipe and its report."""
    report = context.run.folder / "report"
    pictures = {f"report/{path.name}": path for path in sorted(report.glob("*.png"))}
    metrics = "report/metrics.json"
    return {
        RECIPE_FILE: redact_yaml(context.recipe.to_shared_yaml()).encode(),
        metrics: publishable(metrics, context.run.folder / metrics),
        **pictures,
    }


def _recording(context: Context, repo_id: str, license: str | None) -> Repository:
    folder = context.run.folder / RECORDING
    if not folder.is_dir():
        raise InputError(f"recording: {context.run.folder} has none; run its recipe with one, or leave it out")
    return recording_repository(folder, repo_id, license)


def _check_models(context: Context, name: str, folder: Path, section: PublishSection) -> None:
    """Load the models of a repository's copy, and compare them with what was measured."""
    report = read_report(context.run.folder)
    if name == STUDENT:
        check_model(folder, context.task.model_class.from_pretrained)
    quantized = {name: folder} if name != STUDENT else {}
    if section.quantized == "same":
        quantized = {key: folder / _folder_of(key) for key in report if key.startswith(QUANTIZED)}
    models = {**({STUDENT: folder} if name == STUDENT else {}), **quantized}
    for key, place in models.items():
        loaded(f"what makes the inputs of {key}", lambda place=place: context.task.load_processor(place))
        size = size_on_disk(place)
        if size != report[key]["size_bytes"]:
            raise InputError(
                f"{key}: has {size:,} bytes of weights, and {report[key]['size_bytes']:,} were measured; measure it "
                "again with hf-distill evaluate"
            )
    for key, place in quantized.items():
        backend = find_backend(key.removeprefix(QUANTIZED))
        try:
            backend.check()
        except InputError as error:
            logger.warning("%s is published without having been loaded here: %s", key, str(error).partition(";")[0])
            continue
        loaded(key, lambda backend=backend, place=place: backend.load(place, context.task))
