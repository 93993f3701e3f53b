# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
import torch
from datasets import Dataset, IterableDataset
from transformers import (
    BertForTokenClassification,
    BertTokenizerFast,
    DataCollatorForLanguageModeling,
    DataCollatorWithPadding,
    PreTrainedModel,
)

from hf_distill.errors import InputError
from hf_distill.objectives import build_objective

HIDDEN = [2, 4]


def files_of(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Return the content and the time of every file."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


def vectors(stored: bytes, width: int) -> torch.Tensor:
    return torch.from_numpy(np.frombuffer(stored, dtype=np.float32).reshape(-1, width).copy())


def columns_of(folder: Path) -> list[str]:
    return [name.removeprefix("knowledge_") for name in datasets.load_from_disk(str(folder)).column_names]


@pytest.fixture
def tokenizer(tmp_path: Path) -> BertTokenizerFast:
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghijklmnopqrstuvwxyz"]
    (tmp_path / "vocab.txt").write_text("\n".join(words))
    return BertTokenizerFast.from_pretrained(tmp_path, model_max_length=32)


def test_the_folder_is_a_data_set_that_has_what_the_teacher_says_of_each_example_in_order(
    record: Callable, make_rows: Callable, collate: type, teacher: PreTrainedModel
) -> None:
    rows, recorded = make_rows(20), datasets.load_from_disk(str(record(teacher_model=teacher)))
    assert len(recorded) == len(rows)
    for row, stored in zip(rows, recorded):
        with torch.no_grad():
            said = teacher(**collate()([row]), output_hidden_states=True)
        torch.testing.assert_close(vectors(stored["knowledge_logits"], 3), said.logits, rtol=1e-4, atol=1e-5)
        for layer in HIDDEN:
            states = vectors(stored[f"knowledge_hidden_{layer}"], 32)
            torch.testing.assert_close(states, said.hidden_states[layer][0], rtol=1e-4, atol=1e-5)


def test_only_real_tokens_are_stored(record: Callable, make_rows: Callable, collate: type) -> None:
    recorded = datasets.load_from_disk(str(record(data_collator=collate(extra=7))))
    for row, stored in zip(make_rows(20), recorded):
        tokens = len(row["input_ids"])
        sizes = {name: len(value) for name, value in stored.items() if isinstance(value, bytes)}
        expected = {"knowledge_logits": 3 * 4, **{f"knowledge_hidden_{layer}": tokens * 32 * 4 for layer in HIDDEN}}
        assert sizes == expected


@pytest.mark.parametrize(
    ("objectives", "columns"),
    [
        (["logits_kl"], ["logits"]),
        (["embedding_mse"], ["hidden_0"]),
        (["hidden_mse:layers=last"], ["hidden_4"]),
        ([{"name": "hidden_mse", "layers": [[1, 3]]}, "logits_mse"], ["logits", "hidden_3"]),
        ([{"name": "minilm", "layers": [[2, 3]]}], ["query_3", "key_3", "value_3"]),
        ([{"name": "hidden_mse", "layers": [[1, 3]], "focus": {"weigh_by": "confidence"}}], ["logits", "hidden_3"]),
    ],
    ids=lambda entry: str(entry[0]) if isinstance(entry[0], str) else None,
)
def test_there_is_a_column_for_what_the_objectives_need_and_no_other(
    objectives: list, columns: list[str], record: Callable
) -> None:
    assert columns_of(record(objectives=objectives)) == ["row", *columns]


@pytest.mark.parametrize("pooling", ["first", "mean"])
def test_a_layer_that_is_only_compared_pooled_is_stored_pooled(
    pooling: str, record: Callable, make_rows: Callable, collate: type, teacher: PreTrainedModel
) -> None:
    folder = record(teacher_model=teacher, objectives=[f"rkd_distance:layers=last,pooling={pooling}"])
    for row, stored in zip(make_rows(20), datasets.load_from_disk(str(folder))):
        with torch.no_grad():
            states = teacher(**collate()([row]), output_hidden_states=True).hidden_states[-1]
        expected = states[:, 0] if pooling == "first" else states.mean(1)
        torch.testing.assert_close(vectors(stored["knowledge_hidden_4"], 32), expected, rtol=1e-4, atol=1e-5)


def test_a_layer_that_one_objective_needs_for_each_token_is_stored_for_each_token(
    record: Callable, make_rows: Callable
) -> None:
    folder = record(objectives=["rkd_distance:layers=last", "hidden_mse:layers=last"])
    recorded = datasets.load_from_disk(str(folder))
    assert columns_of(folder) == ["row", "hidden_4"]
    assert [len(stored) // (32 * 4) for stored in recorded["knowledge_hidden_4"]] == [
        len(row["input_ids"]) for row in make_rows(20)
    ]


def test_logits_of_tokens_are_stored_for_each_real_token(
    record: Callable, make_bert: Callable, make_rows: Callable, collate: type
) -> None:
    teacher, rows = make_bert(model_class=BertForTokenClassification), make_rows(20, tokens=True)
    folder = record(teacher_model=teacher, train_dataset=rows, objectives=["logits_kl"])
    for row, stored in zip(rows, datasets.load_from_disk(str(folder))):
        with torch.no_grad():
            expected = teacher(**collate()([row])).logits[0]
        torch.testing.assert_close(vectors(stored["knowledge_logits"], 3), expected, rtol=1e-4, atol=1e-5)


def test_shards_have_the_rows_they_were_asked_to(record: Callable) -> None:
    folder = record()
    names = sorted(path.name for path in (folder / "data").iterdir())
    assert names == [f"train-{number:05}-of-00003.arrow" for number in range(3)]
    sizes = [len(Dataset.from_file(str(folder / "data" / name))) for name in names]
    assert sizes == [8, 8, 4]
    assert [shard["rows"] for shard in json.loads((folder / "recording.json").read_text())["shards"]] == sizes


def test_nothing_of_the_way_there_is_left(record: Callable) -> None:
    assert {path.name for path in record().iterdir()} == {
        "data",
        "dataset_info.json",
        "recording.json",
        "state.json",
    }


@pytest.mark.parametrize("options", [{"batch_size": 1}, {"batch_size": 64}, {"rows_per_shard": 3}])
def test_neither_batches_nor_shards_change_what_is_recorded(
    options: dict[str, int], record: Callable, tmp_path: Path
) -> None:
    one, other = (
        datasets.load_from_disk(str(folder)) for folder in (record(), record(output_dir=tmp_path / "other", **options))
    )
    assert one["knowledge_row"][:] == other["knowledge_row"][:]
    for name, width in (("knowledge_logits", 3), ("knowledge_hidden_4", 32)):
        for expected, found in zip(one[name], other[name]):
            torch.testing.assert_close(vectors(found, width), vectors(expected, width), rtol=1e-4, atol=1e-5)


def test_rows_of_like_lengths_are_read_together(
    record: Callable, make_rows: Callable, collate: type, teacher: PreTrainedModel
) -> None:
    shapes: list[torch.Size] = []
    rows = [row for row in make_rows(200) if len(row["input_ids"]) in (3, 12)][:20]
    rows = sorted(rows, key=lambda row: len(row["input_ids"]))
    rows = rows[::2] + rows[1::2]
    long = sum(len(row["input_ids"]) == 12 for row in rows)
    teacher.register_forward_pre_hook(
        lambda module, args, kwargs: shapes.append(kwargs["input_ids"].shape), with_kwargs=True
    )
    record(teacher_model=teacher, train_dataset=rows, batch_size=1, rows_per_shard=20)
    # The first answer tells the widths, the last ones the error.
    read = [shape[1] for shape in shapes[1:21]]
    assert read == [12] * long + [3] * (20 - long)


def test_a_second_call_returns_at_once_and_rewrites_nothing(record: Callable, teacher: PreTrainedModel) -> None:
    folder, calls = record(teacher_model=teacher), []
    before = files_of(folder)
    teacher.register_forward_pre_hook(lambda *_: calls.append(1))
    assert record(teacher_model=teacher) == folder
    assert files_of(folder) == before
    assert not calls


@pytest.mark.parametrize("teacher_in_training", [False, True])
def test_the_teachers_dropout_is_off(
    teacher_in_training: bool, record: Callable, make_bert: Callable, tmp_path: Path
) -> None:
    teacher = make_bert(hidden_dropout_prob=0.5).train(teacher_in_training)
    dropped, plain = record(teacher_model=teacher), record(output_dir=tmp_path / "plain")
    assert (dropped / "data/train-00000-of-00003.arrow").read_bytes() == (
        plain / "data/train-00000-of-00003.arrow"
    ).read_bytes()


def test_a_layer_map_of_tuples_is_the_same_plan(record: Callable) -> None:
    objectives = [{"name": "hidden_mse", "layers": [(1, 2), (2, 4)]}]
    folder = record(objectives=objectives)
    before = files_of(folder)
    record(objectives=objectives)
    assert files_of(folder) == before


@dataclass
class Change:
    """What another call asks for, and what the error says of it."""

    said: str
    options: dict[str, Any]


CHANGES = [
    Change("compression", {"compression": "fp16"}),
    Change("needs", {"objectives": ["logits_kl"]}),
    Change("batch size", {"batch_size": 5}),
    Change("rows per shard", {"rows_per_shard": 5}),
    Change("precision", {"precision": "bf16"}),
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: f"{change.said}-{next(iter(change.options))}")
@pytest.mark.parametrize("complete", [True, False], ids=["complete", "begun"])
def test_another_plan_in_the_same_folder_is_refused(change: Change, complete: bool, record: Callable) -> None:
    folder = record()
    if not complete:
        (folder / "recording.json").rename(folder / "plan.json")
    before = files_of(folder)
    with pytest.raises(InputError, match=f"^output_dir: .* holds a recording that differs in {change.said}; choose"):
        record(**change.options)
    assert files_of(folder) == before


def test_another_teacher_in_the_same_folder_is_refused(record: Callable, make_bert: Callable) -> None:
    record()
    with pytest.raises(InputError, match="^output_dir: .* holds a recording that differs in teacher; choose"):
        record(teacher_model=make_bert(seed=5))


def test_other_rows_in_the_same_folder_are_refused(record: Callable, make_rows: Callable) -> None:
    record()
    with pytest.raises(InputError, match="^output_dir: .* holds a recording that differs in rows; choose"):
        record(train_dataset=make_rows(19))
    with pytest.raises(InputError, match="^output_dir: .* holds a recording that differs in rows hash; choose"):
        record(train_dataset=make_rows(20)[::-1])


def test_another_tokenizer_in_the_same_folder_is_refused(record: Callable, tokenizer: BertTokenizerFast) -> None:
    record(processing_class=tokenizer)
    other = BertTokenizerFast.from_pretrained(tokenizer.name_or_path, model_max_length=32)
    record(processing_class=other)
    other.add_tokens(["word"])
    with pytest.raises(InputError, match="^output_dir: .* holds a recording that differs in tokenizer; choose"):
        record(processing_class=other)


def test_a_folder_with_other_things_is_refused(record: Callable, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/notes.txt").write_text("mine")
    for path in (tmp_path / "folder", tmp_path / "folder/notes.txt"):
        with pytest.raises(InputError, match="^output_dir: .* is not empty and no recording; choose another folder$"):
            record(output_dir=path)
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["notes.txt"]
    assert (tmp_path / "folder/notes.txt").read_text() == "mine"


def test_an_empty_folder_is_taken(record: Callable, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert (record(output_dir=str(tmp_path / "empty")) / "recording.json").is_file()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"objectives": []}, "objectives: are empty, so there is nothing to record"),
        ({"objectives": None}, "objectives: are empty, so there is nothing to record"),
        ({"objectives": "logits_kl"}, "objectives: must be a list; got str"),
        ({"objectives": ["hidden_msee"]}, "objectives: there is no objective 'hidden_msee'"),
        ({"objectives": [{"name": "hidden_mse", "layers": [[1, 5]]}]}, "objective hidden_mse: teacher layer 5 in"),
        ({"student_config": None}, "student_config: is needed for the layer map of hidden_mse"),
        ({"student_config": {"num_hidden_layers": 2}}, "student_config: must be the configuration of a model; got"),
        ({"student": "student"}, "student: must be a model; got str"),
        ({"batch_size": 0}, "batch_size: must be a whole number at least 1; got 0"),
        ({"batch_size": True}, "batch_size: must be a whole number at least 1; got True"),
        ({"rows_per_shard": 2.5}, "rows_per_shard: must be a whole number at least 1; got 2.5"),
        ({"precision": "fp8"}, "precision: must be auto or fp32 or bf16 or fp16; got 'fp8'"),
        ({"compression": "fp4"}, "compression.values: input should be 'fp32', 'fp16', 'bf16', 'int8' or 'log8'"),
        ({"compression": None}, "compression: must be a name such as fp16, or a mapping; got None"),
        ({"compression": "fp16:pca=33"}, "compression.pca: 33 is more than the teacher's 32 features"),
        ({"teacher_model": 3}, "teacher_model: must be a model, or the folder or Hub id of one; got int"),
        ({"teacher_model": None}, "teacher_model: must be a model, or the folder or Hub id of one; got NoneType"),
        ({"train_dataset": None}, "train_dataset: recording needs rows with a length, and NoneType has none"),
        ({"train_dataset": []}, "train_dataset: has no rows"),
        ({"train_dataset": {"train": []}}, "train_dataset: must be rows; got dict of train"),
        ({"data_collator": "pad"}, "data_collator: must be a function that makes a batch of rows; got str"),
        ({"output_dir": None}, "output_dir: must be a folder; got NoneType"),
    ],
    ids=lambda entry: next(iter(entry)) if isinstance(entry, dict) else "",
)
def test_wrong_arguments_are_refused(options: dict[str, Any], message: str, record: Callable) -> None:
    with pytest.raises(InputError) as error:
        record(**options)
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


def test_a_reduction_without_hidden_states_is_refused(record: Callable) -> None:
    with pytest.raises(InputError, match="^compression.select: no objective needs hidden states; leave it out$"):
        record(objectives=["logits_kl"], compression="fp16:select=4")


def test_a_stream_is_refused(record: Callable, make_rows: Callable) -> None:
    stream = IterableDataset.from_generator(lambda: iter(make_rows(20)))
    with pytest.raises(InputError, match="^train_dataset: recording needs rows with a length, and IterableDataset"):
        record(train_dataset=stream)


def test_a_collator_that_draws_at_random_is_refused(
    record: Callable, make_rows: Callable, tokenizer: BertTokenizerFast, tmp_path: Path
) -> None:
    rows = [{"input_ids": row["input_ids"]} for row in make_rows(20)]
    with pytest.raises(InputError, match="^train_dataset: two readings of the same rows differ in input_ids, so"):
        record(train_dataset=rows, data_collator=DataCollatorForLanguageModeling(tokenizer))
    assert not (tmp_path / "recording").exists()


def test_a_transform_that_draws_at_random_is_refused(record: Callable, make_rows: Callable) -> None:
    def masked(batch: dict[str, list]) -> dict[str, list]:
        length = len(batch["input_ids"][0])
        return {**batch, "input_ids": [torch.randint(1, 64, (length,)).tolist() for _ in batch["input_ids"]]}

    rows = Dataset.from_list([{"input_ids": [1, 2, 3, 4]}] * 20).with_transform(masked)
    with pytest.raises(InputError, match="^train_dataset: two readings of the same rows differ in input_ids, so"):
        record(train_dataset=rows)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("precision", ["fp32", "bf16", "auto"])
def test_the_users_model_is_left_in_its_precision(
    precision: str, dtype: torch.dtype, record: Callable, teacher: PreTrainedModel
) -> None:
    teacher.to(dtype)
    before = {name: value.clone() for name, value in teacher.state_dict().items()}
    record(teacher_model=teacher, precision=precision)
    assert all(value.dtype == before[name].dtype for name, value in teacher.state_dict().items())
    assert all(value.equal(before[name]) for name, value in teacher.state_dict().items())


def test_the_precision_is_what_the_teacher_computes_in(record: Callable, tmp_path: Path) -> None:
    folders = {
        precision: record(precision=precision, output_dir=tmp_path / precision) for precision in ("fp32", "bf16")
    }
    contents = {
        precision: json.loads((folder / "recording.json").read_text()) for precision, folder in folders.items()
    }
    assert [content["precision"] for content in contents.values()] == ["fp32", "bf16"]
    assert all(error < 1e-6 for error in contents["fp32"]["relative_error"].values())
    # Numbers of bf16 are some 0.3 % apart.
    assert all(1e-3 < error < 0.1 for error in contents["bf16"]["relative_error"].values())
    logits = [
        vectors(b"".join(datasets.load_from_disk(str(folder))["knowledge_logits"]), 3) for folder in folders.values()
    ]
    torch.testing.assert_close(logits[1], logits[0], rtol=0.1, atol=0.1)


def test_auto_is_32_bits_where_knowledge_is_stored_in_32_bits(record: Callable) -> None:
    assert json.loads((record() / "recording.json").read_text())["precision"] == "fp32"


def test_a_teacher_may_be_a_folder(record: Callable, teacher: PreTrainedModel, tmp_path: Path) -> None:
    teacher.save_pretrained(tmp_path / "teacher")
    folder = record(teacher_model=tmp_path / "teacher", output_dir=tmp_path / "of_folder")
    shard = "data/train-00000-of-00003.arrow"
    assert (folder / shard).read_bytes() == (record(teacher_model=teacher) / shard).read_bytes()
    assert json.loads((folder / "recording.json").read_text())["teacher"]["path"] == str(tmp_path / "teacher")


def test_an_auto_layer_map_is_measured_with_the_student(
    record: Callable, make_trainer: Callable, make_rows: Callable, student: PreTrainedModel, teacher: PreTrainedModel
) -> None:
    objectives = ["hidden_mse:layers=auto"]
    live = make_trainer(student, teacher, rows=make_rows(20), objectives=objectives)
    folder = record(teacher_model=teacher, objectives=objectives, student=student, student_config=None)
    layers = json.loads((folder / "recording.json").read_text())["objectives"][0]["layers"]
    assert layers == [list(pair) for pair in live.objectives[0].layers]
    assert columns_of(folder) == ["row", *(f"hidden_{layer}" for layer in sorted({theirs for _, theirs in layers}))]


def test_an_auto_layer_map_without_a_student_is_refused(record: Callable) -> None:
    with pytest.raises(InputError, match="^objective hidden_mse: layers auto is measured with a student; give stud"):
        record(objectives=["hidden_mse:layers=auto"])


def test_objectives_that_are_given_stay_as_they_are(record: Callable, student: PreTrainedModel) -> None:
    objective = build_objective("hidden_mse:layers=auto")
    record(objectives=[objective], student=student)
    assert objective.layers == "auto"
    assert list(objective.pairs) == []


def test_logits_need_no_student(record: Callable) -> None:
    assert columns_of(record(objectives=["logits_kl"], student_config=None)) == ["row", "logits"]


@pytest.mark.parametrize("kind", ["Dataset", "text_column", "torch", "shuffled", "transform"])
def test_rows_of_every_kind_are_recorded_alike(
    kind: str, record: Callable, make_rows: Callable, collate: type, tmp_path: Path
) -> None:
    rows = Dataset.from_list(make_rows(20))
    kinds = {
        "Dataset": rows,
        "text_column": rows.add_column("text", [f"text {number}" for number in range(20)]),
        "torch": rows.with_format("torch"),
        "shuffled": rows.select(range(19, -1, -1)).select(range(19, -1, -1)),
        "transform": rows.with_transform(lambda batch: batch),
    }

    def of_lists(features: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        listed = [
            {name: getattr(value, "tolist", lambda v=value: v)() for name, value in row.items()} for row in features
        ]
        return collate()(listed)

    of_list, other = (
        record(train_dataset=entry, data_collator=of_lists, output_dir=tmp_path / name)
        for name, entry in (("list", make_rows(20)), ("other", kinds[kind]))
    )
    for number in range(3):
        shard = f"data/train-{number:05}-of-00003.arrow"
        assert (other / shard).read_bytes() == (of_list / shard).read_bytes()


def test_the_collator_is_the_trainers_default(
    record: Callable, make_rows: Callable, tokenizer: BertTokenizerFast, tmp_path: Path
) -> None:
    rows = [{name: value for name, value in row.items() if name != "labels"} for row in make_rows(20)]
    default = record(train_dataset=rows, data_collator=None, processing_class=tokenizer)
    given = record(train_dataset=rows, data_collator=DataCollatorWithPadding(tokenizer), output_dir=tmp_path / "given")
    names = [
        "recording.json",
        *(f"data/train-{number:05}-of-00003.arrow" for number in range(3)),
    ]
    assert all((default / name).read_bytes() == (given / name).read_bytes() for name in names)


def test_what_is_known_of_a_recording_is_written_beside_it(record: Callable, make_rows: Callable) -> None:
    folder, rows = record(), make_rows(20)
    content = json.loads((folder / "recording.json").read_text())
    lengths = [len(row["input_ids"]) for row in rows]
    assert (content["rows"], content["tokens"], content["max_length"]) == (20, sum(lengths), max(lengths))
    recorded = datasets.load_from_disk(str(folder))
    for name, size in content["bytes_per_token"].items():
        assert size == pytest.approx(sum(map(len, recorded[name])) / sum(lengths), abs=0.01)
    assert content["teacher_config"]["num_hidden_layers"] == 4
    assert [objective["layers"] for objective in content["objectives"] if "layers" in objective] == ["uniform"]


def test_as_few_rows_as_there_may_be(record: Callable, make_rows: Callable) -> None:
    recorded = datasets.load_from_disk(str(record(train_dataset=make_rows(1))))
    assert len(recorded) == 1


def test_a_teacher_whose_weights_are_not_finite_is_refused(record: Callable, teacher: PreTrainedModel) -> None:
    teacher.classifier.weight.data[0, 0] = float("nan")
    with pytest.raises(InputError, match="^teacher_model: logits of .* are not finite"):
        record(teacher_model=teacher)


def test_other_weights_need_no_other_recording(record: Callable) -> None:
    folder = record()
    before = (folder / "recording.json").read_bytes()
    assert record(objectives=["logits_kl:weight=2,temperature=3", "hidden_mse"]) == folder
    assert (folder / "recording.json").read_bytes() == before
