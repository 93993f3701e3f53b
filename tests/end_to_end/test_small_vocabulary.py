# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""The recipe's script that makes a student with a small vocabulary of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from datasets import Dataset
from transformers import AutoModel, AutoTokenizer, BertConfig, BertModel

SCRIPT = Path(__file__).parents[2] / "recipes" / "small_vocabulary" / "make_student.py"
TEXTS = ["the film was good", "filming was good", "a good film"] * 4


@pytest.fixture(scope="module")
def made(tokenizers: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A tiny teacher, and the student that the script makes for a few texts."""
    folder = tmp_path_factory.mktemp("vocabulary")
    tokenizer = AutoTokenizer.from_pretrained(tokenizers["bert"])
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_attention_heads": 2, "num_hidden_layers": 3}
    torch.manual_seed(0)
    BertModel(BertConfig(vocab_size=len(tokenizer), **sizes)).save_pretrained(folder / "teacher")
    tokenizer.save_pretrained(folder / "teacher")
    Dataset.from_dict({"words": TEXTS}).to_parquet(folder / "texts.parquet")
    given = ["--texts", folder / "texts.parquet", "--column", "words", "--tokens", "60", "--layers", "2"]
    subprocess.run([sys.executable, SCRIPT, folder / "teacher", *given, folder / "student"], check=True)
    return folder / "teacher", folder / "student"


def test_the_student_has_the_words_of_the_texts_and_no_others(made: tuple[Path, Path]) -> None:
    own = AutoTokenizer.from_pretrained(made[1])
    student = AutoModel.from_pretrained(made[1])
    assert own.tokenize("the good film") == ["the", "good", "film"]
    assert student.get_input_embeddings().weight.shape == (len(own), 16)
    assert student.config.num_hidden_layers == 2 and student.config.pad_token_id == own.pad_token_id
    assert len(own) <= 60 and "filming" in own.get_vocab() and "rome" not in own.get_vocab()


def test_a_token_starts_as_the_mean_of_what_the_teacher_reads(made: tuple[Path, Path]) -> None:
    (teachers, own), (teacher, student) = (
        [load.from_pretrained(folder) for folder in made] for load in (AutoTokenizer, AutoModel)
    )
    tables = teacher.get_input_embeddings().weight, student.get_input_embeddings().weight
    known = set(own.get_vocab()) & set(teachers.get_vocab())
    split = [word for word in own.get_vocab() if word.isalpha() and len(teachers.tokenize(word)) > 1]
    assert known and split
    for word in [*known, *split]:
        read = [word] if word in known else teachers.tokenize(word)
        expected = tables[0][teachers.convert_tokens_to_ids(read)].mean(0)
        torch.testing.assert_close(tables[1][own.convert_tokens_to_ids(word)], expected)


@pytest.mark.parametrize(
    ("teacher", "column", "field"),
    [("roberta", "words", "teacher: "), ("bert", "text", "--column: "), ("bert", "words", "output: ")],
)
def test_what_cannot_be_made_is_refused_in_a_line(
    teacher: str, column: str, field: str, made: tuple[Path, Path], tokenizers: dict[str, Path], tmp_path: Path
) -> None:
    output = made[1] if field == "output: " else tmp_path / "student"
    given = [tokenizers[teacher], "--texts", made[0].parent / "texts.parquet", "--column", column, output]
    ended = subprocess.run([sys.executable, SCRIPT, *given], capture_output=True, text=True)
    assert ended.returncode == 2
    assert ended.stderr.splitlines()[-1].startswith(f"make_student.py: {field}")
    assert not (tmp_path / "student").exists()
