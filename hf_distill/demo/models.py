# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""The models of a run, or published ones, loaded to be shown side by side."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from huggingface_hub import snapshot_download
from transformers import PreTrainedTokenizerBase

from hf_distill.demo.readers import Reader, make_reader
from hf_distill.errors import InputError
from hf_distill.evaluation.predict import ForwardFunction, forward_function
from hf_distill.fetching import fetching
from hf_distill.knowledge.labels import label_names
from hf_distill.pipeline.context import longest_input
from hf_distill.pipeline.manifest import RECIPE_FILE, Run
from hf_distill.pipeline.models import load_config, load_model, load_processor, resolve_model, tokenizers_differ
from hf_distill.pipeline.recipe import load_recipe
from hf_distill.publishing.card import hub_id
from hf_distill.quantization import find_backend
from hf_distill.tasks import Task, find_task

logger = logging.getLogger(__name__)

READING = ("max_length", "max_seconds")
"""The options of a recipe's `dataset` that change how an input is read."""
QUANTIZED = "quantized/"
"""How the names of quantized models begin in a report."""
MODEL_FILES = ("*.json", "*.txt", "*.model", "*.safetensors", "*.onnx", "*.onnx_data", "*.xml", "openvino_*.bin")
"""What is fetched of a quantized model; nothing that would have to be unpickled."""


@dataclass(frozen=True)
class DemoSource:
    """
    What a demo shows, and where it is.

    Args:
        task (`str`): Name of the task.
        models (`Mapping[str, str]`): Folder or Hub id of each model, by its name in the report: `"student"`, and
            `"teacher"`, `"quantized/onnxruntime"` and the like where there are such; a quantized model may be in a
            folder of a repository, as in `OWNER/NAME/onnx`.
        options (`Mapping[str, Any]`, *optional*): The options of a recipe's `dataset` that change how inputs are
            read, such as `max_length`.
    """

    task: str
    models: Mapping[str, str]
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class DemoModels:
    """
    The models of a demo, loaded.

    Args:
        task ([`Task`]): Their task.
        readers (`Mapping[str, Reader]`): Between each of them and their visitors; one for all, unless the teacher has
            a tokenizer of its own.
        forwards (`Mapping[str, Callable]`): From a batch to logits, by the models' names.
        missing (`Mapping[str, str]`): Why others are not there, by their names.
    """

    task: Task
    readers: Mapping[str, Reader]
    forwards: Mapping[str, ForwardFunction]
    missing: Mapping[str, str]

    @property
    def reader(self) -> Reader:
        """The student's."""
        return self.readers["student"]


def source_of_run(folder: str | Path) -> DemoSource:
    """
    Return what the demo of a run shows: its teacher, its student and its quantized models.

    Args:
        folder (`str` or `Path`): The run's folder.

    Raises:
        InputError: If it is no run, or has no student yet.
    """
    folder = Run.open(Path(folder)).folder
    recipe = load_recipe(folder / RECIPE_FILE)
    if not (folder / "student" / "config.json").is_file():
        raise InputError(f"{folder}: has no student yet; finish it with hf-distill run")
    fine_tuned = recipe.teacher.fine_tune is not None
    models = {"teacher": str(folder / "teacher") if fine_tuned else recipe.teacher.model}
    models["student"] = str(folder / "student")
    for section in recipe.quantization:
        path = folder / "quantized" / section.backend
        if path.is_dir():
            models[QUANTIZED + section.backend] = str(path)
    given = {name: getattr(recipe.dataset, name) for name in find_task(recipe.task).options if name in READING}
    return DemoSource(recipe.task, models, {name: value for name, value in given.items() if value is not None})


def published_source(folder: str | Path, repositories: Mapping[str, str]) -> DemoSource:
    """
    Return what the demo of a run shows once it is published.

    Args:
        folder (`str` or `Path`): The run's folder.
        repositories (`Mapping[str, str]`): Hub id of each published model, by its name in the report. A teacher that
            the run loaded from the Hub, and did not fine-tune, is shown too.

    Raises:
        InputError: As `source_of_run`.
    """
    source = source_of_run(folder)
    teacher = hub_id(source.models["teacher"])
    models = {"teacher": teacher} if teacher else {}
    return replace(source, models={**models, **repositories})


def load_models(source: DemoSource) -> DemoModels:
    """
    Load the models of a demo, onto the processor.

    A teacher that is not to be had, or a quantized model whose backend does not work here, is left out with a warning.

    Args:
        source ([`DemoSource`]): What the demo shows.

    Raises:
        InputError: If the student cannot be loaded.
    """
    task = find_task(source.task)()
    for name, value in source.options.items():
        setattr(task, name, value)
    student = source.models["student"]
    config = load_config(student, "student")
    task.read_teacher(student)
    processor = load_processor(student, task, "student")
    if isinstance(processor, PreTrainedTokenizerBase):
        task.max_length = longest_input(task, processor, config, "student")
    names = label_names(config)
    readers, forwards, missing = {}, {}, {}
    reader = make_reader(task, processor, names)
    for name, location in source.models.items():
        try:
            readers[name] = _reader_of_teacher(location, task, reader, names) if name == "teacher" else reader
            forwards[name] = forward_function(_load(name, location, task, names), task)
        except InputError as error:
            if name == "student":
                raise
            missing[name] = str(error).partition(";")[0]
            logger.warning("%s is not shown: %s", name, missing[name])
    return DemoModels(task, readers, forwards, missing)


def _reader_of_teacher(location: str, task: Task, student: Reader, names: list[str]) -> Reader:
    """Return the student's reader, or one of the teacher's own if its tokenizer is another."""
    processor = load_processor(resolve_model(location, "teacher"), task, "teacher")
    if tokenizers_differ(processor, student.processor) is None:
        return student
    return make_reader(task, processor, names)


def _load(name: str, location: str, task: Task, names: list[str]) -> Any:
    if not name.startswith(QUANTIZED):
        return load_model(resolve_model(location, name), task, names, name)
    backend = find_backend(name.removeprefix(QUANTIZED))
    backend.check()
    return backend.load(_folder_of(location, name), task)


def _folder_of(location: str, name: str) -> Path:
    """Return the folder of a quantized model, fetched if it is on the Hub."""
    if Path(location).is_dir():
        return Path(location)
    owner, _, rest = location.partition("/")
    repository, _, within = rest.partition("/")
    patterns = [f"{within}/{pattern}" for pattern in MODEL_FILES] if within else list(MODEL_FILES)
    repo_id = f"{owner}/{repository}"
    with fetching(repo_id, name):
        return Path(snapshot_download(repo_id, allow_patterns=patterns)) / within
