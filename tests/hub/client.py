# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""What a user of the Hub does: `python client.py '[["push", {...}], ...]'` prints the results as JSON."""

from __future__ import annotations

import io
import json
import re
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

from datasets import load_dataset
from huggingface_hub import HfApi, hf_hub_download
from steps import take
from transformers import AutoModelForSequenceClassification, default_data_collator

from hf_distill import DistillationTrainer, DistillationTrainingArguments, push_recording
from hf_distill.demo import ask, load_models
from hf_distill.knowledge.fetch import fetch_recording
from hf_distill.knowledge.recorded import RecordedTeacher


def push(**options: Any) -> str:
    """Push a recording."""
    return push_recording(**options)


def create(repo_id: str, file: str | None = None, **options: Any) -> str:
    """Make a repository, with a file in it."""
    api = HfApi()
    url = api.create_repo(repo_id, **options)
    if file is not None:
        kind = options.get("repo_type")
        api.upload_file(path_or_fileobj=b"{}", path_in_repo=file, repo_id=repo_id, repo_type=kind)
    return str(url)


def files(repo_id: str) -> list[str]:
    """Names of the files of a data set."""
    return sorted(HfApi().list_repo_files(repo_id, repo_type="dataset"))


def commits(repo_id: str) -> list[str]:
    """Messages of a data set's commits, the latest first."""
    return [commit.title for commit in HfApi().list_repo_commits(repo_id, repo_type="dataset")]


def information(repo_id: str) -> dict[str, Any]:
    """What the Hub knows of a data set."""
    found = HfApi().dataset_info(repo_id)
    return {"private": found.private, "tags": found.tags, "sha": found.sha}


def read(repo_id: str, file: str) -> str:
    """A file's text."""
    return Path(hf_hub_download(repo_id, file, repo_type="dataset")).read_text(encoding="utf-8")


def load(repo_id: str) -> dict[str, Any]:
    """Load a data set whole and as a stream."""
    whole, stream = load_dataset(repo_id, split="train"), load_dataset(repo_id, split="train", streaming=True)
    return {
        "splits": list(load_dataset(repo_id)),
        "columns": whole.column_names,
        "rows": whole["knowledge_row"][:],
        "streamed": [row["knowledge_row"] for row in stream],
        "same": list(whole) == list(stream),
    }


def fetch(**options: Any) -> dict[str, Any]:
    """Fetch a recording, and read it."""
    folder = fetch_recording(**options)
    return {"rows": len(RecordedTeacher(folder).data), "files": sorted(path.name for path in folder.iterdir())}


def train(teacher: str, student: str, rows: str, objectives: list[Any]) -> list[float]:
    """Train a student for some steps; return the losses."""
    trainer = DistillationTrainer(
        model=AutoModelForSequenceClassification.from_pretrained(student),
        teacher_model=teacher,
        args=DistillationTrainingArguments(
            output_dir="out",
            objectives=objectives,
            max_steps=4,
            logging_steps=1,
            per_device_train_batch_size=4,
            use_cpu=True,
            report_to=[],
            save_strategy="no",
            disable_tqdm=True,
        ),
        train_dataset=json.loads(Path(rows).read_text()),
        data_collator=default_data_collator,
    )
    trainer.train()
    return [line["loss"] for line in trainer.state.log_history if "loss" in line]


def follow_card(repo_id: str, student: str, rows: str) -> dict[str, Any]:
    """Run the Python code of a card, in order."""
    names: dict[str, Any] = {
        "student": AutoModelForSequenceClassification.from_pretrained(student),
        "train_dataset": json.loads(Path(rows).read_text()),
        "data_collator": default_data_collator,
    }
    for code in re.findall(r"```python\n(.*?)```", read(repo_id, "README.md"), re.S):
        exec(code, names)
    return {"rows": len(names["recording"]), "steps": names["trainer"].state.global_step}


def command(arguments: list[str]) -> dict[str, Any]:
    """Run `hf-distill ...` in this process."""
    from hf_distill.cli import main

    status, out, err = 0, io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        try:
            main(arguments)
        except SystemExit as stop:
            status = stop.code
    lines = [line for line in err.getvalue().splitlines() if line.startswith("hf-distill: ")]
    return {"status": status, "out": out.getvalue().splitlines(), "errors": lines}


def answers(repo_id: str, folder: str, texts: list[str], place: int = 0) -> dict[str, Any]:
    """Run the code of a card as it is printed, and the same code of the local model."""
    text = Path(hf_hub_download(repo_id, "README.md")).read_text(encoding="utf-8")
    code = re.findall(r"```python\n(.*?)```", text, re.S)[place]
    published, local = {}, {}
    exec(code, published)
    exec(code.replace(f'"{repo_id}"', repr(folder)), local)
    return {"published": published["predict"](texts), "local": local["predict"](texts)}


def visit(repo_id: str, text: str) -> dict[str, str]:
    """Ask the models of a Space, loaded as its app says where they are; the answers by the models' names."""
    app = Path(hf_hub_download(repo_id, "app.py", repo_type="space")).read_text(encoding="utf-8")
    names: dict[str, Any] = {}
    # What follows is the page, which needs Gradio.
    exec(app.partition("page = ")[0], names)
    return {shown.name: shown.answer.words for shown in ask(load_models(names["SOURCE"]), {"text": text}).models}


def write(path: str, text: str | None) -> None:
    """Write a file, or remove it."""
    if text is None:
        Path(path).unlink()
    else:
        Path(path).write_text(text)


def push_trained(teacher: str, student: str, tokenizer: str, output_dir: str, **options: Any) -> dict[str, Any]:
    """Publish a student from a script."""
    from transformers import AutoTokenizer

    hub = {name: options.pop(name) for name in list(options) if name.startswith("hub_")}
    trainer = DistillationTrainer(
        model=AutoModelForSequenceClassification.from_pretrained(student),
        teacher_model=AutoModelForSequenceClassification.from_pretrained(teacher),
        args=DistillationTrainingArguments(
            output_dir=output_dir, objectives=["logits_kl"], use_cpu=True, report_to=[], max_steps=1, **hub
        ),
        train_dataset=[{"input_ids": [5, 6, 7], "attention_mask": [1, 1, 1], "labels": 1}] * 8,
        processing_class=AutoTokenizer.from_pretrained(tokenizer),
    )
    trainer.train()
    commit = trainer.push_to_hub(**options)
    commit = commit.result() if hasattr(commit, "result") else commit
    if options.get("blocking") is False:
        trainer.push_to_hub(**options).result()
    loaded = AutoModelForSequenceClassification.from_pretrained(
        commit.repo_url.repo_id, revision=options.get("revision")
    ).state_dict()
    same = all((loaded[name] == weight.cpu()).all() for name, weight in trainer.model.state_dict().items())
    return {"commit": commit.oid, "url": str(commit.repo_url), "same": bool(same)}


if __name__ == "__main__":
    take(globals())
