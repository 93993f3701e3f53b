# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""DurableTrainer: a [`~transformers.Trainer`] from which nothing is lost when things break."""

from __future__ import annotations

import logging
import os
import shutil
from pathlib import Path
from typing import Any

from accelerate.utils.memory import clear_device_cache, should_reduce_batch_size
from transformers import Trainer
from transformers.trainer import TRAINER_STATE_NAME

from hf_distill.checkpoints import checkpoint_to_resume, seal
from hf_distill.compatibility import forget_processor_number, rotate_checkpoints
from hf_distill.errors import InputError, Preempted
from hf_distill.preemption import Preemption
from hf_distill.processes import from_main
from hf_distill.publishing.trained import push_trained
from hf_distill.publishing.upload import UploadOptions

logger = logging.getLogger(__name__)

ASIDE = ".partial"
"""Where checkpoints are written before they have their names."""


class DurableTrainer(Trainer):
    """
    A [`~transformers.Trainer`] from which nothing is lost when things break.

    - A checkpoint is written aside and gets its name when all processes have written their part and it is on the
      disk, with a list of what its files hold. Older ones are removed only then.
    - `train(resume_from_checkpoint=True)` goes on from the newest checkpoint that is as it was written; one that is
      not is named and passed over.
    - SIGTERM ends a training after its step, with a checkpoint and exit status 143.
    - `auto_find_batch_size` halves the batch and doubles the accumulation when memory runs out, so that the global
      batch stays, and goes on where it was.

    Raises:
        InputError: If `auto_find_batch_size` is asked for in several processes.
    """

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        forget_processor_number(self.args)
        if self.args.auto_find_batch_size and self.args.world_size > 1:
            raise InputError(
                "auto_find_batch_size: works in one process only, as one that runs out of memory leaves the others "
                "waiting; choose per_device_train_batch_size and gradient_accumulation_steps yourself"
            )
        self.preemption = Preemption()
        self.add_callback(self.preemption)
        self._aside: Path | None = None
        self._to_push = False

    def train(self, resume_from_checkpoint: str | bool | None = None, *args: Any, **kwargs: Any) -> Any:
        """
        Train; see [`~transformers.Trainer.train`].

        Args:
            resume_from_checkpoint (`str` or `bool`, *optional*): The checkpoint to go on from; `True` for the newest
                in the output folder that is as it was written.

        Raises:
            InputError: If there is no such checkpoint, or if it is damaged.
            Preempted: If the training was ended by SIGTERM; unless it is caught, the process ends with status 143.
        """
        checkpoint = self._choose(resume_from_checkpoint)
        with self.preemption.listening():
            result = super().train(checkpoint, *args, **kwargs)
        if self.preemption.stopped:
            raise Preempted(f"ended by SIGTERM after step {self.state.global_step}, with a checkpoint")
        return result

    def _choose(self, resume_from_checkpoint: str | bool | None) -> str | None:
        """Return the same checkpoint, or raise the same error, in all processes."""
        found: str | InputError | None = None
        if self.is_world_process_zero():
            try:
                path = checkpoint_to_resume(resume_from_checkpoint, Path(self.args.output_dir))
                found = str(path) if path is not None else None
            except InputError as error:
                found = error
        found = from_main(found) if self.args.world_size > 1 else found
        if isinstance(found, InputError):
            raise found
        return found

    def _inner_training_loop(
        self,
        batch_size: int | None = None,
        args: Any = None,
        resume_from_checkpoint: str | None = None,
        *others: Any,
        **options: Any,
    ) -> Any:
        """Train; after an out-of-memory error with `auto_find_batch_size`, go on with a smaller batch."""
        given = self.args.train_batch_size
        if self.args.auto_find_batch_size and batch_size and batch_size < given:
            # The checkpoint comes from a training whose batch had to be made smaller.
            self._shrink_batch(given // batch_size, "The checkpoint was made with a smaller batch")
        while True:
            try:
                return super()._inner_training_loop(
                    self.args.train_batch_size, args, resume_from_checkpoint, *others, **options
                )
            except RuntimeError as error:
                if not (self.args.auto_find_batch_size and should_reduce_batch_size(error)):
                    raise
                batch = self.args.per_device_train_batch_size
                if batch == 1:
                    raise MemoryError(f"not even one example at a time fits into memory ({error})") from error
            # Outside of the handler, the error no longer holds what the failed step had in memory.
            self._shrink_batch(2 if batch % 2 == 0 else batch, "Out of memory")
            resume_from_checkpoint = self._save_what_is_done() or resume_from_checkpoint

    def _shrink_batch(self, factor: int, reason: str) -> None:
        self.args.per_device_train_batch_size //= factor
        self.args.gradient_accumulation_steps *= factor
        logger.warning(
            "%s; per_device_train_batch_size is now %d and gradient_accumulation_steps %d, for the same global batch",
            reason,
            self.args.per_device_train_batch_size,
            self.args.gradient_accumulation_steps,
        )

    def _save_what_is_done(self) -> str | None:
        """Write a checkpoint of the steps before the one that failed, and make room for the next start."""
        self.model.zero_grad(set_to_none=True)
        checkpoint = None
        if self.state.global_step > 0:
            self._save_checkpoint(self.model, trial=None)
            checkpoint = str(Path(self.args.output_dir) / f"checkpoint-{self.state.global_step}")
        self.optimizer = self.lr_scheduler = None
        self.model_wrapped = self.model
        clear_device_cache(garbage_collection=True)
        return checkpoint

    def _get_output_dir(self, *args: Any, **kwargs: Any) -> str:
        return str(self._aside) if self._aside is not None else super()._get_output_dir(*args, **kwargs)

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        """Write a checkpoint aside, and give it its name when every process is done."""
        folder = Path(self._get_output_dir(trial=trial))
        self._aside = folder / ASIDE
        written, final = (place / f"checkpoint-{self.state.global_step}" for place in (self._aside, folder))
        if self.args.should_save:
            shutil.rmtree(self._aside, ignore_errors=True)
        self.accelerator.wait_for_everyone()
        try:
            super()._save_checkpoint(model, trial)
        finally:
            self._aside = None
        if self.state.best_model_checkpoint == str(written):
            self.state.best_model_checkpoint = str(final)
        self.accelerator.wait_for_everyone()
        if self.args.should_save:
            self.state.save_to_json(str(written / TRAINER_STATE_NAME))
            seal(written, final)
            os.rmdir(written.parent)
            rotate_checkpoints(self, str(folder))
        self.accelerator.wait_for_everyone()
        if self._to_push:
            self._to_push = False
            self._push_from_checkpoint(str(final))

    def _push_from_checkpoint(self, checkpoint_folder: str) -> None:
        """Push a checkpoint that has its name; one that has not waits for it."""
        if self._aside is not None:
            self._to_push = True
        else:
            super()._push_from_checkpoint(checkpoint_folder)

    def push_to_hub(
        self,
        commit_message: str | None = "End of training",
        blocking: bool = True,
        token: str | None = None,
        revision: str | None = None,
        private: bool | None = None,
        **kwargs: Any,
    ) -> Any:
        """
        Publish the model, what makes its inputs and a card on the Hugging Face Hub, in one commit.

        Everything is checked before it is sent: that it can be loaded, and that it tells no token, no e-mail address
        and no path of this machine. What is there already is not sent again, and the same call finishes one that was
        interrupted. Neither optimizer states nor projections, checkpoints or pickles are published.

        Args:
            commit_message (`str`, *optional*, defaults to `"End of training"`): What the commit says.
            blocking (`bool`, *optional*, defaults to `True`): Whether to wait until it is uploaded.
            token (`str`, *optional*, defaults to `args.hub_token`): A token with write access; the one that is saved
                on this machine if there is none.
            revision (`str`, *optional*, defaults to `args.hub_revision`): The branch to commit to, created if it is
                missing.
            private (`bool`, *optional*, defaults to `args.hub_private_repo`): Whether only its owner may see a
                repository that is created.
            kwargs (`dict[str, Any]`, *optional*): What `create_model_card` takes.

        Returns:
            [`~huggingface_hub.CommitInfo`] or `Future`, *optional*: The commit, or, if not `blocking`, what will be;
            `None` in processes other than the main one.

        Raises:
            InputError: If something of it must not be published, or if the Hub refuses it.
            HubError: If the Hub, or the way to it, still fails after some repetitions.
        """
        args = self.args
        options = UploadOptions(
            private=bool(args.hub_private_repo if private is None else private),
            revision=revision or args.hub_revision,
            message=commit_message or "End of training",
        )
        return push_trained(self, options, blocking, token or args.hub_token, **kwargs)
