# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Publishing what a trainer has trained, from anybody's own script."""

from __future__ import annotations

import shutil
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from huggingface_hub import CommitInfo, HfApi
from transformers import Trainer
from transformers.trainer import TRAINING_ARGS_NAME
from transformers.utils import PushInProgress

from hf_distill.compatibility import announce_push
from hf_distill.features.inputs import has_adapter
from hf_distill.publishing.checks import check_contents, check_model, check_weights, loaded
from hf_distill.publishing.leaks import files_of
from hf_distill.publishing.repository import CARD_FILE, MODEL_FILES, Repository, shown_pictures
from hf_distill.publishing.upload import UploadOptions, full_repo_id, upload

ASIDE = ".publish"
"""The folder within the output folder where everything lies as it will in the repository."""


def push_trained(
    trainer: Trainer,
    options: UploadOptions,
    blocking: bool = True,
    token: str | None = None,
    **card: Any,
) -> CommitInfo | Future | None:
    """
    Publish a trained model, in one commit; all processes of a training must call this.

    Args:
        trainer ([`~transformers.Trainer`]): The trainer.
        options ([`UploadOptions`]): How it is published.
        blocking (`bool`, *optional*, defaults to `True`): Whether to wait until it is uploaded. It is saved and
            checked before this returns in any case.
        token (`str`, *optional*): A token of the Hub; the one that is saved on this machine by default.
        card: What [`~transformers.Trainer.create_model_card`] takes.

    Returns:
        [`~huggingface_hub.CommitInfo`], *optional*: The commit, or a `Future` of it; `None` in processes other than
        the main one.

    Raises:
        InputError: If something of it must not be published, or if the Hub refuses it.
        HubError: If the Hub, or the way to it, fails; the same call finishes it.
    """
    aside = Path(trainer.args.output_dir) / ASIDE
    announce_push(trainer)
    trainer._finish_current_push()
    if trainer.is_world_process_zero():
        shutil.rmtree(aside, ignore_errors=True)
    trainer.accelerator.wait_for_everyone()
    trainer.save_model(str(aside / "saved"), _internal_call=True)
    if not trainer.is_world_process_zero():
        return None
    try:
        repository = _repository(trainer, aside, token, card)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise

    def push() -> CommitInfo:
        try:
            return upload(repository, options, token)
        finally:
            shutil.rmtree(aside, ignore_errors=True)

    if blocking:
        return push()
    future = HfApi().run_as_future(push)
    # The next push waits for this one.
    trainer.push_in_progress = PushInProgress([future])
    return future


def _repository(trainer: Trainer, aside: Path, token: str | None, card: dict[str, Any]) -> Repository:
    """What is published, checked, in a copy of its own."""
    args = trainer.args
    repo_id = full_repo_id(args.hub_model_id or Path(args.output_dir).absolute().name, token)
    trainer.hub_model_id = repo_id
    tags = _listed(card.pop("tags", None)) + _listed(getattr(trainer.model, "model_tags", None))
    names = {"model_name": repo_id.rpartition("/")[2], **({"tags": list(dict.fromkeys(tags))} if tags else {})}
    trainer.create_model_card(**{**names, **card})
    written = Path(args.output_dir) / CARD_FILE
    pictures = shown_pictures(written.read_text(encoding="utf-8"), written.with_name("report"))
    files = {**files_of(aside / "saved"), CARD_FILE: written, **pictures}
    # The training's arguments are a pickle.
    files.pop(TRAINING_ARGS_NAME, None)
    copy = aside / "checked"
    repository = Repository(repo_id, files, replaced=MODEL_FILES).copied(copy)
    check_contents(repository, token)
    model, processor = trainer.accelerator.unwrap_model(trainer.model), trainer.processing_class
    if has_adapter(model):
        # Loading an adapter takes the model that it was trained on, which may be elsewhere.
        check_weights(copy)
    else:
        check_model(copy, type(model).from_pretrained)
    if processor is not None:
        loaded("processing_class", lambda: type(processor).from_pretrained(copy))
    return repository


def _listed(tags: str | list[str] | None) -> list[str]:
    return [tags] if isinstance(tags, str) else list(tags or [])
