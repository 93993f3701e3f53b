# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""What a trainer settles once objectives, student, teacher and data are known."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

import torch
from accelerate.utils import DynamoBackend, TorchDynamoPlugin
from transformers import PreTrainedModel, Trainer, TrainingArguments

from hf_distill.errors import InputError
from hf_distill.features.features import Needs
from hf_distill.features.inputs import has_adapter
from hf_distill.features.projections import Projections
from hf_distill.features.resemblance import most_alike, resemblance
from hf_distill.features.vocabulary import OutputLayer
from hf_distill.knowledge.live import LiveTeacher
from hf_distill.knowledge.recorded import RecordedTeacher, choose_recorded_layers
from hf_distill.knowledge.source import KnowledgeSource
from hf_distill.objectives import LayersObjective, Objective
from hf_distill.weighting import Weighting

logger = logging.getLogger(__name__)

SAMPLE = 256
"""Rows on which a layer map is measured."""


def measure_layer_maps(
    objectives: Sequence[Objective],
    student: PreTrainedModel,
    teacher: KnowledgeSource,
    rows: Any,
    collator: Callable,
    batch_size: int,
) -> None:
    """
    Choose the layers of objectives whose layer map is `"auto"`, on the first rows of the training data.

    Args:
        objectives (`Sequence[Objective]`): All objectives; those with another layer map are left alone.
        student ([`~transformers.PreTrainedModel`]): The student.
        teacher ([`KnowledgeSource`]): The teacher; one that runs, or a recording that was made with the layer map.
        rows (`Dataset` or a list): The training data.
        collator (`Callable`): Makes a batch.
        batch_size (`int`): Rows in a batch.

    Raises:
        InputError: If there is nothing to measure with.
    """
    choosing = [entry for entry in objectives if isinstance(entry, LayersObjective) and entry.chooses_layers]
    if not choosing:
        return
    if isinstance(teacher, RecordedTeacher):
        return choose_recorded_layers(choosing, teacher.layer_maps)
    owner = f"objective {choosing[0].name}: layers auto needs"
    if not isinstance(teacher, LiveTeacher):
        raise InputError(f"{owner} a teacher that runs; give pairs of layers")
    if not hasattr(rows, "__len__"):
        raise InputError(f"{owner} a train_dataset with rows; give pairs of layers")
    sample = [rows[row] for row in range(min(SAMPLE, len(rows)))]
    batches = [collator(sample[first : first + batch_size]) for first in range(0, len(sample), batch_size)]
    alignment = resemblance(student, teacher.model, batches)
    pairs = most_alike(alignment)
    found = ", ".join(f"{own} from {other} ({alignment[own - 1, other - 1]:.2f})" for own, other in pairs)
    logger.warning("Layer map measured on %d rows, student from teacher (alignment): %s", len(sample), found)
    for objective in choosing:
        objective.choose_layers(pairs)


def check_one_device_a_process(needs: Needs, devices: int) -> None:
    """
    Check that no module is copied to several devices of one process, where what hooks record would be mixed up.

    Args:
        needs ([`Needs`]): What objectives ask for.
        devices (`int`): Devices that this process trains on.

    Raises:
        InputError: If hooks record and modules are copied.
    """
    if devices > 1 and needs.attention:
        raise InputError(
            "objectives: those on queries, keys and values need a process for each GPU; start the script with "
            "accelerate launch"
        )


def check_gradients_at_hand(weighting: Weighting, deepspeed: bool, compiled: bool) -> None:
    """
    Check that gradients within the student can be asked for outside of the step's own backward pass, where they are.

    Args:
        weighting ([`Weighting`]): How the components of the loss are weighed.
        deepspeed (`bool`): Whether DeepSpeed runs the backward pass.
        compiled (`bool`): Whether the student is compiled.

    Raises:
        InputError: If not.
    """
    if deepspeed and weighting.reads_embeddings:
        raise InputError(
            "objective_weighting: gradient_norm does not work with DeepSpeed; choose uncertainty or fixed"
        )
    if compiled and weighting.reads_embeddings:
        raise InputError(
            "objective_weighting: gradient_norm measures gradients within the student, which is one piece with "
            "torch_compile; leave one of the two out"
        )


def prepare_student(
    student: torch.nn.Module, args: TrainingArguments, needs: Needs, compiler: TorchDynamoPlugin
) -> None:
    """
    See to it that what objectives ask for comes out of a student that is compiled or computes parts of it again.

    Args:
        student (`torch.nn.Module`): The student, before the Trainer wraps it.
        args ([`~transformers.TrainingArguments`]): The training arguments.
        needs ([`Needs`]): What objectives ask for.
        compiler (`TorchDynamoPlugin`): How Accelerate compiles the student, if it does.

    Raises:
        InputError: If it will not.
    """
    reentrant = args.gradient_checkpointing and (args.gradient_checkpointing_kwargs or {}).get("use_reentrant")
    if reentrant and has_adapter(student):
        # Layers whose input has no gradient are thought to need none, and 5.x alone sees to that.
        student.enable_input_require_grads()
    if compiler.backend == DynamoBackend.NO or not needs.attention:
        return
    for field, given in (
        ("gradient_checkpointing", args.gradient_checkpointing or student.is_gradient_checkpointing),
        ("dynamo_use_regional_compilation", compiler.use_regional_compilation),
    ):
        if given:
            raise InputError(
                f"{field}: beside torch_compile no queries, keys and values come out of the student's layers; leave "
                "one of the two out"
            )
    # PyTorch takes what was compiled for another model of the class, whether or not it had the same hooks.
    torch.compiler.reset()


def output_layer_of(student: torch.nn.Module, trainer: Trainer) -> OutputLayer | None:
    """
    Return the layer that makes the student's logits of a vocabulary, if they may be made of a few tokens at a time.

    Args:
        student (`torch.nn.Module`): The student, before the Trainer wraps it.
        trainer ([`~transformers.Trainer`]): Its trainer.

    Returns:
        [`OutputLayer`], *optional*: The layer. `None` where there is no such head, where the task loss is not the
        head's own, where the layer's weights lie in pieces on several processes, and where what a hook does is lost.
    """
    own_loss = trainer.label_smoother is None and trainer.compute_loss_func is None
    in_pieces = trainer.is_fsdp_enabled or trainer.is_deepspeed_enabled
    compiled = trainer.accelerator.state.dynamo_plugin.backend != DynamoBackend.NO
    if not own_loss or in_pieces or compiled or trainer.args.n_gpu > 1 or trainer.label_names != ["labels"]:
        return None
    return OutputLayer.of(student.get_base_model() if has_adapter(student) else student)


def group_apart(optimizer: torch.optim.Optimizer, projections: Projections, learning_rate: float | None) -> None:
    """Give what is learned beside the student its own learning rate, and weights of components no decay."""
    beside = {id(parameter) for parameter in projections.parameters()}
    undecayed = {id(parameter) for parameter in projections.weighting.parameters()}
    for group in list(optimizer.param_groups):
        apart = [parameter for parameter in group["params"] if id(parameter) in beside]
        group["params"] = [parameter for parameter in group["params"] if id(parameter) not in beside]
        options = {name: value for name, value in group.items() if name != "params"}
        if learning_rate is not None:
            options["lr"] = learning_rate
        for decayed in (True, False):
            chosen = [parameter for parameter in apart if (id(parameter) not in undecayed) == decayed]
            if chosen:
                decay = {} if decayed else {"weight_decay": 0.0}
                optimizer.add_param_group({**options, **decay, "params": chosen})


def special_ids(objectives: Sequence[Objective], tokenizer: Any) -> list[int]:
    """Return the ids of the tokens that are no content: [CLS], [SEP] and their like, but no mask or unknown word.

    Raises:
        InputError: If an objective asks for content and there is no tokenizer that tells.
    """
    if not any(getattr(objective, "tokens", None) == "content" for objective in objectives):
        return []
    if not hasattr(tokenizer, "all_special_ids"):
        raise InputError("processing_class: tokens: content needs the tokenizer, which knows the special tokens")
    words = {tokenizer.mask_token_id, tokenizer.unk_token_id}
    return sorted(set(tokenizer.all_special_ids) - words)
