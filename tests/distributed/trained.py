# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Trains the same student in every way that a user may choose, as a script that each process runs."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch
from recorded import make_rows, make_teacher, pad
from safetensors.torch import save_file

from hf_distill import DistillationTrainer, DistillationTrainingArguments, build_student, record_knowledge
from hf_distill.processes import leave_processes, processes

STEPS = 6
ROWS = 24
"""Full batches, since Accelerate fills the last one of several processes up with rows from the beginning."""
OBJECTIVES = ["logits_kl", "hidden_mse"]
CASES: dict[str, dict[str, Any]] = {
    "live": {},
    "recorded": {},
    "from teacher": {"projection_direction": "teacher_to_student"},
    "relations": {"objectives": ["logits_kl", "hidden_mse", "minilm_v2"]},
    "uncertainty": {"objective_weighting": "uncertainty"},
    "gradient norm": {"objective_weighting": "gradient_norm"},
    # Where nothing asks for the logits, the head gets no gradient.
    "no head": {"objectives": ["hidden_mse"], "task_weight": 0.0},
    "an objective that ends": {
        "objectives": ["logits_kl", {"name": "hidden_mse", "weight": {"schedule": "constant", "stop_at_step": 3}}]
    },
}
"""The arguments of the trainings."""


def train(name: str, folder: Path, recording: Path, batch: int, accumulation: int) -> None:
    """Write the losses of every step and the final weights."""
    teacher = make_teacher()
    student = build_student(teacher, num_hidden_layers=2, hidden_size=16)
    arguments = DistillationTrainingArguments(
        output_dir=str(folder / name),
        per_device_train_batch_size=batch,
        gradient_accumulation_steps=accumulation,
        max_steps=STEPS,
        learning_rate=0.01,
        # Where a gradient is zero but for rounding, Adam must not make a large step of it.
        adam_epsilon=1e-5,
        logging_steps=1,
        save_strategy="no",
        report_to=[],
        use_cpu=True,
        disable_tqdm=True,
        **{"objectives": OBJECTIVES, **CASES[name]},
    )
    source = recording if name == "recorded" else teacher
    trainer = DistillationTrainer(student, source, arguments, train_dataset=make_rows(ROWS), data_collator=pad)
    trainer.train()
    weights = trainer.accelerator.unwrap_model(trainer.model).state_dict()
    rank = trainer.args.process_index
    save_file({key: weight.contiguous() for key, weight in weights.items()}, folder / f"{name}.{rank}.safetensors")
    if rank == 0:
        lines = [line for line in trainer.state.log_history if "loss" in line]
        losses = [{key: line[key] for key in line if key.startswith("loss")} for line in lines]
        (folder / f"{name}.json").write_text(json.dumps(losses))


if __name__ == "__main__":
    torch.set_num_threads(1)
    folder, batch, accumulation = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    teacher = make_teacher()
    recording = record_knowledge(
        teacher_model=teacher,
        train_dataset=make_rows(ROWS),
        objectives=OBJECTIVES,
        output_dir=folder / "recording",
        student_config=build_student(teacher, num_hidden_layers=2, hidden_size=16).config,
        data_collator=pad,
        compression="fp32",
        batch_size=4,
    )
    for case in CASES:
        train(case, folder, recording, batch, accumulation)
    (folder / f"processes_{processes().num_processes}").touch()
    leave_processes()
