# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Publishing a run on the Hugging Face Hub: which repositories there are, what they hold, and in which order."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from hf_distill.demo import published_source
from hf_distill.errors import InputError
from hf_distill.evaluation.report import read_report
from hf_distill.files import scratch_folder
from hf_distill.pipeline.cards import card_contents
from hf_distill.pipeline.context import Context, prepare
from hf_distill.pipeline.manifest import RECIPE_FILE, Run
from hf_distill.pipeline.measure import size_on_disk
from hf_distill.pipeline.recipe import load_recipe, parse_publish
from hf_distill.pipeline.sections import PublishSection
from hf_distill.publishing.card import render_card
from hf_distill.publishing.checks import check_contents, check_model, loaded
from hf_distill.publishing.leaks import files_of, publishable
from hf_distill.publishing.recordings import recording_repository
from hf_distill.publishing.redaction import redact_yaml
from hf_distill.publishing.repository import CARD_FILE, MODEL_FILES, Repository, shown_pictures
from hf_distill.publishing.space import space_files
from hf_distill.publishing.upload import UploadOptions, full_repo_id, upload
from hf_distill.quantization import find_backend

logger = logging.getLogger(__name__)

STUDENT = "student"
RECORDING = "recording"
SPACE = "space"
QUANTIZED = "quantized/"
FOLDERS = {"onnxruntime": "onnx"}
"""What others call the folder of a backend's model within the repository of its student."""
METRICS = "report/metrics.json"
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
    Publish the student of a run, its quantized models and, if asked for, its recording and a demo.

    All of it is checked on a copy before anything is sent. Then comes the student, after it what names it as its
    base; each repository gets one commit, or none if nothing has changed.

    Args:
        context ([`Context`]): A run that has been evaluated.
        section ([`PublishSection`]): Where and how; see `with_owner`.
        announce (`Callable`, *optional*): Told, in a line each, what is done.

    Returns:
        `dict[str, str]`: The address of each repository, or of its pull request, by what is in it: "student",
        "quantized/<backend>", "recording", "space".

    Raises:
        InputError: If something of it must not be published, or if the Hub refuses it; the message says what.
        HubError: If the Hub, or the way to it, fails; the same call finishes it.
    """
    settings = {"message": section.message} if section.message is not None else {}
    options = UploadOptions(section.private, section.revision, section.tag, section.pull_request, **settings)
    with scratch_folder(context.run.folder / "publish") as aside:
        folders = _folders(context, section)
        repositories = _repositories(context, section, folders)
        for number, (name, repository) in enumerate(repositories.items()):
            announce(f"checking {name}")
            check_contents(repository)
            if name not in (RECORDING, SPACE):
                copy = aside / str(number)
                repositories[name] = repository.copied(copy)
                for key, folder in {name: "", **(folders if name == STUDENT else {})}.items():
                    _check_model(context, key, copy / folder)
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


def _folders(context: Context, section: PublishSection) -> dict[str, str]:
    """The folders of quantized models in the student's repository, by their names in the report."""
    if section.quantized != "same":
        return {}
    backends = {key: key.removeprefix(QUANTIZED) for key in read_report(context.run.folder) if QUANTIZED in key}
    return {key: FOLDERS.get(backend, backend) for key, backend in backends.items()}


def _repositories(context: Context, section: PublishSection, folders: Mapping[str, str]) -> dict[str, Repository]:
    """What is published, in order, by its name."""
    repo_id, owner = section.repo_id, section.repo_id.rpartition("/")[0]
    names = {
        key: repo_id if key == STUDENT else f"{owner}/{contents.model_name}"
        for key, contents in card_contents(context, {STUDENT: repo_id}, folders).items()
    }
    repositories = {}
    for key, contents in card_contents(context, names, folders).items():
        card = replace(contents, license=section.license or contents.license, recipe=context.recipe.to_shared_yaml())
        files = _model_files(context, key, f"{render_card(card)}\n")
        if key == STUDENT:
            files |= _run_files(context)
            for other, folder in folders.items():
                within = _model_files(context, other)
                files |= {f"{folder}/{path}": content for path, content in within.items()}
        repositories[key] = Repository(names[key], files, replaced=MODEL_FILES)
    if section.recording:
        repositories[RECORDING] = _recording(context, f"{repo_id}-recording", section.license)
    if section.space:
        places = names | {key: f"{repo_id}/{folder}" for key, folder in folders.items()}
        repositories[SPACE] = _space(context, f"{repo_id}-demo", places, section.license)
    return repositories


def _model_files(context: Context, key: str, card: str | None = None) -> dict[str, Path | bytes]:
    """The files of a model and, if it has one, its card with the pictures in it."""
    files = {name: file for name, file in files_of(context.run.folder / key).items() if name != CARD_FILE}
    if card is not None:
        files |= {CARD_FILE: card.encode(), **shown_pictures(card, context.run.folder / "report")}
    return files


def _run_files(context: Context) -> dict[str, Path | bytes]:
    """What tells of the whole run: its recipe and what was measured."""
    return {
        RECIPE_FILE: redact_yaml(context.recipe.to_shared_yaml()).encode(),
        METRICS: publishable(METRICS, context.run.folder / METRICS),
    }


def _recording(context: Context, repo_id: str, license: str | None) -> Repository:
    folder = context.run.folder / RECORDING
    if not folder.is_dir():
        raise InputError(f"recording: {context.run.folder} has none; run its recipe with one, or leave it out")
    return recording_repository(folder, repo_id, license)


def _space(context: Context, repo_id: str, places: Mapping[str, str], license: str | None) -> Repository:
    """The Space in which the models answer, wherever each of them is published."""
    source = published_source(context.run.folder, places)
    title = repo_id.rpartition("/")[2]
    files = space_files(source.models, source.task, source.options, title=title, license=license)
    content = {path: text.encode() for path, text in files.items()}
    return Repository(repo_id, content, repo_type=SPACE, known_by="app.py")


def _check_model(context: Context, key: str, folder: Path) -> None:
    """Load the copy of a model, and see whether it is the one that was measured."""
    task, measured = context.task, read_report(context.run.folder)[key]["size_bytes"]
    loaded(f"what makes the inputs of {key}", lambda: task.load_processor(folder))
    size = size_on_disk(folder)
    if size != measured:
        raise InputError(
            f"{key}: has {size:,} bytes of weights, and {measured:,} were measured; measure it again with hf-distill "
            "evaluate"
        )
    if key == STUDENT:
        check_model(folder, task.model_class.from_pretrained)
        return
    backend = find_backend(key.removeprefix(QUANTIZED))
    try:
        backend.check()
    except InputError as error:
        logger.warning("%s is published without having been loaded here: %s", key, str(error).partition(";")[0])
    else:
        loaded(key, lambda: backend.load(folder, task))
