# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Runs whose student is of another architecture than the teacher, with the same tokenizer."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

from hf_distill.pipeline.recipe import parse_recipe
from hf_distill.pipeline.run import run_recipe

SIZES: dict[str, dict[str, Any]] = {
    "bert": {},
    "distilbert": {"dim": 32, "n_layers": 4, "n_heads": 4, "hidden_dim": 64},
    "roberta": {"pad_token_id": 0},
    "electra": {"embedding_size": 16},
    "deberta-v2": {"relative_attention": True, "pos_att_type": ["c2p", "p2c"], "position_buckets": 8},
    "modernbert": {"pad_token_id": 0, "reference_compile": False, "local_attention": 8},
}
PAIRS = [("bert", "distilbert"), ("roberta", "electra"), ("deberta-v2", "modernbert"), ("distilbert", "bert")]
OBJECTIVES = ["logits_kl:temperature=2", "hidden_mse", "similarity:layers=last", "minilm_v2:layers=last"]


@pytest.fixture
def checkpoint(setup: Any, tmp_path: Path) -> Any:
    def make(kind: str) -> Path:
        folder, tokenizer = tmp_path / kind, AutoTokenizer.from_pretrained(setup.folder / "teacher")
        shutil.copytree(setup.folder / "teacher", folder)
        widths = {"hidden_size": 32, "num_hidden_layers": 4, "num_attention_heads": 4, "intermediate_size": 64}
        options = {"max_position_embeddings": 40, "vocab_size": len(tokenizer), **widths, **SIZES[kind]}
        torch.manual_seed(1)
        config = AutoConfig.for_model(kind, **{"num_labels": 2, "id2label": {0: "neg", 1: "pos"}, **options})
        AutoModelForSequenceClassification.from_config(config).save_pretrained(folder)
        return folder

    return make


@pytest.mark.parametrize(("teacher", "student"), PAIRS)
def test_a_student_of_another_architecture_learns(
    teacher: str, student: str, setup: Any, checkpoint: Any, tmp_path: Path
) -> None:
    content = setup.content(
        teacher__model=str(checkpoint(teacher)),
        student={"model": str(checkpoint(student)), "num_hidden_layers": 2},
        objectives=OBJECTIVES,
    )
    run = run_recipe(parse_recipe(content), tmp_path / "run")
    assert AutoConfig.from_pretrained(run / "student").model_type == student
    report = json.loads((run / "report" / "metrics.json").read_text())
    assert report["student"]["parameters"] < report["teacher"]["parameters"]
    history = json.loads((run / "manifest.json").read_text())["stages"]["student"]
    assert [objective["name"] for objective in history["objectives"]] == [
        entry.partition(":")[0] for entry in OBJECTIVES
    ]
