# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Tests of what survives when a training breaks: checkpoints, SIGTERM, and a memory that is too small."""

from __future__ import annotations

import copy
import os
import pickle
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import PreTrainedModel, TrainerCallback

from hf_distill import DistillationTrainer
from hf_distill.checkpoints import damage_of_checkpoint, seal
from hf_distill.durable_trainer import DurableTrainer
from hf_distill.errors import InputError, Preempted

OBJECTIVES = ["logits_mse", "hidden_mse"]


class AtStep(TrainerCallback):
    """Does something once, at the beginning of a step."""

    def __init__(self, step: int, action: Callable[[], None]):
        self.step, self.action = step, action

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step == self.step:
            self.action()


def interrupt() -> None:
    raise KeyboardInterrupt


def weights_of(trainer: DistillationTrainer) -> dict[str, torch.Tensor]:
    return {name: weight.clone() for name, weight in trainer.model.state_dict().items()}


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.fixture
def train(
    make_trainer: Callable[..., DistillationTrainer], narrow_student: PreTrainedModel, teacher: PreTrainedModel
) -> Callable[..., DistillationTrainer]:
    """Build a trainer of 6 steps with a checkpoint after every second, always from the same student."""

    def make(step: int | None = None, action: Callable[[], None] = interrupt, **options: Any) -> DistillationTrainer:
        settings = {"max_steps": 6, "save_strategy": "steps", "save_steps": 2, "objectives": OBJECTIVES, **options}
        callbacks = [] if step is None else [AtStep(step, action)]
        return make_trainer(copy.deepcopy(narrow_student), teacher, callbacks=callbacks, **settings)

    return make


def checkpoints(trainer: DistillationTrainer) -> list[str]:
    return sorted(os.listdir(trainer.args.output_dir))


def test_every_checkpoint_is_whole_and_nothing_is_left_aside(train: Callable[..., DistillationTrainer]) -> None:
    trainer = train()
    trainer.train()
    assert checkpoints(trainer) == ["checkpoint-2", "checkpoint-4", "checkpoint-6"]
    for name in checkpoints(trainer):
        assert damage_of_checkpoint(Path(trainer.args.output_dir) / name) is None


def test_old_checkpoints_go_when_the_new_one_is_whole(
    train: Callable[..., DistillationTrainer], monkeypatch: pytest.MonkeyPatch
) -> None:
    present = []
    move = DurableTrainer._save_rng_state
    trainer = train(save_total_limit=1)

    def watching(self: Any, folder: str) -> None:
        present.append(checkpoints(trainer))
        move(self, folder)

    monkeypatch.setattr(DurableTrainer, "_save_rng_state", watching)
    trainer.train()
    assert present == [[".partial"], [".partial", "checkpoint-2"], [".partial", "checkpoint-4"]]
    assert checkpoints(trainer) == ["checkpoint-6"]


def test_a_checkpoint_that_cannot_be_finished_is_never_seen(
    train: Callable[..., DistillationTrainer], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Any, folder: str) -> None:
        raise OSError("No space left on device")

    trainer = train(save_total_limit=1)
    monkeypatch.setattr(DurableTrainer, "_save_rng_state", full)
    with pytest.raises(OSError, match="No space left"):
        trainer.train()
    assert checkpoints(trainer) == [".partial"]
    monkeypatch.undo()
    trainer = train()
    trainer.train()
    assert checkpoints(trainer) == ["checkpoint-2", "checkpoint-4", "checkpoint-6"]


@pytest.mark.parametrize("weighting", ["fixed", "uncertainty", "gradient_norm"])
def test_a_resumed_training_ends_as_an_undisturbed_one(
    weighting: str, train: Callable[..., DistillationTrainer], teacher: PreTrainedModel
) -> None:
    options = {
        "objective_weighting": weighting,
        "objectives": [
            {"name": "logits_kl", "temperature": {"schedule": "linear", "start": 4, "end": 1}},
            "hidden_mse",
        ],
    }
    whole = train(**options)
    whole.train()
    broken = train(5, **options)
    with pytest.raises(KeyboardInterrupt):
        broken.train()
    resumed = train(**options)
    resumed.train(resume_from_checkpoint=True)
    assert resumed.state.global_step == 6
    assert same(weights_of(resumed), weights_of(whole))


def test_a_damaged_checkpoint_costs_only_its_steps(train: Callable[..., DistillationTrainer]) -> None:
    whole = train()
    whole.train()
    (Path(whole.args.output_dir) / "checkpoint-6" / "optimizer.pt").write_bytes(b"")
    (Path(whole.args.output_dir) / "checkpoint-4" / "model.safetensors").unlink()
    resumed = train()
    resumed.train(resume_from_checkpoint=True)
    assert same(weights_of(resumed), weights_of(whole))


def test_no_checkpoint_to_resume_from_is_one_line(train: Callable[..., DistillationTrainer]) -> None:
    with pytest.raises(InputError, match="^resume_from_checkpoint: .* has no complete checkpoint; leave it out"):
        train().train(resume_from_checkpoint=True)


def test_the_best_checkpoint_is_kept_and_found(
    train: Callable[..., DistillationTrainer], make_rows: Callable[..., Any]
) -> None:
    trainer = train(
        save_total_limit=1,
        eval_strategy="steps",
        eval_steps=2,
        load_best_model_at_end=True,
        metric_for_best_model="eval_loss",
        greater_is_better=True,
        trainer_options={"eval_dataset": make_rows()},
    )
    trainer.train()
    best = f"checkpoint-{trainer.state.best_global_step}"
    assert Path(trainer.state.best_model_checkpoint) == Path(trainer.args.output_dir) / best
    assert best in checkpoints(trainer)


def test_sigterm_ends_with_a_checkpoint_and_a_status_that_says_so(train: Callable[..., DistillationTrainer]) -> None:
    whole = train()
    whole.train()
    before = signal.getsignal(signal.SIGTERM)
    stopped = train(
        2, lambda: os.kill(os.getpid(), signal.SIGTERM), save_steps=100, output_dir=whole.args.output_dir + "_2"
    )
    with pytest.raises(Preempted) as ended:
        stopped.train()
    assert ended.value.code == 143
    assert signal.getsignal(signal.SIGTERM) == before
    assert checkpoints(stopped) == ["checkpoint-3"]
    resumed = train(output_dir=stopped.args.output_dir)
    resumed.train(resume_from_checkpoint=True)
    assert same(weights_of(resumed), weights_of(whole))


def test_sigterm_after_the_last_step_means_what_it_means_outside_of_a_training(
    train: Callable[..., DistillationTrainer],
) -> None:
    received = []

    class AtTheEnd(TrainerCallback):
        def on_train_end(self, *args: Any, **kwargs: Any) -> None:
            os.kill(os.getpid(), signal.SIGTERM)
            received.append("during the training")

    trainer = train()
    trainer.add_callback(AtTheEnd())
    before = signal.signal(signal.SIGTERM, lambda *given: received.append("after it"))
    try:
        trainer.train()
    finally:
        signal.signal(signal.SIGTERM, before)
    assert received == ["during the training", "after it"]


class SmallMemory:
    """Takes so many rows at once, from a certain step on."""

    def __init__(self, rows: int, step: int):
        self.rows, self.step, self.trainer, self.batches = rows, step, None, []

    def __call__(self, module: torch.nn.Module, args: Any, inputs: dict[str, torch.Tensor]) -> None:
        size = len(inputs["input_ids"])
        if self.trainer.state.global_step >= self.step and size > self.rows:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
        self.batches.append(size)


@pytest.mark.parametrize("step", [0, 3])
def test_a_smaller_batch_is_found_and_the_global_batch_stays(
    step: int, train: Callable[..., DistillationTrainer]
) -> None:
    # Adam makes a large step of a gradient that is zero but for rounding.
    options = {"optim": "sgd", "learning_rate": 0.1}
    whole = train(**options)
    whole.train()
    memory = SmallMemory(1, step)
    trainer = train(auto_find_batch_size=True, output_dir=whole.args.output_dir + "_2", **options)
    memory.trainer = trainer
    trainer.model.register_forward_pre_hook(memory, with_kwargs=True)
    trainer.train()
    assert memory.batches == [4] * step + [1] * 4 * (6 - step)
    assert (trainer.args.per_device_train_batch_size, trainer.args.gradient_accumulation_steps) == (1, 4)
    assert trainer.state.global_step == 6
    for name, expected in weights_of(whole).items():
        torch.testing.assert_close(weights_of(trainer)[name], expected, rtol=1e-5, atol=1e-6, msg=name)


def test_a_batch_that_was_made_smaller_stays_so_when_resumed(train: Callable[..., DistillationTrainer]) -> None:
    memory = SmallMemory(2, 0)
    broken = train(5, auto_find_batch_size=True)
    memory.trainer = broken
    broken.model.register_forward_pre_hook(memory, with_kwargs=True)
    with pytest.raises(KeyboardInterrupt):
        broken.train()
    resumed = train(auto_find_batch_size=True)
    resumed.train(resume_from_checkpoint=True)
    assert (resumed.args.per_device_train_batch_size, resumed.args.gradient_accumulation_steps) == (2, 2)


def test_a_memory_too_small_for_one_row_is_an_error(train: Callable[..., DistillationTrainer]) -> None:
    memory = SmallMemory(0, 0)
    trainer = train(auto_find_batch_size=True)
    memory.trainer = trainer
    trainer.model.register_forward_pre_hook(memory, with_kwargs=True)
    with pytest.raises(MemoryError, match="not even one example at a time"):
        trainer.train()


def test_without_auto_find_batch_size_the_error_is_the_users(train: Callable[..., DistillationTrainer]) -> None:
    memory = SmallMemory(2, 0)
    trainer = train()
    memory.trainer = trainer
    trainer.model.register_forward_pre_hook(memory, with_kwargs=True)
    with pytest.raises(torch.OutOfMemoryError):
        trainer.train()
    assert trainer.args.per_device_train_batch_size == 4


class Exploit:
    """Runs something when it is unpickled."""

    def __reduce__(self) -> tuple:
        return os.system, ("touch exploited",)


@pytest.mark.parametrize("name", ["optimizer.pt", "scheduler.pt", "rng_state.pth"])
def test_nothing_in_a_checkpoint_is_executed(
    name: str, train: Callable[..., DistillationTrainer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    trainer = train()
    trainer.train()
    # Whoever alters a file can also seal it again.
    checkpoint = Path(trainer.args.output_dir) / "checkpoint-6"
    torch.save({"state": Exploit()}, checkpoint / name)
    seal(checkpoint, checkpoint.with_name("checkpoint-8"))
    with pytest.raises(pickle.UnpicklingError, match="Weights only load failed"):
        train(max_steps=10).train(resume_from_checkpoint=True)
    assert not (tmp_path / "exploited").exists()


def test_log_lines_tell_the_speed_on_a_gpu(
    train: Callable[..., DistillationTrainer], monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = train(logging_strategy="steps", logging_steps=3)
    monkeypatch.setattr(trainer._speedometer, "read", lambda device: {"samples_per_second": 5.0, "memory_gb": 1.5})
    trainer.train()
    assert not any("memory_gb" in line for line in trainer.state.log_history)
    monkeypatch.setattr(type(trainer.args), "device", property(lambda self: torch.device("cuda", 0)))
    trainer.log({"loss": 1.0})
    assert trainer.state.log_history[-1]["samples_per_second"] == 5.0
    assert trainer.state.log_history[-1]["memory_gb"] == 1.5
