# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""The units that losses are averaged over, and which of them are real in a batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum

import torch

from hf_distill.features.shared import SPANS, WORDS, SharedSpans

IGNORED_LABEL = -100
PREDICTION_MASK = "prediction_mask"
SPAN_LABELS = ("start_positions", "end_positions")
"""What holds the label of a model that finds spans: the first and the last token."""
IGNORED_POSITION = 2**31 - 1
"""The position that says that there is no label; so is any that is not among the tokens of the batch."""


class Unit(str, Enum):
    """One thing that has a loss of its own; a mean divides by how many of them the whole global batch holds."""

    EXAMPLE = "example"
    """A row of the batch, unless all of it is padding."""
    TOKEN = "token"
    """A token that is not padding."""
    CONTENT = "content"
    """A token that is neither padding nor one of the tokenizer's special tokens, such as [CLS] and [SEP]."""
    PREDICTION = "prediction"
    """A token whose logits count, such as the first sub-token of each word."""
    LABEL = "label"
    """A label that is not ignored."""


def unit_masks(batch: Mapping[str, torch.Tensor], special_ids: Sequence[int] = ()) -> dict[Unit, torch.Tensor]:
    """
    Say which units of a batch are real.

    Args:
        batch (`Mapping[str, torch.Tensor]`): What the collator returned. `attention_mask` of shape
            `(batch, tokens)` marks the real tokens (all, if it is absent); of `(batch, choices, tokens)`, where an
            example has several texts, each of these is a sequence of its own, as it is for the models. The predicted
            tokens are those of a boolean `prediction_mask` of the same shape if there is one, else those with a label
            other than -100, else the real tokens. Labels are those of `labels`, or the spans that begin at one of the
            tokens by `start_positions`: models leave out the others.
        special_ids (`Sequence[int]`, *optional*): Ids of the special tokens, which are no content.

    Returns:
        `dict[Unit, torch.Tensor]`: A boolean mask for each unit: `(batch,)` for examples, `(sequences, tokens)` for
        tokens, content and predictions, for labels their own shape, or `(batch,)` for spans. A unit that the batch
        does not have is left out. Where teacher and student have different tokenizers, the spans of text that both
        have stand for tokens and content, and the words that both have for predictions.
    """
    first = next(value for value in batch.values() if isinstance(value, torch.Tensor))
    masks = {Unit.EXAMPLE: torch.ones(first.shape[0], dtype=torch.bool, device=first.device)}
    tokens = token_mask(batch)
    labels = batch.get("labels")
    if labels is not None:
        masks[Unit.LABEL] = known_labels(labels)
    if tokens is not None:
        if batch.get(SPAN_LABELS[0]) is not None:
            masks[Unit.LABEL] = batch[SPAN_LABELS[0]].flatten() < tokens.shape[1]
        masks[Unit.EXAMPLE] = tokens.flatten(1).any(1)
        masks[Unit.TOKEN] = tokens
        masks[Unit.CONTENT] = _content_mask(batch, tokens, special_ids)
        masks[Unit.PREDICTION] = _prediction_mask(batch, tokens)
        if tokens.dim() > 2:
            masks |= {unit: masks[unit].flatten(0, -2) for unit in (Unit.TOKEN, Unit.CONTENT, Unit.PREDICTION)}
        masks |= _shared_masks(batch, masks)
    return masks


def known_labels(labels: torch.Tensor) -> torch.Tensor:
    """Say which labels are there: all but those of -100, which marks missing ids and missing numbers alike."""
    return labels != IGNORED_LABEL


def token_mask(batch: Mapping[str, torch.Tensor]) -> torch.Tensor | None:
    """Say which tokens of a batch are real, by its attention mask; `None` if it has no tokens."""
    if batch.get("attention_mask") is not None:
        return batch["attention_mask"].bool()
    if batch.get("input_ids") is not None:
        return torch.ones_like(batch["input_ids"], dtype=torch.bool)
    return None


def _shared_masks(batch: Mapping[str, torch.Tensor], tokens: dict[Unit, torch.Tensor]) -> dict[Unit, torch.Tensor]:
    """Return the masks of what student and teacher share, where they have different tokenizers."""
    spans = SharedSpans.both(batch, SPANS)
    if spans is None:
        return {}
    words = SharedSpans.both(batch, WORDS) or spans
    return {
        Unit.TOKEN: spans[0].mask,
        Unit.CONTENT: spans[0].any_of(tokens[Unit.CONTENT]),
        Unit.PREDICTION: words[0].any_of(tokens[Unit.PREDICTION]),
    }


def _content_mask(batch: Mapping[str, torch.Tensor], tokens: torch.Tensor, special_ids: Sequence[int]) -> torch.Tensor:
    if not special_ids or batch.get("input_ids") is None:
        return tokens
    return tokens & ~torch.isin(batch["input_ids"], torch.tensor(special_ids, device=tokens.device))


def _prediction_mask(batch: Mapping[str, torch.Tensor], tokens: torch.Tensor) -> torch.Tensor:
    if batch.get(PREDICTION_MASK) is not None:
        return batch[PREDICTION_MASK].bool() & tokens
    labels = batch.get("labels")
    if labels is not None and labels.shape == tokens.shape and not labels.is_floating_point():
        return (labels != IGNORED_LABEL) & tokens
    return tokens


def mean_over(
    losses: torch.Tensor, unit: Unit, masks: dict[Unit, torch.Tensor], counts: dict[Unit, torch.Tensor]
) -> torch.Tensor:
    """Return the part of these losses in the mean over the real units of the global batch."""
    if unit not in masks:
        # Images all have the same number of patches, each of them real.
        losses, unit = losses.flatten(1).mean(1), Unit.EXAMPLE
    if unit is Unit.EXAMPLE and len(losses) > len(masks[unit]):
        # An example of several sequences has the mean of their losses.
        losses = losses.unflatten(0, (len(masks[unit]), -1)).mean(1)
    return torch.where(masks[unit], losses, 0.0).sum() / counts[unit]


def task_part(mean: torch.Tensor, masks: dict[Unit, torch.Tensor], counts: dict[Unit, torch.Tensor]) -> torch.Tensor:
    """Weigh a model's own mean over this batch's labels to be its part of the mean over the global batch's."""
    unit = Unit.LABEL if Unit.LABEL in masks else Unit.EXAMPLE
    labels = masks[unit].sum()
    # A batch without a single label has no mean: 0 / 0 is kept out of the sum. (Several GPUs in one process give
    # a mean each.)
    return torch.where(labels > 0, mean.mean() * labels, 0.0) / counts[unit]
