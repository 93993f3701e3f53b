# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""DistillationTrainer: overrides of [`~transformers.Trainer`] and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel, Trainer

from hf_distill.compatibility import accumulation_divisor
from hf_distill.errors import InputError
from hf_distill.features.batch import BatchView, Progress
from hf_distill.features.features import Features, Needs
from hf_distill.features.inputs import input_names, select_inputs
from hf_distill.features.projections import Projections
from hf_distill.features.units import PREDICTION_MASK, Unit, unit_masks
from hf_distill.knowledge.labels import label_names, match_labels
from hf_distill.knowledge.live import LiveTeacher, load_teacher
from hf_distill.knowledge.source import KnowledgeSource
from hf_distill.objectives import Objective
from hf_distill.training_args import DistillationTrainingArguments


class DistillationTrainer(Trainer):
    """
    A [`~transformers.Trainer`] whose student also learns from a teacher.

    The loss is `task_weight` times the task loss plus each objective times its weight. Every mean (over examples, real
    tokens, labels) divides by the count of the whole global batch, over accumulation steps and processes, so the
    gradient does not depend on how the batch is cut (but for objectives that compare examples with each other, which
    do so within a micro-batch). The teacher runs in eval mode and without gradients, in training
    only. Each log line has `loss`, `loss_task` and an unweighted `loss_<objective>` for every objective.

    Where widths differ, learned projections are trained, clipped and checkpointed with the student; nothing that
    `save_model` or `save_pretrained` writes contains them.

    Args:
        model ([`~transformers.PreTrainedModel`], *optional*): The student; or give `model_init`.
        teacher_model ([`~transformers.PreTrainedModel`], `str` or `Path`, *optional*): The teacher, or the folder or
            Hub id to load it from. May be left out if there are no objectives: then this is plain fine-tuning.
        args ([`DistillationTrainingArguments`], *optional*): The training arguments.
        kwargs: Everything else that [`~transformers.Trainer`] takes.

    Raises:
        InputError: If teacher and student do not fit each other or the objectives.

    Example:

    ```python
    >>> from hf_distill import DistillationTrainer, DistillationTrainingArguments, build_student
    >>> student = build_student(teacher, num_hidden_layers=2)  # doctest: +SKIP
    >>> trainer = DistillationTrainer(  # doctest: +SKIP
    ...     model=student,
    ...     teacher_model=teacher,
    ...     args=DistillationTrainingArguments(output_dir="student", objectives=["logits_kl", "hidden_mse"]),
    ...     train_dataset=dataset,
    ...     processing_class=tokenizer,
    ... )
    >>> trainer.train()  # doctest: +SKIP
    ```
    """

    # The loss that compute_loss returns is already divided by the counts of the whole accumulated batch.
    loss_is_scaled_for_ga = True

    def __init__(
        self,
        model: PreTrainedModel | None = None,
        teacher_model: PreTrainedModel | KnowledgeSource | str | Path | None = None,
        args: DistillationTrainingArguments | None = None,
        **kwargs: Any,
    ):
        args = args if args is not None else DistillationTrainingArguments(output_dir="tmp_trainer")
        if not isinstance(args, DistillationTrainingArguments):
            raise InputError(f"args: must be DistillationTrainingArguments; got {type(args).__name__}")
        if teacher_model is not None and teacher_model is model:
            raise InputError("teacher_model: is the student itself; give copy.deepcopy(model)")
        self.objectives = args.make_objectives()
        self.teacher = _as_source(teacher_model) if self.objectives else None
        self._projection_seed = args.seed
        if model is not None:
            self._fit_student(model)
        super().__init__(model=model, args=args, **kwargs)
        # The model is asked for a plain mean over its labels, which compute_loss weighs by the global count.
        self.model_accepts_loss_kwargs = False
        if self.teacher is not None:
            self.teacher.to(args.device)
        self._special_ids = _special_ids(self.objectives, self.processing_class)
        self._student_inputs = input_names(self.accelerator.unwrap_model(self.model))
        self._global_counts: dict[Unit, torch.Tensor] | None = None
        self._uses_of_counts = 0
        self._sums: dict[str, torch.Tensor] = {}
        self._steps_of: dict[str, set[int]] = {}

    def call_model_init(self, trial: Any = None) -> PreTrainedModel:
        """Make the student with `model_init` and attach what the objectives need."""
        student = super().call_model_init(trial)
        self._fit_student(student)
        return student

    def _fit_student(self, student: PreTrainedModel) -> None:
        """Settle layer maps and label order for this student, and attach its projections."""
        self._needs, self._label_order = Needs(), None
        student_needs, pairs, widths = Needs(), [], (0, 0)
        if self.teacher is not None:
            config = self.teacher.config
            for objective in self.objectives:
                objective.bind(student.config, config)
            self._needs = Needs.union(objective.all_needs for objective in self.objectives)
            student_needs = Needs.union(objective.student_needs for objective in self.objectives)
            pairs = [pair for objective in self.objectives for pair in objective.projected_pairs]
            if pairs:
                widths = (student.config.hidden_size, config.hidden_size)
            if self._needs.logits:
                self._label_order = _label_order(student, config)
        self.projections = Projections(pairs, *widths, self._projection_seed, student_needs)
        self.projections.attach(student)

    def get_batch_samples(self, epoch_iterator: Iterator, num_batches: int, *args: Any) -> tuple[list, Any]:
        """Fetch the micro-batches of a step and count their units, which the means of this step divide by."""
        batches, number_of_items = super().get_batch_samples(epoch_iterator, num_batches, *args)
        if batches:
            self._global_counts = self._count_units(batches)
            self._uses_of_counts = len(batches)
        return batches, number_of_items

    def _count_units(self, batches: list) -> dict[Unit, torch.Tensor]:
        counts = torch.zeros(len(Unit), dtype=torch.int64, device=self.args.device)
        for batch in batches:
            masks = unit_masks(batch, self._special_ids)
            counts += torch.stack(
                [masks[unit].sum().to(counts) if unit in masks else counts.new_zeros(()) for unit in Unit]
            )
        if self.args.world_size > 1:
            counts = self.accelerator.reduce(counts, reduction="sum")
        return dict(zip(Unit, counts.clamp(min=1)))

    def _counts_for(self, batch: dict[str, torch.Tensor]) -> dict[Unit, torch.Tensor]:
        """Return the counts of the global batch, or of this batch alone if it did not come through the loop."""
        if self._uses_of_counts == 0:
            return self._count_units([batch])
        self._uses_of_counts -= 1
        return self._global_counts

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, torch.Tensor],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> torch.Tensor | tuple[torch.Tensor, Any]:
        """
        Return the total loss in training, and the task loss in evaluation, where the teacher is not asked.

        Args:
            model (`torch.nn.Module`): The student, wrapped or not.
            inputs (`dict[str, torch.Tensor]`): The batch.
            return_outputs (`bool`, *optional*, defaults to `False`): Whether to return the student's outputs too.
            num_items_in_batch (`torch.Tensor` or `int`, *optional*): Not used; the trainer counts units itself.
        """
        if not model.training:
            return super().compute_loss(model, self._for_student(inputs), return_outputs)
        progress = Progress(self.state.global_step, max(self.state.max_steps, 1))
        batch, counts = BatchView.of(inputs, self._special_ids, progress), self._counts_for(inputs)
        objectives = [objective for objective in self.objectives if not objective.has_stopped(progress)]
        with self.accelerator.autocast():
            knowledge = self._ask_teacher(inputs, objectives) if objectives else Features()
            task_loss, outputs = self._run_student(model, inputs, batch.masks)
        features = self._student_features(outputs, knowledge)
        total = torch.zeros((), device=self.args.device)
        if task_loss is not None:
            total = total + self.args.task_weight * self._note("loss_task", _task_part(task_loss, batch.masks, counts))
        for objective in objectives:
            losses = objective.focused(objective(features, knowledge, batch), knowledge, batch)
            loss = self._note(f"loss_{objective.name}", _mean(losses, objective.unit(losses), batch.masks, counts))
            total = total + objective.weight_at(progress) * loss
        # Processes average their gradients and training_step may divide once more; both are undone beforehand.
        total = total * self.args.world_size * accumulation_divisor(self)
        return (total, outputs) if return_outputs else total

    def _ask_teacher(self, inputs: dict[str, torch.Tensor], objectives: list[Objective]) -> Features:
        knowledge = self.teacher(inputs, Needs.union(objective.all_needs for objective in objectives))
        if self._label_order is not None and knowledge.logits is not None:
            knowledge.logits = knowledge.logits[..., self._label_order]
        return knowledge

    def _run_student(
        self, model: torch.nn.Module, inputs: dict[str, torch.Tensor], masks: dict[Unit, torch.Tensor]
    ) -> tuple[torch.Tensor | None, Any]:
        """Return the model's task loss, if the batch has labels, and its outputs."""
        inputs = self._for_student(inputs)
        if self.projections.reads_hidden_states:
            inputs["output_hidden_states"] = True
        # Label smoothing of a batch without a label divides 0 by 0, in the gradient too.
        if self.label_smoother is not None and Unit.LABEL in masks and not masks[Unit.LABEL].any():
            inputs.pop("labels")
        with self.projections.capturing():
            if any(name in inputs for name in self.label_names):
                return super().compute_loss(model, inputs, return_outputs=True)
            return None, model(**inputs)

    def _student_features(self, outputs: Any, knowledge: Features) -> Features:
        logits = outputs["logits"] if knowledge.logits is not None else None
        if logits is not None and logits.shape != knowledge.logits.shape:
            raise InputError(
                f"teacher_model: its logits have shape {tuple(knowledge.logits.shape)}, the student's "
                f"{tuple(logits.shape)}; both need the same kind of head and the same labels"
            )
        features = self.projections.read(outputs)
        features.logits = logits
        return features

    def _for_student(self, inputs: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return select_inputs(inputs, self._student_inputs)

    def prediction_step(self, model: torch.nn.Module, inputs: dict[str, Any], *args: Any, **kwargs: Any) -> tuple:
        """Evaluate the student on its own inputs; what only the teacher reads is left out."""
        return super().prediction_step(model, self._for_student(inputs), *args, **kwargs)

    def _set_signature_columns_if_needed(self) -> None:
        """Keep the columns that the teacher reads, beside those that the student reads."""
        first = self._signature_columns is None
        super()._set_signature_columns_if_needed()
        if first:
            self._signature_columns += [PREDICTION_MASK, *(self.teacher.input_names if self.teacher else [])]

    def _note(self, name: str, loss: torch.Tensor) -> torch.Tensor:
        """Add up a component until the next log line, without waiting for the device."""
        self._sums[name] = self._sums.get(name, 0.0) + loss.detach()
        self._steps_of.setdefault(name, set()).add(self.state.global_step)
        return loss

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        """Log, with the mean of each component since the last line beside the total loss."""
        if "loss" in logs and self._sums:
            sums = torch.stack(list(self._sums.values())).float()
            sums = self.accelerator.reduce(sums, reduction="sum") if self.args.world_size > 1 else sums
            means = [total / len(self._steps_of[name]) for name, total in zip(self._sums, sums.tolist())]
            logs.update(zip(self._sums, means))
        # The line at the end of a training has no `loss`; what its last steps left must not reach the next training.
        if "loss" in logs or "train_loss" in logs:
            self._sums, self._steps_of = {}, {}
        super().log(logs, *args, **kwargs)

    def _save_optimizer_and_scheduler(self, output_dir: str) -> None:
        """Write the projections beside the optimizer: what resuming needs and the published student does not."""
        super()._save_optimizer_and_scheduler(output_dir)
        if self.args.should_save:
            self.projections.save(output_dir)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        """Restore the projections with the student."""
        super()._load_from_checkpoint(resume_from_checkpoint, model)
        self.projections.load(resume_from_checkpoint)


def _mean(
    losses: torch.Tensor, unit: Unit, masks: dict[Unit, torch.Tensor], counts: dict[Unit, torch.Tensor]
) -> torch.Tensor:
    """Return the part of these losses in the mean over the real units of the global batch."""
    if unit not in masks:
        # Images all have the same number of patches, each of them real.
        losses, unit = losses.flatten(1).mean(1), Unit.EXAMPLE
    return torch.where(masks[unit], losses, 0.0).sum() / counts[unit]


def _task_part(mean: torch.Tensor, masks: dict[Unit, torch.Tensor], counts: dict[Unit, torch.Tensor]) -> torch.Tensor:
    """Weigh a model's own mean over this batch's labels to be its part of the mean over the global batch's."""
    unit = Unit.LABEL if Unit.LABEL in masks else Unit.EXAMPLE
    labels = masks[unit].sum()
    # A batch without a single label has no mean: 0 / 0 is kept out of the sum. (Several GPUs in one process give
    # a mean each.)
    return torch.where(labels > 0, mean.mean() * labels, 0.0) / counts[unit]


def _as_source(teacher_model: Any) -> KnowledgeSource:
    if isinstance(teacher_model, KnowledgeSource):
        return teacher_model
    if isinstance(teacher_model, (str, Path)):
        teacher_model = load_teacher(teacher_model)
    if not isinstance(teacher_model, PreTrainedModel):
        raise InputError(
            "teacher_model: must be a model, or the folder or Hub id of one, since there are objectives; "
            f"got {type(teacher_model).__name__}"
        )
    return LiveTeacher(teacher_model)


def _special_ids(objectives: list[Objective], tokenizer: Any) -> list[int]:
    """Return the ids of the tokens that are no content: [CLS], [SEP] and their like, but no mask or unknown word."""
    if not any(getattr(objective, "tokens", None) == "content" for objective in objectives):
        return []
    if not hasattr(tokenizer, "all_special_ids"):
        raise InputError("processing_class: tokens: content needs the tokenizer, which knows the special tokens")
    words = {tokenizer.mask_token_id, tokenizer.unk_token_id}
    return sorted(set(tokenizer.all_special_ids) - words)


def _label_order(student: PreTrainedModel, teacher_config: Any) -> list[int] | None:
    """Return how to reorder the teacher's logits so that they have the student's labels; `None` if they do."""
    order = match_labels(label_names(student.config), label_names(teacher_config), "the student", "the teacher")
    return None if order == list(range(len(order))) else order
