# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

from pathlib import Path

import torch
from transformers import PreTrainedModel

from hf_distill import record_knowledge
from hf_distill.features.features import Needs
from hf_distill.knowledge.live import LiveTeacher
from hf_distill.knowledge.other_tokenizer import TeacherWithOtherTokenizer
from hf_distill.knowledge.recorded import RecordedTeacher


def test_it_reads_its_own_inputs_and_none_of_the_students(teacher: PreTrainedModel) -> None:
    ids = torch.tensor([[2, 7, 8, 3]])
    # The student's would be read as well, were they not left out.
    batch = {"input_ids": torch.tensor([[2, 3]]), "token_type_ids": torch.ones(1, 4, dtype=torch.long)}
    batch |= {"teacher_input_ids": ids, "teacher_attention_mask": torch.ones_like(ids)}
    source = TeacherWithOtherTokenizer(LiveTeacher(teacher), None)
    found = source(batch, Needs(logits=True)).logits
    torch.testing.assert_close(found, teacher(input_ids=ids, attention_mask=torch.ones_like(ids)).logits)


def test_the_columns_of_both_sides_are_kept(teacher: PreTrainedModel) -> None:
    names = TeacherWithOtherTokenizer(LiveTeacher(teacher), None).input_names
    assert {"shared_spans", "teacher_shared_spans", "teacher_input_ids", "teacher_token_type_ids"} <= set(names)
    assert not any("label" in name for name in names)


def test_a_recordings_reader_stays_as_it_was(teacher: PreTrainedModel, tmp_path: Path) -> None:
    rows = [{"input_ids": [1, 2, 3]}, {"input_ids": [1, 2, 4]}]
    recorded = RecordedTeacher(record_knowledge(teacher, rows, ["logits_mse"], tmp_path / "recording"))
    before = recorded.view
    TeacherWithOtherTokenizer(recorded, None)
    assert recorded.view is before
