# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""What a student must be able to give where the Trainer compiles it or computes parts of it again."""

from __future__ import annotations

import torch
from accelerate.utils import DynamoBackend
from transformers import Trainer

from hf_distill.errors import InputError
from hf_distill.features.features import Needs
from hf_distill.features.inputs import has_adapter
from hf_distill.weighting import Weighting


def prepare_student(trainer: Trainer, needs: Needs, weighting: Weighting) -> None:
    """
    Check that what objectives ask for will come out of the student, and its gradient come back.

    Args:
        trainer ([`~transformers.Trainer`]): The trainer, before it trains.
        needs ([`Needs`]): What objectives ask for.
        weighting ([`Weighting`]): How the components of the loss are weighed.

    Raises:
        InputError: If it will not.
    """
    args, student = trainer.args, trainer.model
    reentrant = args.gradient_checkpointing and (args.gradient_checkpointing_kwargs or {}).get("use_reentrant")
    if reentrant and has_adapter(student):
        # Layers whose input has no gradient are thought to need none, and 5.x alone sees to that.
        student.enable_input_require_grads()
    plugin = trainer.accelerator.state.dynamo_plugin
    if plugin.backend == DynamoBackend.NO:
        return
    if weighting.reads_embeddings:
        raise InputError(
            "objective_weighting: gradient_norm measures gradients within the student, which is one piece with "
            "torch_compile; leave one of the two out"
        )
    if not needs.attention:
        return
    for field, given in (
        ("gradient_checkpointing", args.gradient_checkpointing or student.is_gradient_checkpointing),
        ("dynamo_use_regional_compilation", plugin.use_regional_compilation),
    ):
        if given:
            raise InputError(
                f"{field}: beside torch_compile no queries, keys and values come out of the student's layers; leave "
                "one of the two out"
            )
    # PyTorch takes what was compiled for another model of the class, whether or not it had the same hooks.
    torch.compiler.reset()
