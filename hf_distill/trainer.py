# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""DistillationTrainer: overrides of [`~transformers.Trainer`] and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import DynamoBackend
from transformers import DataCollatorWithPadding, PreTrainedModel

from hf_distill.compatibility import accumulation_divisor
from hf_distill.component_means import ComponentMeans
from hf_distill.data.two_tokenizers import TwoTokenizers
from hf_distill.durable_trainer import DurableTrainer
from hf_distill.errors import InputError
from hf_distill.features.alignment import Alignment
from hf_distill.features.batch import BatchView, Progress
from hf_distill.features.features import Features, Needs
from hf_distill.features.heads import Head, head_of, logits_to_teach, loss_of_class_token
from hf_distill.features.inputs import has_adapter, input_names, select_inputs
from hf_distill.features.layers import keep_all_layers
from hf_distill.features.projections import Projections
from hf_distill.features.units import PREDICTION_MASK, Unit, mean_over, task_part, unit_masks
from hf_distill.features.whole import from_the_end
from hf_distill.fitting import (
    check_gradients_at_hand,
    check_one_device_a_process,
    group_apart,
    measure_layer_maps,
    output_layer_of,
    prepare_student,
    special_ids,
)
from hf_distill.knowledge.attach import without_knowledge
from hf_distill.knowledge.labels import label_order
from hf_distill.knowledge.other_tokenizer import TeacherWithOtherTokenizer
from hf_distill.knowledge.source import KnowledgeSource
from hf_distill.knowledge.sources import as_source
from hf_distill.objectives import Objective
from hf_distill.objectives.across_tokenizers import compared_across
from hf_distill.predicted_tokens import PredictedTokens, take_tokens_alone
from hf_distill.speed import Speedometer
from hf_distill.task_losses import TaskLoss, task_loss_of
from hf_distill.training_args import DistillationTrainingArguments
from hf_distill.unit_counts import UnitCounts
from hf_distill.weighting import WEIGHTINGS


class DistillationTrainer(DurableTrainer):
    """
    A [`~transformers.Trainer`] whose student also learns from a teacher.

    The loss is `task_weight` times the task loss plus each objective times its weight. Every mean (over examples, real
    tokens, labels) divides by the count of the whole global batch, over accumulation steps and processes, so the
    gradient does not depend on how the batch is cut (but for objectives that compare examples with each other, which
    do so within a micro-batch). The teacher runs in eval mode and without gradients, in training
    only. Each log line has `loss`, `loss_task` and an unweighted `loss_<objective>` for every objective, a
    `factor_<component>` for each where the weights are adapted, and on a GPU `samples_per_second` and `memory_gb`.

    Of a masked-LM head the logits are made of the predicted tokens alone, a few at a time, so that there is never one
    for each token and each word of the vocabulary; what leaves the student's forward in training are losses then.

    Where widths differ, learned projections are trained, clipped and checkpointed with the student; nothing that
    `save_model` or `save_pretrained` writes contains them.

    Args:
        model ([`~transformers.PreTrainedModel`], *optional*): The student, which may have an adapter of PEFT; or give
            `model_init`.
        teacher_model ([`~transformers.PreTrainedModel`], `str` or `Path`, *optional*): The teacher, the folder or Hub
            id to load it from, or the folder of a recording that [`record_knowledge`] made, or
            `hf://datasets/OWNER/NAME` where [`push_recording`] put one. May be left out if there are no objectives:
            then this is plain fine-tuning.
        args ([`DistillationTrainingArguments`], *optional*): The training arguments.
        task_loss (`Callable`, *optional*): From the student's outputs and a batch with `labels` to the mean task loss
            over these, for a student whose class computes none; the student's own by default.
        kwargs: Everything else that [`~transformers.Trainer`] takes. `processing_class` may be [`TwoTokenizers`],
            where the teacher has a tokenizer of its own.

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
        task_loss: TaskLoss | None = None,
        **kwargs: Any,
    ):
        args = args if args is not None else DistillationTrainingArguments(output_dir="tmp_trainer")
        if not isinstance(args, DistillationTrainingArguments):
            raise InputError(f"args: must be DistillationTrainingArguments; got {type(args).__name__}")
        if teacher_model is not None and teacher_model is model:
            raise InputError("teacher_model: is the student itself; give copy.deepcopy(model)")
        self.objectives, self._given_task_loss = args.make_objectives(), task_loss
        self.teacher = as_source(teacher_model, args.teacher_dtype, args.teacher_compiler) if self.objectives else None
        both = kwargs.get("processing_class")
        if isinstance(both, TwoTokenizers):
            kwargs["processing_class"] = both.student
            kwargs["data_collator"] = kwargs.get("data_collator") or DataCollatorWithPadding(both)
            self.teacher = self.teacher and TeacherWithOtherTokenizer(self.teacher, both.teacher)
        super().__init__(model=model, args=args, **kwargs)
        # The model is asked for a plain mean over its labels, which compute_loss weighs by the global count.
        self.model_accepts_loss_kwargs = False
        if self.teacher is not None:
            self.teacher.place(self.accelerator)
            given = self.train_dataset, self.data_collator, self.processing_class
            self.train_dataset, self.data_collator = self.teacher.attach(*given)
        self._special_ids = special_ids(self.objectives, self.processing_class)
        student = self.accelerator.unwrap_model(self.model)
        self._student_inputs = input_names(student)
        self._fit_student(student)
        check_one_device_a_process(self._needs, args.n_gpu)
        compiler = self.accelerator.state.dynamo_plugin
        compiled = compiler.backend != DynamoBackend.NO
        check_gradients_at_hand(self.projections.weighting, self.is_deepspeed_enabled, compiled)
        prepare_student(student, args, self._needs, compiler)
        self._counts = UnitCounts(self.accelerator, self._special_ids, self.preemption)
        self._speedometer, self._components = Speedometer(args.world_size), ComponentMeans()

    def call_model_init(self, trial: Any = None) -> PreTrainedModel:
        """Make the student with `model_init` and attach what the objectives need."""
        student = super().call_model_init(trial)
        # The first call comes from the constructor, before there are data to measure layers with.
        if hasattr(self, "projections"):
            self._fit_student(student)
        return student

    def _fit_student(self, student: PreTrainedModel) -> None:
        """Settle layer maps and label order for this student, and attach its projections."""
        self._needs, self._label_order = Needs(), None
        self._output_layer = output_layer_of(student, self) if self._given_task_loss is None else None
        weighting = WEIGHTINGS[self.args.objective_weighting](["task", *(entry.name for entry in self.objectives)])
        student_needs, pairs, widths = Needs(), [], (0, 0)
        if self.teacher is not None:
            config = self.teacher.config
            collator = self._get_collator_with_removed_columns(self.data_collator, description="training")
            measure_layer_maps(
                self.objectives, student, self.teacher, self.train_dataset, collator, self.args.train_batch_size
            )
            for objective in self.objectives:
                objective.fit_head(self._head_of(student))
                objective.bind(student.config, config)
            self.teacher.check(self.objectives, self.train_dataset, collator, self.args.map_options.from_teacher)
            self._needs = Needs.union(objective.all_needs for objective in self.objectives)
            student_needs = Needs.union(objective.student_needs for objective in self.objectives)
            if self._needs.hidden_states or self._needs.attention:
                keep_all_layers(student.config)
            pairs = [pair for objective in self.objectives for pair in objective.projected_pairs]
            if pairs:
                widths = (student.config.hidden_size, config.hidden_size)
            if self._needs.logits and self._output_layer is None:
                self._label_order = label_order(student.config, config)
        self._task_loss = self._given_task_loss
        if self._task_loss is None and self.compute_loss_func is None:
            self._task_loss = task_loss_of(self._head_of(student))
        self.projections = Projections(pairs, *widths, self.args.seed, student_needs, self.args.map_options, weighting)
        self.projections.attach(student)

    @staticmethod
    def _head_of(student: PreTrainedModel) -> Head:
        base = student.get_base_model() if has_adapter(student) else student
        return head_of(student.config, type(base).__name__)

    def create_optimizer(self, *args: Any) -> torch.optim.Optimizer:
        """Create the optimizer, with what is learned beside the student in groups of its own."""
        given = self.optimizer is not None
        optimizer = super().create_optimizer(*args)
        if not given:
            group_apart(optimizer, self.projections, self.args.projection_learning_rate)
        return optimizer

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        """Sample by the rows alone: what was recorded of them is long, and a sampler may look at all of it."""
        rows = self.train_dataset if train_dataset is None else train_dataset
        return super()._get_train_sampler(without_knowledge(rows))

    def get_batch_samples(self, epoch_iterator: Iterator, num_batches: int, *args: Any) -> tuple[list, Any]:
        """Fetch the micro-batches of a step and count their units, which the means of this step divide by."""
        batches, number_of_items = super().get_batch_samples(epoch_iterator, num_batches, *args)
        if batches:
            self._speedometer.count(batches)
            self._counts.start_step(batches)
        return batches, number_of_items

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
            return self._loss_in_evaluation(model, inputs, return_outputs)
        progress = Progress(self.state.global_step, max(self.state.max_steps, 1))
        batch, counts = BatchView.of(inputs, self._special_ids, progress), self._counts.of(inputs)
        objectives = [objective for objective in self.objectives if not objective.has_stopped(progress)]
        tokens = self._tokens_of_vocabulary(objectives, batch)
        with self.accelerator.autocast():
            with tokens.asking_teacher() if tokens else nullcontext():
                knowledge = self._ask_teacher(inputs, objectives) if objectives else Features()
            if tokens:
                # What is made within the forward has the task loss in it.
                inputs = {name: value for name, value in inputs.items() if name not in self.label_names}
            with tokens.in_place_of_logits(knowledge) if tokens else nullcontext():
                task_loss, outputs = self._run_student(model, inputs, batch.masks, knowledge)
        losses = tokens.read(outputs, counts) if tokens else {}
        if task_loss is not None:
            losses["task"] = task_part(task_loss, batch.masks, counts)
        alignment, compared = Alignment.of(inputs), (self._student_features(outputs, knowledge), knowledge, batch)
        for objective in objectives:
            if objective.name not in losses:
                shown = compared if alignment is None else compared_across(objective, alignment, *compared)
                entries = objective.focused(objective(*shown), *shown[1:])
                losses[objective.name] = mean_over(entries, objective.unit(entries), batch.masks, counts)
        weights = {"task": self.args.task_weight}
        weights |= {objective.name: objective.weight_at(progress) for objective in objectives}
        self._components.add(losses, self.state.global_step)
        total = self._combine(losses, weights, outputs).to(self.args.device)
        # Processes average their gradients and training_step may divide once more; both are undone beforehand.
        total = total * self.args.world_size * accumulation_divisor(self)
        return (total, outputs) if return_outputs else total

    def _loss_in_evaluation(self, model: torch.nn.Module, inputs: dict[str, Any], return_outputs: bool) -> Any:
        """Return the task loss alone, and the outputs if asked for."""
        if self._task_loss is None or Unit.LABEL not in unit_masks(inputs):
            return super().compute_loss(model, self._for_student(inputs), return_outputs)
        loss, outputs = self._replaced_loss(model, self._for_student(inputs), inputs)
        return (loss, outputs) if return_outputs else loss

    def _tokens_of_vocabulary(self, objectives: list[Objective], batch: BatchView) -> PredictedTokens | None:
        """Return what compares logits of a vocabulary; `None` if they are others, or are to be kept as they are."""
        if self._output_layer is None or Unit.PREDICTION not in batch.masks or not take_tokens_alone(objectives):
            return None
        return PredictedTokens(self._output_layer, self.teacher, objectives, batch)

    def _combine(self, losses: dict[str, torch.Tensor], weights: dict[str, float], outputs: Any) -> torch.Tensor:
        """Weigh the components against each other."""
        weighting, learned = self.projections.weighting, self.projections.read_learned(outputs)
        reduce = partial(self.accelerator.reduce, reduction="mean")
        weighting.observe(losses, self.projections.embeddings, self.state.global_step, reduce)
        total = weighting.combine(losses, weights, learned, 1 / (self._counts.micro_batches * self.args.world_size))
        return from_the_end(total, outputs) if self.is_fsdp_enabled else total

    def _ask_teacher(self, inputs: dict[str, torch.Tensor], objectives: list[Objective]) -> Features:
        knowledge = self.teacher(inputs, Needs.union(objective.all_needs for objective in objectives))
        if self._label_order is not None and knowledge.logits is not None:
            knowledge.logits = knowledge.logits[..., self._label_order]
        return knowledge

    def _run_student(
        self,
        model: torch.nn.Module,
        inputs: dict[str, torch.Tensor],
        masks: dict[Unit, torch.Tensor],
        knowledge: Features,
    ) -> tuple[torch.Tensor | None, Any]:
        """Return the model's task loss, if the batch has labels, and its outputs."""
        batch, inputs = inputs, self._for_student(inputs)
        if self.projections.reads_hidden_states:
            inputs["output_hidden_states"] = True
        # Label smoothing of a batch without a label divides 0 by 0, in the gradient too.
        if self.label_smoother is not None and Unit.LABEL in masks and not masks[Unit.LABEL].any():
            inputs.pop("labels", None)
        with self.projections.capturing(knowledge):
            if self._task_loss is not None and Unit.LABEL in masks:
                return self._replaced_loss(model, inputs, batch)
            if any(name in inputs for name in self.label_names):
                return super().compute_loss(model, inputs, return_outputs=True)
            outputs = model(**inputs)
            return loss_of_class_token(outputs, batch.get("labels")), outputs

    def _replaced_loss(self, model: torch.nn.Module, inputs: dict[str, Any], batch: dict[str, Any]) -> tuple:
        """Return the task loss that is not the model's own, and the outputs."""
        outputs = model(**{name: value for name, value in inputs.items() if name not in self.label_names})
        return self._task_loss(outputs, batch), outputs

    def _student_features(self, outputs: Any, knowledge: Features) -> Features:
        logits = logits_to_teach(outputs) if knowledge.logits is not None else None
        # Where tokens are different ones, there are more on one side.
        if logits is not None and _kind_of(logits) != _kind_of(knowledge.logits):
            raise InputError(
                f"teacher_model: its logits have shape {tuple(knowledge.logits.shape)}, the student's "
                f"{tuple(logits.shape)}; both need the same kind of head and the same labels"
            )
        features = self.projections.read(outputs, knowledge)
        if self.teacher is not None:
            self.teacher.match(features)
        features.logits = logits
        return features

    def _for_student(self, inputs: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return select_inputs(inputs, self._student_inputs)

    def prediction_step(self, model: torch.nn.Module, inputs: dict[str, Any], *args: Any, **kwargs: Any) -> tuple:
        """Evaluate the student on its own inputs; what only the teacher reads is left out."""
        return super().prediction_step(model, self._for_student(inputs), *args, **kwargs)

    def _set_signature_columns_if_needed(self) -> None:
        """Keep the columns that teacher and collator read, beside those that the student reads."""
        first = self._signature_columns is None
        super()._set_signature_columns_if_needed()
        if first:
            columns = getattr(self.data_collator, "columns", ())
            self._signature_columns += [PREDICTION_MASK, *columns]
            self._signature_columns += self.teacher.input_names if self.teacher else []

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        """Log, with the mean of each component since the last line beside the total loss."""
        if "loss" in logs and self.args.device.type != "cpu":
            logs.update(self._speedometer.read(self.args.device))
        means = self._components.read(self.accelerator) if "loss" in logs else {}
        if means:
            logs.update({f"loss_{name}": mean for name, mean in means.items()})
            factors = self.projections.weighting.factors()
            logs.update({f"factor_{name}": factor.item() for name, factor in factors.items()})
        # The line at the end of a training has no `loss`; what its last steps left must not reach the next training.
        if "loss" in logs or "train_loss" in logs:
            self._components.clear()
        super().log(logs, *args, **kwargs)

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        """
        Write a model card into the output folder; [`~publishing.trainer_card.write_trainer_card`] has the arguments.
        """
        if self.is_world_process_zero():
            from hf_distill.publishing.trainer_card import write_trainer_card

            write_trainer_card(self, *args, **kwargs)

    def _save_optimizer_and_scheduler(self, output_dir: str) -> None:
        """Write the projections beside the optimizer: what resuming needs and the published student does not."""
        super()._save_optimizer_and_scheduler(output_dir)
        self.projections.save(output_dir, write=self.args.should_save)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        """Restore the projections with the student."""
        super()._load_from_checkpoint(resume_from_checkpoint, model)
        self.projections.load(resume_from_checkpoint)


def _kind_of(logits: torch.Tensor) -> tuple[int, int]:
    """Return what the logits of student and teacher have in common: whose they are, and how many each of them has."""
    return logits.dim(), logits.shape[-1]
