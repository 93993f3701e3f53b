# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Uploading to a stand-in for the Hub: what is sent, what is visible meanwhile, and what happens when things break."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest
from conftest import READER, STRANGER, TOKEN, held, history, results_of, start

pytestmark = pytest.mark.hub

CARD = "---\nlicense: mit\ntags:\n- distillation\n---\n\n# A card\n"
FILES = {
    "README.md": CARD,
    "config.json": "{}",
    "model.safetensors": "weights " * 20,
    "onnx/model.onnx": "w",
}
DEFAULT = "Publish with hf_distill"
WRITING = ("create", "branch", "tag", "commit", "preupload", "lfs-batch", "lfs-put", "validate-yaml")


def sent(hub: Any) -> list[str]:
    """The requests since this was asked last that would change something."""
    found = [entry["op"] for entry in hub.hub.log if entry["op"] in WRITING]
    hub.hub.log.clear()
    return found


def test_a_second_upload_sends_nothing_and_a_changed_file_alone(uploader, hub):
    changed = {**FILES, "config.json": '{"a": 1}'}
    first, second, third = uploader(
        *(("put", {"repo_id": "tester/model", "files": files, "tag": tag}) for files, tag in [(FILES, "v1")] * 2),
        ("put", {"repo_id": "tester/model", "files": changed}),
    )
    assert first == second and first["url"] == f"{hub.url}/tester/model"
    assert third["commit"] != first["commit"]
    one = ["create", "validate-yaml", "preupload", "lfs-batch", "lfs-put", "lfs-put", "commit", "tag"]
    assert sent(hub) == [*one, "preupload", "commit"]
    assert held(hub, "tester/model", "v1") == FILES and held(hub, "tester/model") == changed
    assert history(hub, "tester/model") == [DEFAULT, DEFAULT]


def test_what_was_ours_and_is_no_more_is_deleted_and_all_else_is_kept(uploader, hub):
    others = {"notes.txt": "mine", "model.safetensors": "old", "onnx/old.onnx": "old", "deep/onnx/kept.onnx": "k"}
    uploader(
        ("put", {"repo_id": "tester/model", "files": others}),
        ("put", {"repo_id": "tester/model", "files": FILES, "replaced": ["*.safetensors", "onnx/*"]}),
    )
    assert held(hub, "tester/model") == {**FILES, "notes.txt": "mine", "deep/onnx/kept.onnx": "k"}


def test_private_organisation_branch_tag_and_kind(uploader, hub):
    secret, ours, _, again, wrong, other, held_else = uploader(
        ("put", {"repo_id": "tester/secret", "files": FILES, "private": True, "message": f"Why {TOKEN}"}),
        ("put", {"repo_id": "friends/model", "files": FILES, "revision": "try/one", "tag": "v1"}),
        ("put", {"repo_id": "friends/rows", "files": FILES, "repo_type": "dataset"}),
        ("put", {"repo_id": "tester/secret", "files": FILES}),
        ("put", {"repo_id": "friends/model", "files": {}, "private": True}),
        ("put", {"repo_id": "friends/model", "files": {"config.json": "[]"}, "tag": "v1"}),
        ("put", {"repo_id": "friends/model", "files": FILES, "revision": "try/one", "known_by": "recording.json"}),
    )
    assert secret == again
    assert hub.hub.repo("models", "tester", "secret").json("repo.json")["private"]
    assert history(hub, "tester/secret") == ["Why [token removed]"]
    assert held(hub, "friends/model") == {}
    assert held(hub, "friends/model", "try/one") == held(hub, "friends/model", "v1") == FILES
    assert ours["url"] == f"{hub.url}/friends/model" and held(hub, "friends/rows", kind="datasets") == FILES
    assert wrong.startswith("InputError: private: the model friends/model is public; ")
    assert other.startswith("InputError: tag: v1 of the model friends/model holds something else; ")
    assert held_else.startswith("InputError: repo_id: the model friends/model holds something else than ")


def test_a_pull_request_is_opened_once(uploader, hub):
    step = ("put", {"repo_id": "tester/model", "files": FILES, "pull_request": True})
    more = ("put", {"repo_id": "tester/model", "files": {**FILES, "more.txt": "m"}, "revision": "refs/pr/1"})
    first, again, _, onto = uploader(step, step, ("plan", {}), more)
    assert first == again and first["pull_request"] == f"{hub.url}/tester/model/discussions/1"
    assert held(hub, "tester/model") == {} and onto["pull_request"] is None
    assert held(hub, "tester/model", "refs/pr/1") == {**FILES, "more.txt": "m"}
    assert history(hub, "tester/model", "refs/pr/1") == [DEFAULT, DEFAULT]


def test_wrong_tokens_and_owners_cost_one_line(uploader, hub):
    given = {"repo_id": "tester/model", "files": FILES}
    wrong = f"hf_{'x9' * 17}"
    results = uploader(
        ("put", {**given, "token": wrong}),
        ("named", {"repo_id": "model", "token": wrong}),
        ("put", {**given, "token": READER}),
        ("named", {"repo_id": "model", "token": READER}),
        ("put", {**given, "repo_id": "stranger/model"}),
        ("put", given),
        ("put", {**given, "token": STRANGER, "files": {"config.json": "[]"}}),
        ("put", {**given, "revision": "0" * 40}),
        ("put", {**given, "files": {**FILES, "README.md": CARD.replace("mit", "made-up")}}),
        ("named", {"repo_id": "model"}),
        ("forget_token", {}),
        ("named", {"repo_id": "model"}),
        ("put", {**given, "repo_id": "tester/other"}),
    )
    unknown, unknown_name, reader, reader_name, foreign, done, stranger, commit, card, name, _, nobody, no_one = (
        results
    )
    for line in (unknown, unknown_name, nobody, no_one):
        assert line.startswith("InputError: the ") and "log in with hf auth login, or set HF_TOKEN" in line
    for line in (reader, foreign, stranger):
        assert line.startswith("InputError: repo_id: this token may not write to the model ")
    assert reader_name == "InputError: repo_id: the token is for reading only; model needs one with write access"
    assert commit.startswith("InputError: revision: ") and "license" in card and card.startswith("InputError: ")
    assert name == "tester/model" and done["url"] == f"{hub.url}/tester/model"
    lines = [result for result in results if isinstance(result, str)]
    assert not any("\n" in line or "hf_" in line.replace("hf_distill", "") for line in lines)
    assert held(hub, "tester/model") == FILES and held(hub, "stranger/model") is None


REQUESTS = [
    "info", "create", "branch", "tag", "validate-yaml", "preupload", "lfs-batch", "lfs-put", "lfs-part",
    "lfs-complete", "lfs-verify", "commit",
]  # fmt: skip
FAULTS = ["500", "503", "429", "drop", "lost"]


def test_what_passes_is_waited_for_at_every_kind_of_request(uploader, hub):
    hub.hub.part_size = 50
    places = [(request, fault) for request in REQUESTS for fault in FAULTS]
    names = [f"tester/{request}-{number}" for number, (request, _) in enumerate(places)]
    options = {"files": FILES, "revision": "dev", "tag": "v1"}
    steps = [
        ("faulty", {"faults": [f"{request}@1={fault}"], "repo_id": name, **options})
        for (request, fault), name in zip(places, names)
    ]
    of_proposals = {"repo_id": "tester/proposed", "files": FILES, "pull_request": True}
    results = uploader(
        *steps,
        *(("faulty", {"faults": [f"refs@1={fault}"], **of_proposals}) for fault in FAULTS),
        *(("named", {"repo_id": "model", "faults": [f"whoami@1={fault}"]}) for fault in FAULTS),
    )
    for name, place, result in zip(names, places, results):
        assert isinstance(result, dict), (place, result)
        assert held(hub, name, "dev") == held(hub, name, "v1") == FILES, place
        assert history(hub, name, "dev") == [DEFAULT], place
    proposed, named = results[len(places) : -len(FAULTS)], results[-len(FAULTS) :]
    assert all(result == proposed[0] and result["pull_request"] for result in proposed)
    assert named == ["tester/model"] * len(FAULTS)
    seen = {entry["op"] for entry in hub.hub.log if entry["status"] in (0, 500, 503, 429)}
    assert seen >= {*REQUESTS, "refs", "whoami"}


def test_the_hub_is_given_the_time_that_it_asks_for(uploader):
    given = {"repo_id": "tester/model", "files": FILES}
    _, waited, refused, waited_then = uploader(
        ("faulty", {"faults": ["commit@1=429:7", "commit@2=503"], **given}),
        ("waited", {}),
        ("faulty", {"faults": ["info@1=429:4000"], **given}),
        ("waited", {}),
    )
    assert waited == [7, 0.1] and waited_then == []
    assert refused.startswith("HubError: the model tester/model: the Hub answered 429")


@pytest.mark.parametrize("fault", ["503", "drop"])
def test_what_does_not_pass_shows_nothing_and_is_finished_by_the_same_call(uploader, hub, fault):
    # A large file that only was not confirmed is there when it is looked for again.
    not_used = ("lfs-part", "lfs-complete", "lfs-verify", "tag", "branch")
    requests = [request for request in REQUESTS if request not in not_used]
    names = [f"tester/of-{request}" for request in requests]
    steps = [
        ("faulty", {"faults": [f"{request}@1x90={fault}"], "repo_id": name, "files": FILES})
        for request, name in zip(requests, names)
    ]
    halfway = ("faulty", {"faults": ["lfs-put@2x90=drop:1"], "repo_id": "tester/half", "files": FILES})
    refused = uploader(*steps, halfway)
    for name, line in zip([*names, "tester/half"], refused):
        assert str(line).startswith(f"HubError: the model {name}: the ") and "\n" not in line, name
        assert line.endswith("; nothing is published in part, and the same command finishes it later")
        assert not held(hub, name), name
    hub.hub.faults.clear()
    again = [*names, "tester/half"]
    finished = uploader(*(("put", {"repo_id": name, "files": FILES}) for name in again))
    assert [result for result in finished if not isinstance(result, dict)] == []
    assert all(held(hub, name) == FILES and history(hub, name) == [DEFAULT] for name in again)


def wait_for(condition: Callable[[], bool]) -> None:
    for _ in range(1200):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("waited for a minute")


@pytest.mark.parametrize("request_kind", ["lfs-put", "commit"])
def test_a_killed_upload_shows_nothing_and_is_finished_by_the_same_call(uploader, hub, tmp_path, request_kind):
    step = ("put", {"repo_id": "tester/model", "files": FILES})
    # What is written before an answer comes too late: the request must not go on when its client is gone.
    hub.hub.add_fault(f"{request_kind}@1=slow:3" if request_kind == "lfs-put" else f"{request_kind}@1=drop")
    if request_kind == "commit":
        hub.hub.add_fault("info@3=slow:3")
    fault = hub.hub.faults[-1]
    process = start("uploader.py", [step], hub, tmp_path)
    wait_for(lambda: fault["seen"] >= fault["first"])
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    process.communicate()
    assert held(hub, "tester/model") == {}
    hub.hub.faults.clear()
    assert isinstance(uploader(step)[0], dict)
    assert held(hub, "tester/model") == FILES and history(hub, "tester/model") == [DEFAULT]


@pytest.mark.parametrize("same", [True, False])
def test_two_publishers_at_once(uploader, hub, tmp_path, same):
    first = {"repo_id": "tester/model", "files": FILES}
    second = first if same else {**first, "files": {**FILES, "config.json": json.dumps({"second": True})}}
    hub.hub.add_fault("commit@1=slow:8")
    process = start("uploader.py", [("put", first)], hub, tmp_path)
    wait_for(lambda: hub.hub.faults[0]["seen"] >= 1)
    (in_between,) = uploader(("put", second))
    (result,) = results_of(process)
    assert [entry["status"] for entry in hub.hub.log if entry["op"] == "commit"][:2] == [200, 412]
    assert held(hub, "tester/model") == FILES
    assert history(hub, "tester/model") == [DEFAULT] * (1 if same else 2)
    assert (result == in_between) is same
