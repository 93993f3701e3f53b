# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""The only file that knows transformers versions."""

from __future__ import annotations

import os
from typing import Any

import torch
import transformers
from packaging.version import Version
from transformers import PreTrainedModel, Trainer, TrainingArguments

TRANSFORMERS = Version(transformers.__version__)
TRANSFORMERS_5 = Version("5.0.0.dev0") <= TRANSFORMERS


IMAGES_WITH_PIL: dict[str, Any] = {"backend": "pil"} if TRANSFORMERS_5 else {"use_fast": False}
"""What `AutoImageProcessor.from_pretrained` is told to load what needs no torchvision."""

WEIGHTS_BY_THEIR_NAMES: dict[str, Any] = {"save_original_format": False} if TRANSFORMERS_5 else {}
"""
What `save_pretrained` is told to write weights under the names that the modules have. 5.x gives those of some
architectures, such as ViT, the names of older versions, which `from_pretrained` alone translates back.
"""

GRADIO = "6.31.0" if TRANSFORMERS_5 else "6.15.2"
"""The version of Gradio that goes with the huggingface_hub that transformers needs."""

_LEFT_BEHIND = ("ACCELERATE_MIXED_PRECISION", "ACCELERATE_DYNAMO_")
_LAUNCHED = {name for name in os.environ if name.startswith(_LEFT_BEHIND)}


def forget_earlier_arguments() -> None:
    """
    Undo what earlier training arguments of this process said of mixed precision and compilation.

    4.57 leaves `bf16=True` and `torch_compile=True` behind in the environment, where the next trainer finds them. What
    a launcher set stays.
    """
    for name in [name for name in os.environ if name.startswith(_LEFT_BEHIND) and name not in _LAUNCHED]:
        del os.environ[name]


def last_state_is_the_models(model: PreTrainedModel) -> bool:
    """
    Say whether the last of a model's hidden states is what the model returns, and not what its last layer returns.

    Some models have a norm between the two: 4.57 never counts it, 5.x does in models of text. In every version it
    counts where a model of text has no head, and is there for what it returns.
    """
    return model.main_input_name == "input_ids" and (TRANSFORMERS_5 or model.base_model is model)


def accumulation_divisor(trainer: Trainer) -> int:
    """
    Return what `Trainer.training_step` will divide the loss of `compute_loss` by.

    A loss that is already divided by the counts of the whole accumulated batch must be multiplied by this number.
    From 5.19 the class attribute `loss_is_scaled_for_ga` switches the division off; 4.57 divides unless there is a
    `compute_loss_func`.

    Args:
        trainer ([`~transformers.Trainer`]): The trainer, with `model_accepts_loss_kwargs` set to `False`.
    """
    if TRANSFORMERS_5 or trainer.compute_loss_func is not None:
        return 1
    # 4.57 sets it with the first step, so a compute_loss of one's own before that finds none.
    return getattr(trainer, "current_gradient_accumulation_steps", 1)


def write_tensorboard_to(args: TrainingArguments, folder: str) -> None:
    """
    Say where TensorBoard's events go; by default they lie among the checkpoints.

    Args:
        args ([`~transformers.TrainingArguments`]): The training arguments.
        folder (`str`): The folder.
    """
    if TRANSFORMERS_5:
        os.environ["TENSORBOARD_LOGGING_DIR"] = folder
    else:
        args.logging_dir = folder


def forget_processor_number(args: TrainingArguments) -> None:
    """
    Call the processor of one of several processes `cpu`.

    Accelerate calls it `cpu:0`, to which PyTorch cannot load an optimizer's state, so no such training can be resumed.

    Args:
        args ([`~transformers.TrainingArguments`]): The training arguments.
    """
    if args.device.type == "cpu" and args.device.index is not None:
        # 4.57 and 5.x keep the device under different names.
        kept = next(name for name in ("__cached__setup_devices", "_setup_devices") if name in vars(args))
        vars(args)[kept] = torch.device("cpu")


def checkpoint_as_in_5(args: TrainingArguments) -> None:
    """
    Make gradient checkpointing what it is in 5.x, unless the arguments say `use_reentrant` themselves.

    4.57 has `use_reentrant=True`, which loses the gradient of what is taken from within layers, and of all layers if
    the embeddings are frozen.

    Args:
        args ([`~transformers.TrainingArguments`]): The arguments, which are changed.
    """
    if not TRANSFORMERS_5 and args.gradient_checkpointing:
        args.gradient_checkpointing_kwargs = {"use_reentrant": False, **(args.gradient_checkpointing_kwargs or {})}


def rotate_checkpoints(trainer: Trainer, folder: str) -> None:
    """
    Remove the oldest checkpoints beyond `save_total_limit`.

    Args:
        trainer ([`~transformers.Trainer`]): The trainer.
        folder (`str`): The folder of its checkpoints.
    """
    if TRANSFORMERS_5:
        from transformers.trainer_utils import rotate_checkpoints as rotate

        limit, best = trainer.args.save_total_limit, trainer.state.best_model_checkpoint
        rotate(output_dir=folder, save_total_limit=limit, best_model_checkpoint=best, use_mtime=True)
    else:
        trainer._rotate_checkpoints(use_mtime=True, output_dir=folder)


def announce_push(trainer: Trainer) -> None:
    """
    Tell a trainer's callbacks that something is about to be published; 4.57 has no such event.

    Args:
        trainer ([`~transformers.Trainer`]): The trainer.
    """
    if TRANSFORMERS_5:
        trainer.callback_handler.on_push_begin(trainer.args, trainer.state, trainer.control)


def bf16_is_fast() -> bool:
    """Say whether this machine's GPU, or else its processor, has instructions for bf16."""
    if torch.cuda.is_available():
        return torch.cuda.is_bf16_supported(including_emulation=False)
    # PyTorch tells what the processor can do only in newer versions.
    capabilities = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def draw_weights_anew(model: PreTrainedModel, part: torch.nn.Module) -> None:
    """
    Give a part of a model fresh random weights, as if no checkpoint had been loaded.

    Args:
        model ([`~transformers.PreTrainedModel`]): The model, which knows how its weights are drawn.
        part (`torch.nn.Module`): A part of it.
    """
    # 5.x leaves alone what is marked as loaded.
    for marked in (*part.modules(), *part.parameters()):
        marked._is_hf_initialized = False
    part.apply(model._init_weights)
    # 4.57 draws ModernBERT's heads when it comes to the model that has them.
    model._init_weights(model)


def training_fields(options: dict[str, Any]) -> dict[str, Any]:
    """
    Translate training options that one version knows and the other does not.

    Args:
        options (`dict[str, Any]`): Options as a recipe has them: `warmup_ratio` and `group_by_length` are accepted on
            every version, and `bf16` may be `"auto"`: where it is fast.

    Returns:
        `dict[str, Any]`: Options of the installed [`~transformers.TrainingArguments`].
    """
    options = dict(options)
    if options.get("bf16") == "auto":
        options["bf16"] = bf16_is_fast()
    if options.get("bf16") and not torch.accelerator.is_available():
        # A processor computes in bf16 as well, but is refused unless it is asked for by name.
        options.setdefault("use_cpu", True)
    if TRANSFORMERS_5:
        if "warmup_ratio" in options:
            options["warmup_steps"] = float(options.pop("warmup_ratio"))
        if "group_by_length" in options:
            grouped = options.pop("group_by_length")
            options["train_sampling_strategy"] = "group_by_length" if grouped else "random"
    return options


OLD_TRAINING_FIELDS = frozenset({"warmup_ratio", "group_by_length"})
"""Training options of 4.57 that `training_fields` translates for 5.x."""
