# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""What objectives compare where teacher and student have different tokenizers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from hf_distill.errors import InputError
from hf_distill.features.alignment import Alignment, has_token_logits, means_of
from hf_distill.features.batch import BatchView
from hf_distill.features.features import Features
from hf_distill.features.units import IGNORED_LABEL, Unit
from hf_distill.objectives.base import LogitsObjective, Objective
from hf_distill.objectives.layered import TOKENS, LayersObjective, TokensObjective


def check_across_tokenizers(objectives: Iterable[Objective]) -> None:
    """
    Check that objectives can compare models with different tokenizers.

    Raises:
        InputError: If one cannot; the message names it.
    """
    for objective in objectives:
        if not objective.across_tokenizers:
            raise InputError(
                f"objective {objective.name}: compares {objective.reads or 'models'} token by token, and teacher and "
                "student cut texts into different tokens; choose one on logits or hidden states, such as hidden_mse, "
                "or a student with the teacher's tokenizer"
            )
        if isinstance(objective, LayersObjective) and objective.chooses_layers:
            raise InputError(
                f"objective {objective.name}: layers auto compares layers token by token, and teacher and student cut "
                "texts into different tokens; give pairs of layers"
            )


def compared_across(
    objective: Objective, alignment: Alignment, student: Features, teacher: Features, batch: BatchView
) -> tuple[Features, Features, BatchView]:
    """
    Return what an objective is called with: features of both sides at the same spans, words or examples.

    An objective on one vector of each example gets those of the tokens that each side has. One on the logits of
    tokens, and one on predicted tokens, gets the first tokens of the words that both have; others on hidden states get
    the means of the spans that both have.

    Args:
        objective ([`Objective`]): The objective, bound to the models.
        alignment ([`Alignment`]): What the tokens of both have in common.
        student ([`Features`]): The student's features, at its own tokens.
        teacher ([`Features`]): The teacher's, at its own tokens.
        batch ([`BatchView`]): The batch, whose masks are of spans and words.

    Raises:
        InputError: If logits are of tokens, and there are no words to compare them at.
    """
    sides = _chosen(objective, student, teacher)
    pooling = objective.compared_pooling if isinstance(objective, LayersObjective) else None
    by_words = isinstance(objective, TokensObjective) and TOKENS[objective.tokens] is Unit.PREDICTION
    token_logits = has_token_logits(teacher)
    if token_logits and (by_words or pooling is not None or isinstance(objective, LogitsObjective)):
        if alignment.words is None:
            raise InputError(
                f"objective {objective.name}: compares logits of tokens, and teacher and student cut texts into "
                "different ones; encode texts in words, with is_split_into_words=True"
            )
        words = alignment.words[0]
        of_tokens = batch.labels is not None and batch.labels.shape == alignment.masks[0].shape
        labels = words.first_of(batch.labels, IGNORED_LABEL) if of_tokens else batch.labels
        batch = replace(batch, labels=labels)
    if pooling is None:
        by_words = alignment.words is not None and (by_words or isinstance(objective, LogitsObjective))
        return *means_of(alignment.words if by_words else alignment.spans, sides), batch
    vectors = alignment.pooled(sides, pooling)
    if token_logits:
        of_words = means_of(alignment.words, (Features(student.logits), Features(teacher.logits)))
        vectors = tuple(replace(own, logits=other.logits) for own, other in zip(vectors, of_words))
    real = alignment.masks[0].any(1, keepdim=True)
    return *vectors, replace(batch, masks={**batch.masks, Unit.TOKEN: real})


def _chosen(objective: Objective, student: Features, teacher: Features) -> tuple[Features, Features]:
    """Leave out the layers of other objectives."""
    pairs = objective.pairs if isinstance(objective, LayersObjective) else []
    result = []
    for features, place in ((student, 0), (teacher, 1)):
        layers = {*pairs, *(pair[place] for pair in pairs)}
        states = {layer: values for layer, values in features.hidden_states.items() if layer in layers}
        result.append(Features(logits=features.logits, hidden_states=states))
    return tuple(result)
