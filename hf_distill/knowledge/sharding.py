# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""A teacher that is too large for one device, in pieces over the processes, as the student is."""

from __future__ import annotations

import copy
from contextlib import suppress
from typing import Any

from accelerate import Accelerator, DistributedType
from torch import nn
from transformers import PreTrainedModel

from hf_distill.errors import InputError
from hf_distill.features.layers import layer_calls

OF_STUDENT = frozenset({
    "optimizer", "scheduler", "gradient_accumulation_steps", "gradient_clipping", "train_batch_size",
    "train_micro_batch_size_per_gpu", "bf16", "fp16",
})  # fmt: skip
"""What a configuration of DeepSpeed says of training and of what is computed in, where the teacher has its own way."""


def shard_teacher(model: PreTrainedModel, accelerator: Accelerator) -> nn.Module:
    """
    Put a teacher where the processes need it: in pieces if the student is trained so, else whole on each device.

    Under FSDP (version 2) and DeepSpeed ZeRO-3 each process keeps its share of every weight, and a layer is put
    together while it computes. The teacher is cut at its own layers, whatever the student is cut at, and is frozen; it
    computes in what it would compute in if it was whole.

    Args:
        model ([`~transformers.PreTrainedModel`]): The teacher. It is changed in place.
        accelerator ([`~accelerate.Accelerator`]): What the student is trained with.

    Returns:
        `torch.nn.Module`: What to call: the teacher, or what DeepSpeed puts around it.

    Raises:
        InputError: If the student is trained with FSDP version 1.
    """
    if accelerator.distributed_type == DistributedType.FSDP:
        if accelerator.state.fsdp_plugin.fsdp_version != 2:
            raise InputError("fsdp: version 1 has no place for a teacher beside the student, set fsdp_version: 2")
        return _shard_with_fsdp(model.requires_grad_(False), accelerator)
    if accelerator.distributed_type == DistributedType.DEEPSPEED:
        plugin = accelerator.state.deepspeed_plugin
        if plugin.zero_stage == 3:
            return _shard_with_deepspeed(model.requires_grad_(False), plugin.deepspeed_config)
    return model.to(accelerator.device)


def _shard_with_fsdp(model: PreTrainedModel, accelerator: Accelerator) -> nn.Module:
    from accelerate.utils.fsdp_utils import fsdp2_prepare_model
    from torch.distributed.fsdp.wrap import transformer_auto_wrap_policy

    state = accelerator.state
    of_student = state.fsdp_plugin
    # Accelerate writes the names of the layers of the model at hand into the plugin, and reads them there.
    plugin = copy.copy(of_student)
    plugin.mixed_precision_policy = plugin.auto_wrap_policy = None
    # A teacher whose layers are not found computes in one piece.
    with suppress(InputError):
        plugin.transformer_cls_names_to_wrap = sorted({type(layer).__name__ for layer, _ in layer_calls(model)})
        plugin.auto_wrap_policy = transformer_auto_wrap_policy
    state.fsdp_plugin = plugin
    try:
        model = fsdp2_prepare_model(accelerator, model)
    finally:
        state.fsdp_plugin = of_student
    # What belongs to no layer would stay whole from the first forward on, to wait for a backward that never comes.
    model.set_reshard_after_forward(plugin.reshard_after_forward)
    return model


def _shard_with_deepspeed(model: PreTrainedModel, config: dict[str, Any]) -> nn.Module:
    import deepspeed

    config = _settled({name: value for name, value in config.items() if name not in OF_STUDENT})
    config["zero_optimization"].pop("offload_optimizer", None)
    # DeepSpeed wants a number, and nothing comes of it where nothing is trained.
    config["train_micro_batch_size_per_gpu"] = 1
    engine = deepspeed.initialize(model=model, config=config)[0]
    # DeepSpeed returns nothing of it.
    engine.eval()
    return engine


def _settled(config: dict[str, Any]) -> dict[str, Any]:
    """Return a copy without what is still `"auto"`, for which DeepSpeed has defaults."""
    return {
        name: _settled(value) if isinstance(value, dict) else copy.copy(value)
        for name, value in config.items()
        if value != "auto"
    }
