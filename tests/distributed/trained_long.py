# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""A user's own script: trains, or goes on from the newest checkpoint, and saves the student."""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from recorded import make_rows, make_teacher, pad

from hf_distill import DistillationTrainer, DistillationTrainingArguments, build_student

if __name__ == "__main__":
    torch.set_num_threads(1)
    folder = Path(sys.argv[1])
    teacher = make_teacher()
    arguments = DistillationTrainingArguments(
        output_dir=str(folder),
        objectives=["logits_kl", "hidden_mse"],
        per_device_train_batch_size=4,
        max_steps=200,
        save_steps=20,
        report_to=[],
        use_cpu=True,
        disable_tqdm=True,
    )
    student = build_student(teacher, num_hidden_layers=2, hidden_size=16)
    trainer = DistillationTrainer(student, teacher, arguments, train_dataset=make_rows(), data_collator=pad)
    trainer.train(resume_from_checkpoint=bool(list(folder.glob("checkpoint-*"))))
    trainer.save_model(str(folder / "final"))
    trainer.accelerator.end_training()
