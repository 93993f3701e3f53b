# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Knowledge from a teacher that runs beside the student."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
import transformers
from transformers import AutoConfig, PreTrainedModel

from hf_distill.errors import InputError
from hf_distill.features.attention import AttentionCapture
from hf_distill.features.features import Features, Needs
from hf_distill.features.hidden_states import HiddenStatesCapture
from hf_distill.features.inputs import input_names, select_inputs
from hf_distill.features.pooling import with_padding
from hf_distill.knowledge.source import KnowledgeSource


class LiveTeacher(KnowledgeSource):
    """
    A model asked for its logits, hidden states, queries, keys and values, in eval mode and without gradients.

    Args:
        model ([`~transformers.PreTrainedModel`]): The teacher. It is put in eval mode.
    """

    def __init__(self, model: PreTrainedModel):
        super().__init__(model.config)
        self.model = model.eval()
        self._names = input_names(model)
        self._captures: dict[Needs, tuple[HiddenStatesCapture, AttentionCapture]] = {}

    @property
    def input_names(self) -> list[str]:
        """The arguments of the teacher's forward, less the labels: a teacher is never told the answer."""
        return [name for name in self._names or [] if "label" not in name]

    def to(self, device: torch.device) -> None:
        """Move the teacher to `device`."""
        self.model.to(device)

    @torch.no_grad()
    def __call__(self, batch: Mapping[str, torch.Tensor], needs: Needs) -> Features:
        """
        Run the teacher.

        Raises:
            InputError: If it gives no logits and they are needed, or if what it gives is not finite.
        """
        inputs = select_inputs(batch, self.input_names or None)
        hidden_states, attention = self._captures_of(needs)
        with hidden_states.recording() as states, attention.recording() as queries_keys_values:
            outputs = self.model(**inputs, return_dict=True)
        logits = outputs.get("logits") if needs.logits else None
        if needs.logits and logits is None:
            raise InputError(
                f"teacher_model: {type(self.model).__name__} gives no logits, which an objective needs; "
                "load the teacher with a head for the task"
            )
        states = {layer: _padded(entry, inputs) for layer, entry in sorted(states.items())}
        knowledge = Features(logits=logits, hidden_states=states, attention=queries_keys_values)
        _check_finite(knowledge, type(self.model).__name__)
        return knowledge

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
