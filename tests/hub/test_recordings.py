# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Sharing recordings on a stand-in for the Hub: pushing, what is there afterwards, and training from it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import default_data_collator

from hf_distill import record_knowledge

pytestmark = pytest.mark.hub

NAME = "tester/what-a-teacher-said"
OBJECTIVES = ["logits_kl", "hidden_mse", {"name": "rkd_distance", "layers": "last"}]
SHARDS = [f"data/train-{number:05}-of-00003.arrow" for number in range(3)]
FILES = sorted(
    [".gitattributes", "README.md", "dataset_info.json", "recording.json", "reductions.safetensors", "state.json"]
)


@pytest.fixture
def models(make_bert: Callable, tmp_path: Path) -> dict[str, str]:
    """A teacher and a student in folders."""
    folders = {"teacher": str(tmp_path / "models of ada" / "teacher"), "student": str(tmp_path / "student-model")}
    make_bert().save_pretrained(folders["teacher"])
    make_bert(seed=1, num_hidden_layers=2).save_pretrained(folders["student"])
    return folders


@pytest.fixture
def rows() -> list[dict[str, Any]]:
    """Rows of one length, which need no padding."""
    tokens = torch.randint(1, 64, (20, 8), generator=torch.Generator().manual_seed(0)).tolist()
    return [{"input_ids": row, "attention_mask": [1] * 8, "labels": row[0] % 3} for row in tokens]


@pytest.fixture
def rows_file(rows: list[dict[str, Any]], tmp_path: Path) -> str:
    """The rows in a file."""
    (tmp_path / "rows.json").write_text(json.dumps(rows))
    return str(tmp_path / "rows.json")


@pytest.fixture
def record(make_bert: Callable, models: dict[str, str], rows: list[dict[str, Any]], tmp_path: Path) -> Callable:
    """Record the teacher, 20 rows in shards of 8, a part of each hidden state in 16 bits."""

    def make(name: str = "recording", **options: Any) -> str:
        settings = {
            "teacher_model": models["teacher"],
            "train_dataset": rows,
            "objectives": OBJECTIVES,
            "output_dir": tmp_path / name,
            "student_config": make_bert(seed=1, num_hidden_layers=2).config,
            "data_collator": default_data_collator,
            "compression": "fp16:pca=8",
            "precision": "fp32",
            "rows_per_shard": 8,
        }
        return str(record_knowledge(**{**settings, **options}))

    return make


def uploads(hub: Any) -> int:
    return sum(entry["op"] in ("lfs-put", "commit") and entry["status"] in (0, 200) for entry in hub.hub.log)


def test_what_was_pushed_can_be_loaded_and_holds_nothing_private(client, hub, record, tmp_path, token):
    folder = record()
    message = f"See {tmp_path}/notes and {token}"
    url, names, titles, found, text, said, loaded = client(
        ("push", {"folder": folder, "repo_id": NAME, "private": True, "token": token, "commit_message": message}),
        ("files", {"repo_id": NAME}),
        ("commits", {"repo_id": NAME}),
        ("information", {"repo_id": NAME}),
        ("read", {"repo_id": NAME, "file": "README.md"}),
        ("read", {"repo_id": NAME, "file": "recording.json"}),
        ("load", {"repo_id": NAME}),
    )
    assert url == f"{hub.url}/datasets/{NAME}"
    assert names == sorted([*FILES, *SHARDS])
    assert titles == ["See notes and [token removed]", "initial commit"]
    assert found["private"] and "knowledge-distillation" in found["tags"]
    assert "- Teacher: `BertForSequenceClassification`, which computed in fp32" in text
    local = json.loads((Path(folder) / "recording.json").read_text())
    assert local["teacher"]["path"] is not None
    assert json.loads(said) == {**local, "teacher": {**local["teacher"], "path": None}}
    assert loaded["splits"] == ["train"]
    assert loaded["columns"] == ["knowledge_row", "knowledge_logits", "knowledge_hidden_2", "knowledge_hidden_4"]
    assert len(loaded["rows"]) == 20 and loaded["streamed"] == loaded["rows"] and loaded["same"]
    uploaded = [path for path in hub.hub.root.rglob("*") if path.is_file()]
    assert len(uploaded) > len(SHARDS)
    for path in uploaded:
        content = path.read_bytes()
        for private in (token, str(tmp_path), str(Path.home()), "models of ada"):
            assert private.encode() not in content, (path, private)


def test_training_from_the_hub_is_training_from_the_folder(client, hub, record, models, rows_file):
    folder = record()
    given = {"student": models["student"], "rows": rows_file, "objectives": OBJECTIVES}
    address = f"hf://datasets/{NAME}"
    _, found, here, there, at_a_commit, followed, fetched, nowhere = client(
        ("push", {"folder": folder, "repo_id": NAME}),
        ("information", {"repo_id": NAME}),
        ("train", {"teacher": folder, **given}),
        ("train", {"teacher": address, **given}),
        ("train", {"teacher": f"{address}@main", **given}),
        ("follow_card", {"repo_id": NAME, "student": models["student"], "rows": rows_file}),
        ("fetch", {"repo_id": NAME}),
        ("train", {"teacher": f"{address}@v9", **given}),
    )
    assert not found["private"]
    assert len(here) == 4 and here == there == at_a_commit
    assert followed == {"rows": 20, "steps": 9}
    assert fetched["rows"] == 20
    assert nowhere == (
        f"InputError: teacher_model: the Hub does not have the data set {NAME} at v9; check the branch, tag or commit"
    )


def test_pushing_again_sends_nothing(client, hub, record):
    folder = record()
    first, again, titles = client(
        ("push", {"folder": folder, "repo_id": NAME}),
        ("push", {"folder": folder, "repo_id": NAME}),
        ("commits", {"repo_id": NAME}),
    )
    assert first == again == f"{hub.url}/datasets/{NAME}"
    assert titles == ["Upload a recording", "initial commit"]
    assert uploads(hub) == len(SHARDS) + 2


def test_a_commit_without_an_answer_is_there_and_is_not_made_again(client, hub, record):
    hub.hub.add_fault("commit@1=lost")
    folder = record()
    lost, again, titles, loaded = client(
        ("push", {"folder": folder, "repo_id": NAME}),
        ("push", {"folder": folder, "repo_id": NAME}),
        ("commits", {"repo_id": NAME}),
        ("load", {"repo_id": NAME}),
    )
    assert lost == again == f"{hub.url}/datasets/{NAME}"
    assert titles == ["Upload a recording", "initial commit"]
    assert len(loaded["rows"]) == 20


@pytest.mark.parametrize("fault", ["lfs-put@2x40=403", "commit@1x9=500"])
def test_a_failed_upload_shows_nothing_and_is_continued(client, hub, record, fault):
    hub.hub.add_fault(fault)
    folder = record()
    failed, names = client(("push", {"folder": folder, "repo_id": NAME}), ("files", {"repo_id": NAME}))
    assert "Error" in failed and names == [".gitattributes"]
    hub.hub.faults.clear()
    again, names, fetched = client(
        ("push", {"folder": folder, "repo_id": NAME}), ("files", {"repo_id": NAME}), ("fetch", {"repo_id": NAME})
    )
    assert again == f"{hub.url}/datasets/{NAME}"
    assert names == sorted([*FILES, *SHARDS])
    assert fetched["rows"] == 20


def test_another_recording_takes_the_place_of_the_first(client, hub, record, rows):
    one, other = record(), record("other", train_dataset=rows[:12], compression="fp16", rows_per_shard=8)
    _, _, names, titles, loaded = client(
        ("push", {"folder": one, "repo_id": NAME}),
        ("push", {"folder": other, "repo_id": NAME}),
        ("files", {"repo_id": NAME}),
        ("commits", {"repo_id": NAME}),
        ("load", {"repo_id": NAME}),
    )
    kept = [name for name in FILES if name != "reductions.safetensors"]
    assert names == sorted([*kept, "data/train-00000-of-00002.arrow", "data/train-00001-of-00002.arrow"])
    assert len(titles) == 3 and len(loaded["rows"]) == 12


def test_what_the_hub_has_is_not_given_away_or_overwritten(client, hub, record):
    folder = record()
    results = client(
        ("create", {"repo_id": "tester/public", "repo_type": "dataset"}),
        ("push", {"folder": folder, "repo_id": "tester/public", "private": True}),
        ("create", {"repo_id": "tester/rows", "repo_type": "dataset", "file": "train.jsonl"}),
        ("push", {"folder": folder, "repo_id": "tester/rows"}),
        ("files", {"repo_id": "tester/rows"}),
        ("fetch", {"repo_id": "tester/rows"}),
        ("fetch", {"repo_id": "tester/nothing"}),
    )
    assert results[1] == (
        "InputError: private: the data set tester/public is public; change its settings, or choose another"
    )
    assert results[3] == (
        "InputError: repo_id: the data set tester/rows holds something else than a recording; choose another"
    )
    assert results[4] == [".gitattributes", "train.jsonl"]
    assert results[5] == "InputError: repo_id: the data set tester/rows is no recording: it has no recording.json"
    assert results[6].startswith("InputError: repo_id: the Hub does not have the data set tester/nothing, or ")


@pytest.mark.parametrize("known", [True, False])
def test_a_teacher_of_the_hub_is_named_only_if_the_hub_has_it(client, hub, record, known):
    folder = Path(record())
    content = json.loads((folder / "recording.json").read_text())
    content["teacher"]["path"] = "tester/runs-teacher"
    (folder / "recording.json").write_text(json.dumps(content))
    steps = [("push", {"folder": str(folder), "repo_id": NAME}), ("read", {"repo_id": NAME, "file": "README.md"})]
    *_, text = client(*([("create", {"repo_id": "tester/runs-teacher"})] if known else []), *steps)
    assert ("runs-teacher" in text) is known
