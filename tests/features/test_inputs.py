# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn
from transformers import BertForQuestionAnswering

from hf_distill.features.inputs import input_names, select_inputs, without_labels


class Anything(nn.Module):
    def forward(self, **kwargs: torch.Tensor) -> dict[str, torch.Tensor]:
        return kwargs


def test_names_are_the_arguments_of_the_forward(make_bert: Callable) -> None:
    names = input_names(make_bert(num_hidden_layers=1))
    assert {"input_ids", "attention_mask", "token_type_ids", "labels"} <= set(names)
    assert not {"self", "kwargs"} & set(names)


def test_a_forward_of_keywords_alone_takes_the_whole_batch() -> None:
    assert input_names(Anything()) is None
    assert select_inputs({"a": 1}, None) == {"a": 1}


def test_only_named_entries_are_selected() -> None:
    assert select_inputs({"a": 1, "b": 2}, ["b", "c"]) == {"b": 2}


def test_what_tells_the_answer_is_left_out(make_bert: Callable) -> None:
    for model_class in (None, BertForQuestionAnswering):
        options = {"model_class": model_class} if model_class else {}
        names = without_labels(input_names(make_bert(num_hidden_layers=1, **options)))
        assert {"input_ids", "position_ids"} <= set(names)
        assert not {"labels", "start_positions", "end_positions"} & set(names)
    assert without_labels(None) == []
