# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Tests of the card of a recording, of what leaves this machine, and of what is refused before anything does."""

from __future__ import annotations

import copy
import importlib.util
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import DatasetCard

import hf_distill
from hf_distill.errors import InputError
from hf_distill.knowledge.fetch import fetch_address, fetch_recording
from hf_distill.knowledge.recorded import RecordedTeacher
from hf_distill.knowledge.sources import as_source
from hf_distill.publishing.recordings import push_recording, redact_recording, render_recording_card

CARD_RULES = Path(__file__).parents[1] / "hub" / "card_rules.py"
TOKEN = f"hf_{'a1' * 17}"


@pytest.fixture
def recording(make_bert: Callable, make_rows: Callable, collate: type, tmp_path: Path) -> Path:
    """A recording of a teacher in a folder, with hidden states for each token and pooled."""
    make_bert().save_pretrained(tmp_path / "runs of ada" / "teacher")
    return hf_distill.record_knowledge(
        teacher_model=tmp_path / "runs of ada" / "teacher",
        train_dataset=make_rows(20),
        objectives=[
            {"name": "hidden_mse", "weight": 0.5, "layers": [[1, 2]]},
            {"name": "rkd_distance", "layers": "last"},
            {"name": "logits_kl", "temperature": 2.0},
        ],
        output_dir=tmp_path / "recording",
        student_config=make_bert(seed=1, num_hidden_layers=2).config,
        data_collator=collate(),
        compression="int8",
        precision="fp32",
        rows_per_shard=8,
    )


@pytest.fixture
def content(recording: Path) -> dict[str, Any]:
    return json.loads((recording / "recording.json").read_text())


def card_of(content: dict[str, Any], teacher: str | None = None, **options: Any) -> DatasetCard:
    return render_recording_card(redact_recording(content, teacher), "ada/what-bert-says", **options)


def test_the_card_says_what_was_recorded(content):
    text = card_of(content, "google-bert/bert-base-uncased").text
    bytes_of, errors = content["bytes_per_token"], content["relative_error"]
    for line in (
        "# what-bert-says",
        "- Teacher: `google-bert/bert-base-uncased`, `BertForSequenceClassification`, which computed in fp32",
        f"- Rows: 20, of at most {content['max_length']} tokens",
        f"- Tokens: {content['tokens']}",
        "- Compression: values int8; space full",
        "- Objective `hidden_mse`: weight 0.5; layer map (student from teacher) 1 from 2; tokens real",
        "- Objective `rkd_distance`: weight 1.0; layer map last; pooling mean",
        "- Objective `logits_kl`: weight 1.0; temperature 2.0",
        "| `knowledge_row` | fingerprint of the row that the teacher read | row | | int64 | | |",
        "| `knowledge_hidden_2` | hidden states of layer 2 | token | 32 | int8 | 36 | "
        f"{errors['knowledge_hidden_2']:.2g} |",
        f"| `knowledge_hidden_4` | hidden states of layer 4, pooled: mean | row | 32 | int8 | "
        f"{bytes_of['knowledge_hidden_4']:g} | {errors['knowledge_hidden_4']:.2g} |",
        f"- Weights of the teacher: `{content['teacher']['weights']}`",
        "- Tokenizer: not recorded",
        f"- Rows: `{content['rows_hash']}`",
    ):
        assert f"\n{line}\n" in f"\n{text}\n", line
    assert "hidden states, queries, keys and values may reveal the tokens" in text


@pytest.mark.parametrize(("license", "rows"), [(None, 20), ("MIT", 1000)])
def test_the_hub_accepts_the_metadata(content, license, rows):
    specification = importlib.util.spec_from_file_location("card_rules", CARD_RULES)
    rules = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(rules)
    card = card_of({**content, "rows": rows}, license=license)
    assert rules.check_card(str(card), "dataset") == ([], [])
    data = card.data.to_dict()
    assert data.get("license") == (license and "mit")
    assert data["size_categories"] == (["n<1K"] if rows == 20 else ["1K<n<10K"])
    assert "knowledge-distillation" in data["tags"]
    assert data["configs"] == [{"config_name": "default", "data_files": [{"split": "train", "path": "data/*.arrow"}]}]


def test_the_card_trains_with_the_objectives_of_the_recording(content, tmp_path):
    load, train = re.findall(r"```python\n(.*?)```", card_of(content).text, re.S)
    assert 'load_dataset("ada/what-bert-says", split="train")' in load
    assert 'teacher_model="hf://datasets/ada/what-bert-says"' in train
    names: dict[str, Any] = {}
    exec(train[: train.index("trainer =")], names)
    assert names["objectives"] == content["objectives"]
    args = names["DistillationTrainingArguments"](output_dir=str(tmp_path), objectives=names["objectives"])
    assert [objective.to_dict() for objective in map(_built, args.objectives)] == content["objectives"]


def _built(objective: Any) -> Any:
    from hf_distill.objectives import build_objective

    return build_objective(objective)


def test_logits_alone_do_not_reveal_texts(content):
    content["columns"] = [column for column in content["columns"] if column["kind"] == "logits"]
    assert "may reveal the tokens" not in card_of(content).text


def test_nothing_private_is_left(content, recording, tmp_path):
    assert content["teacher"]["path"] == str(tmp_path / "runs of ada" / "teacher")
    content["teacher_config"] |= {
        "base": f"{tmp_path}/base",
        "hub_token": "secret",
        "note": TOKEN,
        "id2label": {"0": "/m/09x0r", "1": "token", "2": TOKEN},
        "label2id": {"/m/09x0r": 0, "token": 1, TOKEN: 2},
    }
    before = copy.deepcopy(content)
    redacted = redact_recording(content)
    text = json.dumps(redacted) + str(render_recording_card(redacted, "ada/x"))
    for private in (str(tmp_path), "runs of ada", "secret", TOKEN, "hub_token"):
        assert private not in text, private
    assert content == before
    assert redacted["teacher"] == {**content["teacher"], "path": None}
    assert redacted["teacher_config"]["id2label"] == {"0": "/m/09x0r", "1": "token", "2": "[token removed]"}
    for name in ("columns", "shards", "objectives", "rows_hash", "compression", "relative_error"):
        assert redacted[name] == content[name]


def test_a_redacted_recording_is_read_as_before(content, recording):
    config = RecordedTeacher(recording).config.to_dict()
    (recording / "recording.json").write_text(json.dumps(redact_recording(content)))
    assert RecordedTeacher(recording).config.to_dict() == config


@pytest.mark.parametrize(
    "repo_id", [None, "", "ada/", "/what", "a/b/c", "ada/two words", "ada/what\n", "ada/a--b", "ada/é", "ada/x.git"]
)
def test_a_wrong_name_is_refused(recording, repo_id):
    with pytest.raises(InputError, match=r"\Arepo_id: must be OWNER/NAME, .*; got .*\Z"):
        push_recording(recording, repo_id)
    with pytest.raises(InputError, match=r"\Arepo_id: must be OWNER/NAME"):
        fetch_recording(repo_id)


@pytest.mark.parametrize("damage", ["missing", "shard", "truncated", "gone", "json", "keys", "list"])
def test_what_is_no_whole_recording_is_refused(recording, damage):
    shard = recording / "data" / "train-00001-of-00003.arrow"
    about = recording / "recording.json"
    if damage == "missing":
        about.rename(recording / "plan.json")
    elif damage == "shard":
        shard.write_bytes(shard.read_bytes()[:-1] + b"x")
    elif damage == "truncated":
        shard.write_bytes(shard.read_bytes()[:-1])
    elif damage == "gone":
        shard.unlink()
    else:
        about.write_text({"json": "{", "keys": '{"format": 1}', "list": "[]"}[damage])
    with pytest.raises(InputError, match=r"\Afolder: [^\n]*\Z"):
        push_recording(recording, "ada/what-bert-says")


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"\Afolder: .*nothing"):
        push_recording(tmp_path / "nothing", "ada/what-bert-says")


@pytest.mark.parametrize(
    "address",
    ["hf://", "hf://ada/x", "hf://models/ada/x", "hf://datasets/x", "hf://datasets/ada/x/data", "hf://datasets/a/b@"],
)
def test_a_wrong_address_is_refused(address):
    with pytest.raises(InputError, match=r"\Ateacher_model: a recording on the Hub is named hf://datasets/OWNER/NAME"):
        as_source(address)


def test_a_wrong_name_in_an_address_is_that_of_the_teacher():
    with pytest.raises(InputError, match=r"\Ateacher_model: must be OWNER/NAME"):
        fetch_address("hf://datasets/ada/a--b")


def test_pushing_is_a_public_name():
    assert hf_distill.push_recording is push_recording
    assert "push_recording" in hf_distill.__all__
