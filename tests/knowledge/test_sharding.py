# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from accelerate import DistributedType
from torch.distributed.fsdp.wrap import size_based_auto_wrap_policy, transformer_auto_wrap_policy
from transformers import PreTrainedModel

from hf_distill.errors import InputError
from hf_distill.features.features import Needs
from hf_distill.knowledge.live import LiveTeacher
from hf_distill.knowledge.sharding import shard_teacher

BATCH = {"input_ids": torch.tensor([[1, 2, 3]])}


def accelerator(kind: DistributedType, **state: Any) -> SimpleNamespace:
    """What a teacher is placed with; the real one wants several processes."""
    return SimpleNamespace(distributed_type=kind, device=torch.device("cpu"), state=SimpleNamespace(**state))


def of_fsdp(version: int = 2) -> SimpleNamespace:
    plugin = SimpleNamespace(
        fsdp_version=version,
        reshard_after_forward=True,
        auto_wrap_policy=size_based_auto_wrap_policy,
        transformer_cls_names_to_wrap=["OfStudent"],
        mixed_precision_policy="of student",
    )
    return accelerator(DistributedType.FSDP, fsdp_plugin=plugin)


def of_deepspeed(stage: int, **config: Any) -> SimpleNamespace:
    config = {"zero_optimization": {"stage": stage}, **config}
    return accelerator(
        DistributedType.DEEPSPEED, deepspeed_plugin=SimpleNamespace(zero_stage=stage, deepspeed_config=config)
    )


class Engine(torch.nn.Module):
    """What DeepSpeed puts around a model."""

    def __init__(self, model: PreTrainedModel):
        super().__init__()
        self.module, self.calls = model, 0

    def forward(self, **inputs: Any) -> Any:
        self.calls += 1
        return self.module(**inputs)

    def eval(self) -> None:
        self.module.eval()


@pytest.fixture
def given_to_fsdp(monkeypatch: pytest.MonkeyPatch) -> list[SimpleNamespace]:
    """The plugins that Accelerate was given to shard models with."""
    plugins = []

    def prepare(accelerator: SimpleNamespace, model: PreTrainedModel) -> PreTrainedModel:
        plugins.append(accelerator.state.fsdp_plugin)
        accelerator.state.fsdp_plugin.auto_wrap_policy = "written by Accelerate"
        model.set_reshard_after_forward = lambda value: plugins.append(value)
        return model

    monkeypatch.setattr("accelerate.utils.fsdp_utils.fsdp2_prepare_model", prepare)
    return plugins


@pytest.fixture
def given_to_deepspeed(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The configurations that DeepSpeed was started with."""
    configs = []

    def initialize(model: PreTrainedModel, config: dict[str, Any]) -> tuple[Engine, None]:
        configs.append(config)
        return Engine(model), None

    monkeypatch.setitem(sys.modules, "deepspeed", SimpleNamespace(initialize=initialize))
    return configs


@pytest.mark.parametrize("kind", [DistributedType.NO, DistributedType.MULTI_GPU])
def test_a_teacher_beside_a_replicated_student_is_whole(kind: DistributedType, teacher: PreTrainedModel) -> None:
    assert shard_teacher(teacher, accelerator(kind)) is teacher


def test_fsdp_version_1_is_refused_in_a_line(teacher: PreTrainedModel) -> None:
    with pytest.raises(InputError, match=r"^fsdp: version 1 .*, set fsdp_version: 2$"):
        shard_teacher(teacher, of_fsdp(version=1))


def test_fsdp_cuts_the_teacher_at_its_own_layers(
    teacher: PreTrainedModel, given_to_fsdp: list[SimpleNamespace]
) -> None:
    shard_teacher(teacher, of_fsdp())
    assert given_to_fsdp[0].transformer_cls_names_to_wrap == ["BertLayer"]


def test_the_plugin_of_the_student_stays_as_it_was(
    teacher: PreTrainedModel, given_to_fsdp: list[SimpleNamespace]
) -> None:
    accelerator = of_fsdp()
    plugin, before = accelerator.state.fsdp_plugin, dict(vars(accelerator.state.fsdp_plugin))
    shard_teacher(teacher, accelerator)
    assert accelerator.state.fsdp_plugin is plugin
    assert vars(plugin) == before


def test_the_teacher_computes_in_its_own_precision(
    teacher: PreTrainedModel, given_to_fsdp: list[SimpleNamespace]
) -> None:
    shard_teacher(teacher, of_fsdp())
    assert given_to_fsdp[0].mixed_precision_policy is None


def test_what_belongs_to_no_layer_is_given_back_after_a_forward(
    teacher: PreTrainedModel, given_to_fsdp: list[Any]
) -> None:
    shard_teacher(teacher, of_fsdp())
    assert given_to_fsdp[1] is True


def test_a_teacher_whose_layers_are_not_found_is_one_piece(
    teacher: PreTrainedModel, given_to_fsdp: list[SimpleNamespace]
) -> None:
    teacher.config.num_hidden_layers = 7
    shard_teacher(teacher, of_fsdp())
    assert given_to_fsdp[0].transformer_cls_names_to_wrap == ["OfStudent"]
    assert given_to_fsdp[0].auto_wrap_policy is not transformer_auto_wrap_policy


def test_a_sharded_teacher_is_frozen(teacher: PreTrainedModel, given_to_fsdp: list[SimpleNamespace]) -> None:
    shard_teacher(teacher, of_fsdp())
    assert not any(parameter.requires_grad for parameter in teacher.parameters())
    assert not teacher.training


@pytest.mark.parametrize("stage", [1, 2])
def test_a_teacher_beside_lower_stages_is_whole(
    stage: int, teacher: PreTrainedModel, given_to_deepspeed: list[dict[str, Any]]
) -> None:
    assert shard_teacher(teacher, of_deepspeed(stage)) is teacher
    assert not given_to_deepspeed


def test_deepspeed_is_told_nothing_of_training(
    teacher: PreTrainedModel, given_to_deepspeed: list[dict[str, Any]]
) -> None:
    options = {"optimizer": {"type": "AdamW"}, "scheduler": {}, "train_batch_size": 8, "gradient_clipping": "auto"}
    accelerator = of_deepspeed(3, **options, bf16={"enabled": True}, steps_per_print=5)
    accelerator.state.deepspeed_plugin.deepspeed_config["zero_optimization"]["reduce_bucket_size"] = "auto"
    shard_teacher(teacher, accelerator)
    assert given_to_deepspeed == [
        {"zero_optimization": {"stage": 3}, "steps_per_print": 5, "train_micro_batch_size_per_gpu": 1}
    ]


def test_the_configuration_of_the_student_stays_as_it_was(
    teacher: PreTrainedModel, given_to_deepspeed: list[dict[str, Any]]
) -> None:
    accelerator = of_deepspeed(3, optimizer={"type": "AdamW"})
    accelerator.state.deepspeed_plugin.deepspeed_config["zero_optimization"]["offload_optimizer"] = {"device": "cpu"}
    shard_teacher(teacher, accelerator)
    assert accelerator.state.deepspeed_plugin.deepspeed_config == {
        "zero_optimization": {"stage": 3, "offload_optimizer": {"device": "cpu"}},
        "optimizer": {"type": "AdamW"},
    }
    assert "offload_optimizer" not in given_to_deepspeed[0]["zero_optimization"]


def test_the_teacher_is_called_through_what_deepspeed_puts_around_it(
    teacher: PreTrainedModel, given_to_deepspeed: list[dict[str, Any]]
) -> None:
    needs = Needs(logits=True, hidden_states=frozenset({1}), attention=frozenset({2}))
    expected, live = LiveTeacher(teacher)(BATCH, needs), LiveTeacher(teacher)
    live.place(of_deepspeed(3))
    knowledge = live(BATCH, needs)
    assert live._called.calls == 1
    assert knowledge.logits.equal(expected.logits)
    assert knowledge.hidden_states[1].equal(expected.hidden_states[1])
    assert knowledge.attention[2].query.equal(expected.attention[2].query)
