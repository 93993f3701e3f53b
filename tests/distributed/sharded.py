# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""
Trains with a teacher in pieces, or with student and teacher in pieces, as a script that each process runs.

Its arguments are a folder and what to train: `whole` models, models in `pieces`, in pieces with `deepspeed`, or as the
launcher says (`launched`).
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from accelerate import DistributedType, FullyShardedDataParallelPlugin, PartialState
from recorded import make_rows, make_teacher, pad
from safetensors.torch import save_file
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor
from transformers import BertConfig, BertForSequenceClassification, PretrainedConfig, PreTrainedModel

from hf_distill import DistillationTrainer, DistillationTrainingArguments
from hf_distill.features.whole import whole_state

GLOBAL_BATCH = 4
STEPS = 6
CASES: dict[str, dict[str, Any]] = {
    "all": {"objectives": ["logits_kl", "hidden_mse", "minilm"]},
    # Nothing needs what the last layer returns, but what is inside of it.
    "inside": {"objectives": ["minilm"]},
    "uncertainty": {"objectives": ["logits_kl", "hidden_mse"], "objective_weighting": "uncertainty"},
    "gradient norm": {"objectives": ["logits_kl", "hidden_mse"], "objective_weighting": "gradient_norm"},
}
"""What is trained, by name."""
ZERO = {
    "zero_optimization": {
        "stage": 3,
        # Nothing is small enough to be kept whole.
        "stage3_param_persistence_threshold": 0,
        "stage3_gather_16bit_weights_on_model_save": True,
    },
    "zero_allow_untested_optimizer": True,
    "train_batch_size": "auto",
    "train_micro_batch_size_per_gpu": "auto",
    "gradient_accumulation_steps": "auto",
    "gradient_clipping": "auto",
}
"""What DeepSpeed is told."""


class ShardingTrainer(DistillationTrainer):
    """Shards with FSDP where there is no GPU, which Accelerate leaves alone."""

    def create_accelerator_and_postprocess(self) -> None:
        super().create_accelerator_and_postprocess()
        state = self.accelerator.state
        state.distributed_type = PartialState().distributed_type = DistributedType.FSDP
        state.fsdp_plugin = FullyShardedDataParallelPlugin(
            fsdp_version=2,
            auto_wrap_policy="transformer_based_wrap",
            transformer_cls_names_to_wrap=["BertLayer"],
            state_dict_type="full_state_dict",
            cpu_ram_efficient_loading=False,
        )
        self.is_fsdp_enabled = True


def sharded_teacher() -> PreTrainedModel:
    teacher = make_teacher()
    mesh = init_device_mesh("cpu", (torch.distributed.get_world_size(),))
    for layer in teacher.bert.encoder.layer:
        fully_shard(layer, mesh=mesh)
    return fully_shard(teacher, mesh=mesh, reshard_after_forward=True)


def make_student(teacher: PretrainedConfig) -> PreTrainedModel:
    """Half as deep and half as wide, with as many attention heads."""
    torch.manual_seed(1)
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "intermediate_size": 32}
    return BertForSequenceClassification(BertConfig(**{**teacher.to_dict(), **sizes}))


def pieces(module: torch.nn.Module) -> tuple[int, int]:
    """Return the number of elements that this process has in pieces, and that of all."""
    own = total = 0
    for parameter in module.parameters():
        if isinstance(parameter, DTensor):
            own += parameter.to_local().numel()
        elif hasattr(parameter, "ds_tensor"):
            own += parameter.ds_tensor.numel()
        total += getattr(parameter, "ds_numel", parameter.numel())
    return own, total


def train(
    folder: Path,
    case: str,
    trainer_class: type[DistillationTrainer] = DistillationTrainer,
    get_teacher: Callable[[], PreTrainedModel] = make_teacher,
    checkpoint: Path | None = None,
    **options: Any,
) -> None:
    """Write the losses of every step, the final weights, how they lay on the processes, and the saved model."""
    processes = int(os.environ.get("WORLD_SIZE", 1))
    arguments = DistillationTrainingArguments(
        output_dir=str(folder),
        per_device_train_batch_size=GLOBAL_BATCH // processes // 2,
        gradient_accumulation_steps=2,
        per_device_eval_batch_size=GLOBAL_BATCH // processes,
        max_steps=STEPS,
        learning_rate=0.01,
        adam_epsilon=1e-5,
        logging_steps=1,
        save_steps=STEPS // 2,
        eval_strategy="steps",
        eval_steps=STEPS // 2,
        report_to=[],
        disable_tqdm=True,
        **{"use_cpu": True, **CASES[case], **options},
    )
    teacher, rows = get_teacher(), make_rows()
    student = make_student(teacher.config)
    trainer = trainer_class(
        student,
        teacher,
        arguments,
        train_dataset=rows.remove_columns("labels") if case == "inside" else rows,
        eval_dataset=rows,
        data_collator=pad,
    )
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    folder.mkdir(exist_ok=True)
    found = {"student": pieces(student), "teacher": pieces(teacher), "projections": pieces(trainer.projections)}
    (folder / f"pieces_{trainer.args.process_index}.json").write_text(json.dumps(found))
    weights = whole_state(trainer.accelerator.unwrap_model(trainer.model))
    if trainer.is_world_process_zero():
        (folder / "log.json").write_text(json.dumps(trainer.state.log_history))
        save_file({name: weight.contiguous() for name, weight in weights.items()}, folder / "weights.safetensors")
    trainer.save_model(str(folder / "saved"))
    trainer.accelerator.wait_for_everyone()


def train_whole(folder: Path) -> None:
    for case in CASES:
        train(folder / "whole" / case, case)


def train_in_pieces(folder: Path) -> None:
    for case in ("all", "gradient norm"):
        train(folder / "teacher" / case, case, get_teacher=sharded_teacher)
    for case in CASES:
        train(folder / "fsdp" / case, case, ShardingTrainer)
    middle = folder / "fsdp" / "all" / f"checkpoint-{STEPS // 2}"
    train(folder / "fsdp" / "resumed", "all", ShardingTrainer, checkpoint=middle)


def train_with_deepspeed(folder: Path) -> None:
    # Accelerate takes DeepSpeed's processes for replicas where it is told to use the CPU.
    os.environ.pop("ACCELERATE_USE_CPU", None)
    os.environ["DS_ACCELERATOR"] = "cpu"
    for case in ("all", "inside", "uncertainty"):
        train(folder / "deepspeed" / case, case, deepspeed=ZERO)
    middle = folder / "deepspeed" / "all" / f"checkpoint-{STEPS // 2}"
    train(folder / "deepspeed" / "resumed", "all", checkpoint=middle, deepspeed=ZERO)


def train_as_launched(folder: Path) -> None:
    train(folder / "launched", "all", use_cpu=False)


TRAININGS = {
    "whole": train_whole,
    "pieces": train_in_pieces,
    "deepspeed": train_with_deepspeed,
    "launched": train_as_launched,
}

if __name__ == "__main__":
    torch.set_num_threads(1)
    TRAININGS[sys.argv[2]](Path(sys.argv[1]))
    PartialState().destroy_process_group()
