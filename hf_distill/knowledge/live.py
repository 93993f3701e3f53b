# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Knowledge from a teacher that runs beside the student."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import torch
import transformers
from accelerate import Accelerator
from transformers import AutoConfig, PreTrainedModel

from hf_distill.errors import InputError
from hf_distill.features.attention import AttentionCapture
from hf_distill.features.features import Features, Needs
from hf_distill.features.heads import read_logits
from hf_distill.features.hidden_states import HiddenStatesCapture
from hf_distill.features.inputs import cast_inputs, input_names, select_inputs, without_labels
from hf_distill.features.pooling import with_padding
from hf_distill.features.vocabulary import OutputLayer
from hf_distill.knowledge.compilation import CompiledLayers
from hf_distill.knowledge.sharding import shard_teacher
from hf_distill.knowledge.source import KnowledgeSource


class LiveTeacher(KnowledgeSource):
    """
    A model asked for its logits, hidden states, queries, keys and values, in eval mode and without gradients.

    Args:
        model ([`~transformers.PreTrainedModel`]): The teacher. It is put in eval mode.
        autocast (`bool`, *optional*, defaults to `True`): Whether the autocast around a call, which is the student's,
            is for the teacher too; else it computes in what its weights are in.
        compiler (`str` or `Callable`, *optional*): What its layers are compiled with, such as `"inductor"`; left out,
            they are not.
    """

    def __init__(self, model: PreTrainedModel, autocast: bool = True, compiler: str | Callable | None = None):
        super().__init__(model.config)
        self.model = self._called = model.eval()
        self._autocast = autocast
        self._layers = CompiledLayers(model, compiler) if compiler is not None else None
        self._names = input_names(model)
        self.output_layer = OutputLayer.of(model)
        self._captures: dict[Needs, tuple[HiddenStatesCapture, AttentionCapture]] = {}

    @property
    def input_names(self) -> list[str]:
        """The arguments of the teacher's forward, less the labels: a teacher is never told the answer."""
        return without_labels(self._names)

    def to(self, device: torch.device) -> None:
        """Move the teacher to `device`."""
        self.model.to(device)

    def place(self, accelerator: Accelerator) -> None:
        """Move the teacher to the device of each process, or a piece of it where the student is sharded."""
        self._called = shard_teacher(self.model, accelerator)

    @torch.no_grad()
    def __call__(self, batch: Mapping[str, torch.Tensor], needs: Needs) -> Features:
        """
        Run the teacher.

        Raises:
            InputError: If it gives no logits and they are needed, or if what it gives is not finite.
        """
        inputs = cast_inputs(select_inputs(batch, self.input_names or None), self.model.dtype)
        hidden_states, attention = self._captures_of(needs)
        with (
            self._running(inputs, attention),
            hidden_states.recording() as states,
            attention.recording() as queries_keys_values,
        ):
            outputs = self._called(**inputs, return_dict=True)
        logits = read_logits(outputs) if needs.logits else None
        if needs.logits and logits is None:
            raise InputError(
                f"teacher_model: {type(self.model).__name__} gives no logits, which an objective needs; "
                "load the teacher with a head for the task"
            )
        states = {layer: _padded(entry, inputs) for layer, entry in sorted(states.items())}
        knowledge = Features(logits=logits, hidden_states=states, attention=queries_keys_values)
        _check_finite(knowledge, type(self.model).__name__)
        return knowledge

    @contextmanager
    def _running(self, inputs: Mapping[str, Any], attention: AttentionCapture) -> Iterator[None]:
        """Let the teacher compute with compiled layers, and out of the student's autocast, if it is to."""
        device = next(value.device for value in inputs.values() if isinstance(value, torch.Tensor))
        compiled = self._layers.in_use(attention) if self._layers is not None else nullcontext()
        with self._precision(device), compiled:
            yield

    def _precision(self, device: torch.device) -> AbstractContextManager:
        return nullcontext() if self._autocast else torch.autocast(device.type, enabled=False)

    def vectors_in_place_of_logits(self) -> AbstractContextManager:
        """Let the vectors that its output layer is given come back as its logits, of which `logits_of` makes some."""
        return self.output_layer.replaced(lambda vectors: vectors)

    @torch.no_grad()
    def logits_of(self, vectors: torch.Tensor) -> torch.Tensor:
        """Return the logits of some of the vectors that came in place of them."""
        with self._precision(vectors.device):
            return self.output_layer.logits(vectors)

    def _captures_of(self, needs: Needs) -> tuple[HiddenStatesCapture, AttentionCapture]:
        if needs not in self._captures:
            self._captures[needs] = (
                HiddenStatesCapture(self.model, needs.hidden_states),
                AttentionCapture(self.model, needs.attention),
            )
        return self._captures[needs]


def load_teacher(path: str | Path, **options: object) -> PreTrainedModel:
    """
    Load a teacher with the head that its checkpoint was saved with.

    Args:
        path (`str` or `Path`): A folder or an id on the Hub.
        options: Passed on to `from_pretrained`.

    Returns:
        [`~transformers.PreTrainedModel`]: The teacher, in 32-bit floats unless `options` say otherwise.

    Raises:
        InputError: If the checkpoint does not name a class of transformers.
    """
    config = AutoConfig.from_pretrained(path)
    name = (config.architectures or ["none"])[0]
    model_class = getattr(transformers, name, None)
    if model_class is None:
        raise InputError(f"teacher_model: {path} names the class {name}, which transformers does not have")
    return model_class.from_pretrained(path, **{"dtype": torch.float32, **options})


def _padded(states: torch.Tensor, inputs: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """Put states that a kernel left the padding out of back in their rows."""
    return states if states.dim() > 2 else with_padding(states, inputs["attention_mask"].bool())


def _check_finite(knowledge: Features, teacher: str) -> None:
    named = {"logits": knowledge.logits} if knowledge.logits is not None else {}
    # Rows of pure padding may hold anything, so hidden states are judged only where no logits vouch for them.
    if not named:
        named = {f"hidden state {layer}": states for layer, states in knowledge.hidden_states.items()}
        for layer, states in knowledge.attention.items():
            named |= {f"queries of layer {layer}": states.query, f"keys of layer {layer}": states.key}
            named |= {f"values of layer {layer}": states.value}
    for what, values in named.items():
        finite = torch.isfinite(values.flatten(1)).all(1)
        if not finite.all():
            row = int((~finite).nonzero()[0])
            raise InputError(
                f"teacher_model: {what} of {teacher} are not finite in {int((~finite).sum())} of {len(finite)} rows, "
                f"first in row {row} of the batch; check its weights, and its precision if it runs in float16"
            )
