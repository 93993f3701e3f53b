# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Training from a recording: what does not fit it is refused, and rows of every kind and order find theirs."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset, IterableDataset
from transformers import (
    BertForTokenClassification,
    BertTokenizerFast,
    DistilBertConfig,
    DistilBertForSequenceClassification,
    PreTrainedModel,
)

from hf_distill import DistillationTrainer, record_knowledge
from hf_distill.errors import InputError
from hf_distill.knowledge.recorded import RecordedTeacher

STEPS = 3
OBJECTIVES = ["logits_kl", "hidden_mse"]
AGAIN = "record again with record_knowledge or hf-distill record"
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghijklmnopqrstuvwxyz"]


def make_tokenizer(folder: Path, words: list[str] = WORDS) -> BertTokenizerFast:
    folder.mkdir(exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(words))
    return BertTokenizerFast.from_pretrained(folder)


def losses_of(trainer: DistillationTrainer) -> list[dict[str, float]]:
    trainer.train()
    lines = (line for line in trainer.state.log_history if "loss" in line)
    return [{name: line[name] for name in line if name.startswith("loss_")} for line in lines]


@pytest.fixture
def make_training(
    make_args: Callable, make_rows: Callable, collate: type, student: PreTrainedModel
) -> Callable[..., DistillationTrainer]:
    """Build a trainer on the rows that are recorded, unless others are given."""

    def make(
        teacher_model: Any,
        rows: Any = None,
        data_collator: Callable | None = None,
        model: PreTrainedModel | None = None,
        processing_class: Any = None,
        **options: Any,
    ) -> DistillationTrainer:
        settings = {"objectives": OBJECTIVES, "max_steps": STEPS, "logging_strategy": "steps", "logging_steps": 1}
        return DistillationTrainer(
            model=copy.deepcopy(student if model is None else model),
            teacher_model=teacher_model,
            args=make_args(**{**settings, **options}),
            train_dataset=make_rows(20) if rows is None else rows,
            data_collator=collate() if data_collator is None else data_collator,
            processing_class=processing_class,
        )

    return make


@pytest.fixture
def refusal(make_training: Callable) -> Callable[..., str]:
    """Return what is said of a trainer that does not fit the recording."""

    def make(*args: Any, **options: Any) -> str:
        with pytest.raises(InputError) as error:
            make_training(*args, **options)
        assert "\n" not in str(error.value)
        return str(error.value)

    return make


@pytest.fixture
def assert_alike(make_training: Callable, teacher: PreTrainedModel, record: Callable) -> Callable[..., None]:
    """Compare a training from the recording of 20 rows with one beside the teacher, on rows of another kind."""

    def compare(rows: Any, **options: Any) -> None:
        folder = record(teacher_model=teacher)
        expected = losses_of(make_training(teacher, rows, **options))
        found = losses_of(make_training(folder, rows, **options))
        assert len(found) == len(expected) == STEPS
        assert all(math.isfinite(value) for losses in expected for value in losses.values())
        for one, other in zip(expected, found):
            assert other == pytest.approx(one, rel=1e-4, abs=1e-5)

    return compare


# What does not fit


def test_another_tokenizer_is_refused(record: Callable, refusal: Callable, make_training: Callable, tmp_path: Path):
    tokenizer = make_tokenizer(tmp_path / "own")
    folder = record(processing_class=tokenizer)
    make_training(folder, processing_class=make_tokenizer(tmp_path / "same"))
    other = make_tokenizer(tmp_path / "other", [*WORDS[:5], *reversed(WORDS[5:])])
    expected = f"processing_class: is not the tokenizer of the recording {folder}; {AGAIN}"
    assert refusal(folder, processing_class=other) == expected


def test_longer_rows_are_refused(record: Callable, refusal: Callable, make_rows: Callable) -> None:
    folder, rows = record(), make_rows(20)
    rows[7] = {**rows[7], **{name: [1] * 15 for name in ("input_ids", "attention_mask", "token_type_ids")}}
    assert refusal(folder, rows) == (
        f"train_dataset: has rows of 15 tokens, the recording {folder} was made of at most 12 (max_length); {AGAIN}"
    )


def test_rows_that_are_cut_shorter_are_refused(record: Callable, refusal: Callable, make_rows: Callable) -> None:
    cut = [
        {name: value[:6] if isinstance(value, list) else value for name, value in row.items()} for row in make_rows(20)
    ]
    said = refusal(record(), cut)
    assert "is not in the recording" in said
    assert "or cut to another max_length" in said


@pytest.mark.parametrize("as_dataset", [False, True], ids=["list", "Dataset"])
def test_other_rows_are_refused(as_dataset: bool, record: Callable, refusal: Callable, make_rows: Callable) -> None:
    folder, rows = record(), make_rows(20)
    rows[5] = {**rows[5], "input_ids": [entry % 60 + 1 for entry in rows[5]["input_ids"]]}
    said = refusal(folder, Dataset.from_list(rows) if as_dataset else rows)
    assert said.startswith(f"train_dataset: row 5 is not in the recording {folder} of 20 rows, or more often than")
    assert said.endswith(AGAIN)


def test_another_input_than_the_words_makes_another_row(
    record: Callable, refusal: Callable, make_rows: Callable
) -> None:
    rows = make_rows(20)
    rows[5] = {**rows[5], "token_type_ids": [1] * len(rows[5]["input_ids"])}
    assert refusal(record(), rows).startswith("train_dataset: row 5 is not in the recording")


def test_other_labels_are_the_same_row(record: Callable, make_training: Callable, make_rows: Callable) -> None:
    rows = [{**row, "labels": (row["labels"] + 1) % 3} for row in make_rows(20)]
    assert len(losses_of(make_training(record(), rows))) == STEPS


def test_more_rows_are_refused(record: Callable, refusal: Callable, make_rows: Callable) -> None:
    rows = make_rows(20)
    assert refusal(record(), [*rows, rows[3]]).startswith("train_dataset: row 20 is not in the recording")


@pytest.mark.parametrize("weight", ["classifier.weight", "bert.embeddings.word_embeddings.weight"])
def test_a_teacher_with_other_weights_is_refused(
    weight: str, record: Callable, refusal: Callable, make_training: Callable, teacher: PreTrainedModel
) -> None:
    folder = record(teacher_model=teacher)
    make_training(RecordedTeacher(folder, teacher=teacher))
    teacher.get_parameter(weight).data[0, 0] += 1e-3
    assert refusal(RecordedTeacher(folder, teacher=teacher)) == (
        f"teacher_model: the weights of the teacher are not those that the recording {folder} was made with; {AGAIN}"
    )


def test_a_teacher_of_which_the_folder_has_changed_is_refused(
    record: Callable, refusal: Callable, make_training: Callable, teacher: PreTrainedModel, tmp_path: Path
) -> None:
    teacher.save_pretrained(tmp_path / "teacher")
    folder = record(teacher_model=tmp_path / "teacher")
    make_training(folder)
    teacher.classifier.bias.data += 1
    teacher.save_pretrained(tmp_path / "teacher")
    assert refusal(folder).startswith("teacher_model: the weights of the teacher are not those that the recording")


def test_a_teacher_of_which_the_folder_is_gone_is_not_asked(
    record: Callable, make_training: Callable, teacher: PreTrainedModel, tmp_path: Path
) -> None:
    teacher.save_pretrained(tmp_path / "teacher")
    folder = record(teacher_model=tmp_path / "teacher")
    (tmp_path / "teacher").rename(tmp_path / "elsewhere")
    assert len(losses_of(make_training(folder))) == STEPS


def test_a_teacher_that_says_something_else_is_refused(
    record: Callable, refusal: Callable, teacher: PreTrainedModel
) -> None:
    folder = record(teacher_model=teacher)
    teacher.classifier.register_forward_hook(lambda module, args, output: output + 1)
    said = refusal(RecordedTeacher(folder, teacher=teacher))
    assert said.startswith(f"teacher_model: knowledge_logits of the recording {folder} is ")
    assert "from what the teacher says of the same rows" in said


@pytest.mark.parametrize(
    "compression", ["fp16", "bf16", "int8", "log8", "int8:pca=4", "fp16:select=0.5", "fp16:top_k=1"]
)
def test_what_compression_costs_is_no_other_teacher(
    compression: str, record: Callable, make_training: Callable, teacher: PreTrainedModel
) -> None:
    folder = record(teacher_model=teacher, compression=compression)
    # The rows that are asked again are drawn.
    for _ in range(2):
        trainer = make_training(RecordedTeacher(folder, teacher=teacher))
        assert set(trainer.teacher.input_names) & set(trainer.train_dataset[0])


@pytest.mark.parametrize(
    ("recorded", "wanted", "message"),
    [
        (["logits_kl"], ["hidden_mse"], "need hidden states of layer 2, and the recording {} has logits; "),
        (["hidden_mse"], ["logits_mse"], "need logits, and the recording {} has hidden states of layer 2, hidden"),
        (["hidden_mse:layers=last"], ["hidden_mse"], "need hidden states of layer 2, and the recording {} has hidden"),
        (["hidden_mse"], ["minilm:layers=last"], "need query states of layer 4, and the recording {} has hidden"),
        (["pkd:layers=last"], ["hidden_mse:layers=last"], "need hidden states of layer 4 for each token, and the"),
        (
            ["rkd_distance:layers=last,pooling=first"],
            ["rkd_distance:layers=last,pooling=mean"],
            "need hidden states of layer 4 for each token, and the recording {} has them pooled (first); ",
        ),
        (
            ["hidden_mse"],
            [{"name": "hidden_mse", "focus": {"weigh_by": "confidence"}}],
            "need logits, and the recording {} has hidden states of layer 2, hidden states of layer 4; ",
        ),
    ],
)
def test_objectives_that_need_what_was_not_recorded_are_refused(
    recorded: list, wanted: list, message: str, record: Callable, refusal: Callable
) -> None:
    folder = record(objectives=recorded)
    said = refusal(folder, objectives=wanted)
    assert said.startswith("objectives: " + message.format(folder))
    assert said.endswith(f"{AGAIN} and these objectives")


@pytest.mark.parametrize(
    "wanted",
    [
        ["logits_kl"],
        ["hidden_mse"],
        ["logits_mse:weight=2", "hidden_cosine:weight=3"],
        ["rkd_angle", "pkd:layers=last"],
    ],
)
def test_other_objectives_may_read_what_was_recorded(wanted: list, record: Callable, make_training: Callable) -> None:
    trainer = make_training(record(), objectives=wanted)
    names = {name.partition(":")[0] for name in wanted}
    assert {f"loss_{name}" for name in names} <= set(losses_of(trainer)[0])


def test_a_collator_that_cuts_off_is_refused(record: Callable, refusal: Callable, collate: type) -> None:
    def cutting(rows: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        return {name: value[:, :4] if value.dim() > 1 else value for name, value in collate()(rows).items()}

    said = refusal(record(), data_collator=cutting)
    assert said.startswith("train_dataset: a row has 4 tokens and had ")
    assert said.endswith("with the same tokenizer, max_length and data collator")


def test_a_collator_that_draws_at_random_is_refused(record: Callable, refusal: Callable, collate: type) -> None:
    def drawing(rows: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        batch = collate()(rows)
        return {**batch, "input_ids": torch.randint_like(batch["input_ids"], 1, 60)}

    said = refusal(record(), data_collator=drawing)
    assert said.startswith("train_dataset: two readings of the same rows differ in input_ids, so they are drawn at")


def test_a_student_with_other_labels_is_refused(record: Callable, refusal: Callable, make_bert: Callable) -> None:
    assert refusal(record(), model=make_bert(num_labels=2, num_hidden_layers=2)).startswith(
        "labels: the 2 of the stud"
    )


def test_maps_from_the_teacher_need_its_whole_states(record: Callable, refusal: Callable) -> None:
    folder = record(compression="fp16:pca=4,space=reduced")
    assert refusal(folder, projection_direction="teacher_to_student") == (
        "projection_direction: teacher_to_student needs a recording with space: full"
    )


def test_a_recording_that_is_not_complete_is_refused(record: Callable, refusal: Callable) -> None:
    folder = record()
    (folder / "recording.json").rename(folder / "plan.json")
    assert refusal(folder).startswith(
        f"teacher_model: {folder} holds no complete recording (it has no recording.json)"
    )


def test_a_folder_that_is_no_recording_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no complete recording"):
        RecordedTeacher(tmp_path)


def test_a_damaged_shard_is_named(record: Callable, refusal: Callable) -> None:
    folder = record()
    shard = folder / "data/train-00001-of-00003.arrow"
    shard.write_bytes(shard.read_bytes()[:-1])
    assert refusal(folder).startswith(f"teacher_model: the file {shard} is damaged: it has ")


# Layer maps


def test_an_auto_layer_map_is_that_of_the_recording(
    record: Callable, make_training: Callable, student: PreTrainedModel
) -> None:
    objectives = ["hidden_mse:layers=auto"]
    folder = record(objectives=objectives, student=student)
    found = json.loads((folder / "recording.json").read_text())["objectives"][0]["layers"]
    trainer = make_training(folder, objectives=objectives)
    assert [list(pair) for pair in trainer.objectives[0].pairs] == found
    assert len(losses_of(trainer)) == STEPS


@pytest.mark.parametrize(
    ("recorded", "wanted"),
    [("hidden_mse", "hidden_mse:layers=auto"), ("hidden_mse:layers=auto", "hidden_cosine:layers=auto")],
)
def test_an_auto_layer_map_that_was_not_measured_is_refused(
    recorded: str, wanted: str, record: Callable, refusal: Callable, student: PreTrainedModel
) -> None:
    name = wanted.partition(":")[0]
    said = refusal(record(objectives=[recorded], student=student), objectives=[wanted])
    assert said == f"objective {name}: layers auto was not measured for this recording; {AGAIN}"


# Rows of every kind and order


@pytest.mark.parametrize(
    ("as_dataset", "order"),
    [
        (True, list(range(19, -1, -1))),
        (True, [3, 5, 1, 2, 17, 8, 9]),
        (True, [4]),
        (False, [3, 5, 1, 2, 17, 8, 9]),
    ],
    ids=["reversed", "subset", "one", "subset_of_a_list"],
)
def test_rows_in_another_order_find_what_was_recorded_of_them(
    as_dataset: bool, order: list[int], assert_alike: Callable, make_rows: Callable
) -> None:
    rows = make_rows(20)
    assert_alike(Dataset.from_list(rows).select(order) if as_dataset else [rows[row] for row in order])


def test_a_shuffled_data_set_does_not_copy_the_recording(
    record: Callable, make_training: Callable, make_rows: Callable
) -> None:
    folder, rows = record(), Dataset.from_list(make_rows(20))
    before = sorted(folder.rglob("*"))
    for entry in (rows.shuffle(seed=0), rows.select([2, 0]), rows.select(range(20)), rows.select([*range(20)][::-1])):
        trainer = make_training(folder, entry)
        files = [file["filename"] for file in trainer.train_dataset.cache_files]
        assert [Path(file).name for file in files] == [f"train-{number:05}-of-00003.arrow" for number in range(3)]
    assert sorted(folder.rglob("*")) == before


@pytest.mark.parametrize("form", ["torch", "numpy"])
@pytest.mark.parametrize(
    ("columns", "shuffled"), [(None, True), (["input_ids", "attention_mask", "token_type_ids", "labels"], False)]
)
def test_formatted_rows_keep_their_format(
    form: str,
    columns: list[str] | None,
    shuffled: bool,
    record: Callable,
    make_training: Callable,
    make_rows: Callable,
    collate: type,
    teacher: PreTrainedModel,
) -> None:
    kinds: set[type] = set()

    def of_tensors(rows: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        kinds.add(type(rows[0]["input_ids"]))
        listed = [{name: value.tolist() for name, value in row.items() if name != "more"} for row in rows]
        return collate()(listed)

    rows = Dataset.from_list([{**row, "more": [1.0]} for row in make_rows(20)]).with_format(form, columns=columns)
    rows = rows.shuffle(seed=1) if shuffled else rows
    folder = record(teacher_model=teacher, train_dataset=rows, data_collator=of_tensors)
    curves = [losses_of(make_training(source, rows, of_tensors)) for source in (teacher, folder)]
    assert len(kinds) == 1
    for one, other in zip(*curves):
        assert other == pytest.approx(one, rel=1e-4, abs=1e-5)


def test_rows_with_a_transform(assert_alike: Callable, make_rows: Callable) -> None:
    assert_alike(Dataset.from_list(make_rows(20)).with_transform(lambda batch: batch))


def test_rows_of_a_data_set_of_ones_own(assert_alike: Callable, make_rows: Callable) -> None:
    class Rows(torch.utils.data.Dataset):
        def __init__(self, rows: list[dict[str, Any]]):
            self.rows = rows

        def __len__(self) -> int:
            return len(self.rows)

        def __getitem__(self, row: int) -> dict[str, Any]:
            return self.rows[row]

    assert_alike(Rows(make_rows(20)))


def test_rows_with_columns_that_no_model_reads(assert_alike: Callable, make_rows: Callable) -> None:
    assert_alike(Dataset.from_list([{**row, "text": "words"} for row in make_rows(20)]).shuffle(seed=0))


def test_rows_that_come_several_times(
    record: Callable, make_training: Callable, make_rows: Callable, teacher: PreTrainedModel
) -> None:
    rows = make_rows(4) * 3
    folder = record(teacher_model=teacher, train_dataset=rows)
    one, other = (losses_of(make_training(source, rows[::-1])) for source in (teacher, folder))
    assert other == [pytest.approx(losses, rel=1e-4, abs=1e-5) for losses in one]


def test_more_padding_changes_nothing(assert_alike: Callable, make_rows: Callable, collate: type) -> None:
    assert_alike(make_rows(20), data_collator=collate(extra=5))


def test_padding_on_the_left(assert_alike: Callable, make_rows: Callable, collate: type) -> None:
    def padded_left(rows: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        batch = collate()(rows)
        order = batch["attention_mask"].argsort(dim=1, stable=True)
        places = (batch["attention_mask"].cumsum(1).gather(1, order) - 1).clamp(min=0)
        moved = {name: value.gather(1, order) if value.dim() > 1 else value for name, value in batch.items()}
        return {**moved, "position_ids": places}

    # The head reads the first token, which is padding here.
    assert_alike(make_rows(20), data_collator=padded_left, objectives=["hidden_mse"])


def test_a_student_that_reads_less_than_the_teacher(
    record: Callable, make_training: Callable, make_rows: Callable, teacher: PreTrainedModel
) -> None:
    torch.manual_seed(1)
    config = DistilBertConfig(
        vocab_size=64,
        max_position_embeddings=40,
        dim=32,
        n_layers=2,
        n_heads=2,
        hidden_dim=32,
        num_labels=3,
        dropout=0.0,
    )
    student, rows = DistilBertForSequenceClassification(config), Dataset.from_list(make_rows(20))
    folder = record(teacher_model=teacher, train_dataset=rows)
    taught = make_training(folder, rows, model=student).train_dataset
    expected = losses_of(make_training(teacher, rows, model=student))
    for entry in (rows, taught):
        found = losses_of(make_training(folder, entry, model=student))
        assert found == [pytest.approx(losses, rel=1e-4, abs=1e-5) for losses in expected]
    # Rows of a stream are compared with the recorded ones as they come.
    for entry in (rows, taught):
        assert len(losses_of(make_training(folder, entry.to_iterable_dataset(), model=student))) == STEPS


# Streams


def test_a_stream_in_another_order_is_refused(record: Callable, make_training: Callable, make_rows: Callable) -> None:
    stream = Dataset.from_list(make_rows(20)).to_iterable_dataset().shuffle(seed=1, buffer_size=10)
    with pytest.raises(
        InputError, match="^train_dataset: a row is not the one that was recorded in its place; shuffl"
    ):
        make_training(record(), stream).train()


def test_a_stream_that_is_no_data_set_is_refused(record: Callable, refusal: Callable, make_rows: Callable) -> None:
    class Stream(torch.utils.data.IterableDataset):
        def __iter__(self) -> Iterator[dict[str, Any]]:
            yield from make_rows(20)

    assert refusal(record(), Stream()).startswith("train_dataset: Stream has no length, and of streams only an Iterab")


def test_a_stream_from_a_generator(record: Callable, make_training: Callable, make_rows: Callable) -> None:
    stream = IterableDataset.from_generator(lambda: iter(make_rows(20)))
    losses = losses_of(make_training(record(), stream))
    expected = losses_of(make_training(record(), Dataset.from_list(make_rows(20)).to_iterable_dataset()))
    assert losses == expected


# The recording elsewhere


def test_a_recording_can_be_moved(
    record: Callable, make_training: Callable, make_bert: Callable, tmp_path: Path
) -> None:
    folder = record()
    expected = losses_of(make_training(folder))
    folder.rename(tmp_path / "moved")
    assert losses_of(make_training(str(tmp_path / "moved"))) == expected


def test_training_writes_nothing_into_the_recording(record: Callable, make_training: Callable) -> None:
    folder = record()
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    make_training(folder).train()
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_a_student_that_is_saved_knows_nothing_of_the_recording(
    record: Callable, make_training: Callable, student: PreTrainedModel, tmp_path: Path
) -> None:
    trainer = make_training(record())
    trainer.train()
    trainer.save_model(str(tmp_path / "saved"))
    saved = type(student).from_pretrained(tmp_path / "saved")
    assert saved.state_dict().keys() == student.state_dict().keys()


def test_a_head_for_tokens(
    make_training: Callable, make_bert: Callable, make_rows: Callable, collate: type, tmp_path: Path
) -> None:
    head = {"model_class": BertForTokenClassification}
    teacher, student = make_bert(**head), make_bert(seed=1, num_hidden_layers=2, **head)
    rows = Dataset.from_list(make_rows(20, tokens=True))
    folder = record_knowledge(
        teacher, rows, OBJECTIVES, tmp_path / "recording", student.config, collate(), compression="fp32"
    )
    shuffled = rows.shuffle(seed=2)
    expected, found = (losses_of(make_training(source, shuffled, model=student)) for source in (teacher, folder))
    assert found == [pytest.approx(losses, rel=1e-4, abs=1e-5) for losses in expected]
