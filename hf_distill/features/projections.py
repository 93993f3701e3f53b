# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Projections: learned maps from the student's width to the teacher's, part of the student while it is trained."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import PreTrainedModel

from hf_distill.errors import InputError
from hf_distill.features.attention import AttentionCapture, AttentionStates
from hf_distill.features.features import Features, Needs

MODULE_NAME = "distillation_projections"
FILE_NAME = "projections.safetensors"
OUTPUT_KEY = "distillation_features"
PARTS = ("query", "key", "value")


class Projections(nn.Module):
    """
    What the objectives want of the student beside its logits, computed inside the student's own forward.

    The module is attached to the student, so that the optimizer, gradient clipping and every wrapper (DDP, FSDP) see
    one model. What it computes leaves the student's forward as part of a plain dict, because DDP looks for unused
    parameters in the output. Its weights are kept out of everything that `save_pretrained` writes.

    Args:
        pairs (`Iterable[tuple[int, int]]`): `(student layer, teacher layer)` pairs that objectives compare.
        student_width (`int`): Width of the student's hidden states.
        teacher_width (`int`): Width of the teacher's hidden states. A pair has a learned linear map only where the
            widths differ.
        seed (`int`, *optional*, defaults to 42): Seed of the initial weights; every process must give the same.
        needs ([`Needs`], *optional*): What objectives read of the student as it is: hidden states in its own width,
            queries, keys and values.
    """

    def __init__(
        self,
        pairs: Iterable[tuple[int, int]],
        student_width: int,
        teacher_width: int,
        seed: int = 42,
        needs: Needs | None = None,
    ):
        super().__init__()
        self.pairs = sorted(set(pairs))
        needs = needs or Needs()
        self.layers, self.attention = sorted(needs.hidden_states), sorted(needs.attention)
        self.maps = nn.ModuleDict()
        self.enabled = False
        self._capture: AttentionCapture | None = None
        self._recorded: dict[int, AttentionStates] = {}
        if student_width != teacher_width:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                for pair in self.pairs:
                    self.maps[self._key(pair)] = _orthogonal_linear(student_width, teacher_width)

    @staticmethod
    def _key(pair: tuple[int, int]) -> str:
        return f"{pair[0]}_{pair[1]}"

    @property
    def reads_hidden_states(self) -> bool:
        """Whether the student must be asked for its hidden states."""
        return bool(self.pairs or self.layers)

    def forward(self, hidden_states: tuple[torch.Tensor, ...]) -> dict[str, torch.Tensor]:
        """Return the hidden states of each pair's student layer in the teacher's width, then those of the layers."""
        result = {}
        for pair in self.pairs:
            key = self._key(pair)
            states = hidden_states[pair[0]]
            # The maps stay in 32 bits beside a student that was loaded in fewer.
            result[key] = self.maps[key](states.to(self.maps[key].weight.dtype)) if key in self.maps else states
        return result | {str(layer): hidden_states[layer] for layer in self.layers}

    def recorded_attention(self) -> dict[str, torch.Tensor]:
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

    def read(self, outputs: dict[str, Any]) -> Features:
        """Take what was captured out of the student's output: hidden states keyed by pair or by layer, attention."""
        captured = outputs[OUTPUT_KEY] if self.pairs or self.layers or self.attention else {}
        projected = {pair: captured[self._key(pair)] for pair in self.pairs}
        attention = {
            layer: AttentionStates(*(captured[f"{part}_{layer}"] for part in PARTS), heads=self._capture.heads)
            for layer in self.attention
        }
        return Features(
            hidden_states=projected | {layer: captured[str(layer)] for layer in self.layers}, attention=attention
        )

    @contextmanager
    def capturing(self) -> Iterator[None]:
        """Let the student's forward return what objectives want; outside of this its output is untouched."""
        self.enabled = True
        try:
            if self._capture is None:
                yield
            else:
                with self._capture.recording() as self._recorded:
                    yield
        finally:
            self.enabled, self._recorded = False, {}

    def attach(self, student: PreTrainedModel) -> None:
        """Make this module part of `student`, in place of projections that an earlier trainer attached."""
        detach(student)
        if not self.pairs and not self.layers and not self.attention:
            return
        if self.attention:
            self._capture = AttentionCapture(student, self.attention)
        student.add_module(MODULE_NAME, self)
        self.to(device=student.device)
        student.register_forward_hook(_add_features)
        ignored = {f"{MODULE_NAME}.{name}" for name in self.state_dict()}
        if ignored:
            student._keys_to_ignore_on_save = set(student._keys_to_ignore_on_save or []) | ignored

    def save(self, folder: str | Path) -> None:
        """Write the weights to `folder`, if there are any."""
        if self.maps:
            save_file(
                {name: value.contiguous() for name, value in self.state_dict().items()}, Path(folder) / FILE_NAME
            )

    def load(self, folder: str | Path) -> None:
        """
        Restore the weights that `save` wrote to `folder`.

        Raises:
            InputError: If the file is missing or holds other projections.
        """
        if not self.maps:
            return
        path = Path(folder) / FILE_NAME
        if not path.is_file():
            raise InputError(f"{path}: no such file; the checkpoint was not written with these objectives")
        saved, own = load_file(path), self.state_dict()
        if {name: value.shape for name, value in saved.items()} != {name: value.shape for name, value in own.items()}:
            raise InputError(f"{path}: holds projections {sorted(saved)}, the objectives need {sorted(own)}")
        self.load_state_dict(saved)


def detach(student: nn.Module) -> None:
    """Take attached projections off `student`, so that it is the model it was before."""
    attached = getattr(student, MODULE_NAME, None)
    if attached is None:
        return
    for key in [key for key, hook in student._forward_hooks.items() if hook is _add_features]:
        del student._forward_hooks[key]
    names = {f"{MODULE_NAME}.{name}" for name in attached.state_dict()}
    student._keys_to_ignore_on_save = set(student._keys_to_ignore_on_save or []) - names
    delattr(student, MODULE_NAME)


def _add_features(student: nn.Module, args: tuple, outputs: Any) -> dict[str, Any] | None:
    """Forward hook of the student: put what objectives want in the output, in place of all its hidden states."""
    projections = getattr(student, MODULE_NAME, None)
    if projections is None or not projections.enabled:
        return None
    result = dict(outputs)
    captured = projections(result.pop("hidden_states")) if projections.reads_hidden_states else {}
    result[OUTPUT_KEY] = captured | projections.recorded_attention()
    return result


def _orthogonal_linear(inputs: int, outputs: int) -> nn.Linear:
    # An orthogonal start keeps lengths and angles, so the objective begins with the geometry of the student.
    linear = nn.Linear(inputs, outputs)
    nn.init.orthogonal_(linear.weight)
    nn.init.zeros_(linear.bias)
    return linear
