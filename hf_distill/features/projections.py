# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Projections: what is learned or captured beside the student's own outputs, part of it while it is trained."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import PreTrainedModel

from hf_distill.compatibility import last_state_is_the_models
from hf_distill.errors import InputError
from hf_distill.features.attention import PARTS, AttentionCapture, AttentionStates
from hf_distill.features.features import Features, Needs
from hf_distill.features.inputs import has_adapter
from hf_distill.features.maps import LayerMaps, MapOptions
from hf_distill.features.whole import load_whole_state, whole_state

MODULE_NAME = "distillation_projections"
FILE_NAME = "projections.safetensors"
OUTPUT_KEY = "distillation_features"


class Projections(nn.Module):
    """
    What the objectives want of the student beside its logits, computed inside the student's own forward.

    The module is attached to the student, so that the optimizer, gradient clipping and every wrapper (DDP, FSDP) see
    one model. What it computes leaves the student's forward as part of a plain dict, because DDP looks for unused
    parameters in the output. Its weights are kept out of everything that `save_pretrained` writes.

    Args:
        pairs (`Iterable[tuple[int, int]]`): `(student layer, teacher layer)` pairs that objectives compare.
        student_width (`int`): Width of the student's hidden states.
        teacher_width (`int`): Width of the teacher's hidden states.
        seed (`int`, *optional*, defaults to 42): Seed of the initial weights; every process must give the same.
        needs ([`Needs`], *optional*): What objectives read of the student as it is: hidden states in its own width,
            queries, keys and values.
        options ([`MapOptions`], *optional*): What the maps between the widths are.
        weighting (`nn.Module`, *optional*): How the components of the loss are weighed, which may be learned too: its
            `learned` leaves the forward with the rest.
    """

    def __init__(
        self,
        pairs: Iterable[tuple[int, int]],
        student_width: int,
        teacher_width: int,
        seed: int = 42,
        needs: Needs | None = None,
        options: MapOptions | None = None,
        weighting: nn.Module | None = None,
    ):
        super().__init__()
        self.pairs = sorted(set(pairs))
        needs = needs or Needs()
        self.layers, self.attention = sorted(needs.hidden_states), sorted(needs.attention)
        self.maps = LayerMaps(self.pairs, student_width, teacher_width, options, seed)
        self.weighting = weighting
        self.enabled = False
        self.embeddings: torch.Tensor | None = None
        """The output of the student's embeddings in the last forward pass, if the weighting reads it."""
        self._capture: AttentionCapture | None = None
        self._recorded: dict[int, AttentionStates] = {}
        self._of_teacher: Mapping[int, torch.Tensor] = {}

    @property
    def reads_hidden_states(self) -> bool:
        """Whether the student must be asked for its hidden states."""
        return bool(self.pairs or self.layers) or self._watches_embeddings

    @property
    def _watches_embeddings(self) -> bool:
        return self.weighting is not None and self.weighting.reads_embeddings

    @property
    def has_state(self) -> bool:
        """Whether there is anything to be learned, or to be kept, with the student."""
        return bool(self.state_dict())

    def forward(self, hidden_states: tuple[torch.Tensor, ...]) -> dict[str, torch.Tensor]:
        """Return the hidden states of each pair and of the layers that are read as they are, and what is learned."""
        # Kept here, since what leaves a wrapper such as DDP is a copy that the losses do not come from.
        self.embeddings = hidden_states[0] if self._watches_embeddings else None
        result = {}
        for pair in self.pairs:
            key = f"{pair[0]}_{pair[1]}"
            if not self.maps.options.from_teacher:
                result[key] = self.maps.apply_to(pair, hidden_states[pair[0]])
                continue
            result[key] = hidden_states[pair[0]]
            # The teacher is not asked for what no objective needs any more.
            if pair[1] in self._of_teacher:
                result[f"teacher_{key}"] = self.maps.apply_to(pair, self._of_teacher[pair[1]])
        result |= {str(layer): hidden_states[layer] for layer in self.layers}
        return result | self._recorded_attention() | (self.weighting.learned() if self.weighting is not None else {})

    def _recorded_attention(self) -> dict[str, torch.Tensor]:
        """
        Return the queries, keys and values of the forward pass that is at its end.

        Raises:
            InputError: If no gradient can reach the student through them.
        """
        recorded = {
            f"{part}_{layer}": getattr(self._recorded[layer], part) for layer in self.attention for part in PARTS
        }
        if recorded and torch.is_grad_enabled() and not any(states.requires_grad for states in recorded.values()):
            raise InputError(
                "gradient_checkpointing: with use_reentrant no gradient comes back from queries, keys and values; add "
                "gradient_checkpointing_kwargs={'use_reentrant': False}"
            )
        return recorded

    def read(self, outputs: dict[str, Any], knowledge: Features | None = None) -> Features:
        """
        Take what was captured out of the student's output: hidden states keyed by pair or by layer, attention.

        Args:
            outputs (`dict`): The student's output.
            knowledge ([`Features`], *optional*): The teacher's features; what of them was mapped into the student's
                width is added, keyed by pair.
        """
        captured = outputs[OUTPUT_KEY] if self.is_needed else {}
        states: dict[Any, torch.Tensor] = {pair: captured[f"{pair[0]}_{pair[1]}"] for pair in self.pairs}
        states |= {layer: captured[str(layer)] for layer in self.layers}
        for pair in self.pairs:
            if f"teacher_{pair[0]}_{pair[1]}" in captured:
                knowledge.hidden_states[pair] = captured[f"teacher_{pair[0]}_{pair[1]}"]
        attention = {
            layer: AttentionStates(*(captured[f"{part}_{layer}"] for part in PARTS), heads=self._capture.heads)
            for layer in self.attention
        }
        return Features(hidden_states=states, attention=attention)

    def read_learned(self, outputs: dict[str, Any]) -> dict[str, torch.Tensor]:
        """Take what the weighting has learned out of the student's output."""
        return {name: outputs[OUTPUT_KEY][name] for name in (self.weighting.learned() if self.weighting else {})}

    @property
    def is_needed(self) -> bool:
        """Whether objectives want anything beside the logits."""
        learned = self.weighting is not None and bool(self.weighting.learned())
        return bool(self.pairs or self.layers or self.attention or learned) or self._watches_embeddings

    @contextmanager
    def capturing(self, knowledge: Features | None = None) -> Iterator[None]:
        """Let the student's forward return what objectives want; outside of this its output is untouched."""
        self.enabled = True
        self._of_teacher = knowledge.hidden_states if knowledge is not None else {}
        try:
            if self._capture is None:
                yield
            else:
                with self._capture.recording() as self._recorded:
                    yield
        finally:
            self.enabled, self._recorded, self._of_teacher = False, {}, {}

    def attach(self, student: PreTrainedModel) -> None:
        """Make this module part of `student`, in place of projections that an earlier trainer attached."""
        detach(student)
        if not self.is_needed and not self.has_state:
            return
        if self.attention:
            self._capture = AttentionCapture(student, self.attention)
        student.add_module(MODULE_NAME, self)
        self.to(device=student.device)
        student.register_forward_hook(_add_features)
        if has_adapter(student):
            # PEFT chooses by name what it writes, and a bias may be among it.
            student._register_state_dict_hook(_leave_out_projections)
        ignored = {f"{MODULE_NAME}.{name}" for name in self.state_dict()}
        if ignored:
            student._keys_to_ignore_on_save = set(student._keys_to_ignore_on_save or []) | ignored

    def save(self, folder: str | Path, write: bool = True) -> None:
        """
        Write the weights to `folder`, if there are any; all processes must call this.

        Args:
            folder (`str` or `Path`): The folder, which must exist.
            write (`bool`, *optional*, defaults to `True`): Whether this process writes; one that does not gives the
                others its piece of the weights.
        """
        if not self.has_state:
            return
        state = whole_state(self)
        if write:
            save_file({name: value.contiguous() for name, value in state.items()}, Path(folder) / FILE_NAME)

    def load(self, folder: str | Path) -> None:
        """
        Restore the weights that `save` wrote to `folder`; all processes must call this.

        Raises:
            InputError: If the file is missing or holds other projections.
        """
        if not self.has_state:
            return
        path = Path(folder) / FILE_NAME
        if not path.is_file():
            raise InputError(f"{path}: no such file; the checkpoint was not written with these objectives")
        saved, own = load_file(path), self.state_dict()
        if {name: value.shape for name, value in saved.items()} != {name: value.shape for name, value in own.items()}:
            raise InputError(f"{path}: holds projections {sorted(saved)}, the objectives need {sorted(own)}")
        load_whole_state(self, saved)


def detach(student: nn.Module) -> None:
    """Take attached projections off `student`, so that it is the model it was before."""
    attached = getattr(student, MODULE_NAME, None)
    if attached is None:
        return
    for key in [key for key, hook in student._forward_hooks.items() if hook is _add_features]:
        del student._forward_hooks[key]
    for key in [key for key, hook in student._state_dict_hooks.items() if hook is _leave_out_projections]:
        del student._state_dict_hooks[key]
    names = {f"{MODULE_NAME}.{name}" for name in attached.state_dict()}
    student._keys_to_ignore_on_save = set(student._keys_to_ignore_on_save or []) - names
    delattr(student, MODULE_NAME)


def _leave_out_projections(student: nn.Module, state: dict[str, Any], prefix: str, *_: Any) -> None:
    """Hook of the state of a student with an adapter: leave out what is not the student's."""
    for name in [name for name in state if name.startswith(f"{prefix}{MODULE_NAME}.")]:
        del state[name]


def _add_features(student: nn.Module, args: tuple, outputs: Any) -> dict[str, Any] | None:
    """Forward hook of the student: put what objectives want in the output, in place of all its hidden states."""
    projections = getattr(student, MODULE_NAME, None)
    if projections is None or not projections.enabled or not projections.is_needed:
        return None
    result = dict(outputs)
    states = result.pop("hidden_states", ())
    if states and "last_hidden_state" in result and last_state_is_the_models(student):
        states = (*states[:-1], result["last_hidden_state"])
    result[OUTPUT_KEY] = projections(states)
    return result
