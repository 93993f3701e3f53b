# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Make a student with a small vocabulary of its own: that of the texts it is for, and not of the whole language.

Most of a small student is its table of embeddings, and most of the table is words that never come. The tokenizer is of
the teacher's kind, trained on the texts; a token starts as the mean of what the teacher reads it as.

    python recipes/small_vocabulary/make_student.py TEACHER --texts train.parquet --tokens 4000 --layers 2 OUTPUT
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from tokenizers.models import WordPiece
from transformers import AutoModel, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerFast

from hf_distill import build_student
from hf_distill.data.loading import load_data
from hf_distill.errors import InputError
from hf_distill.files import folder_written_aside
from hf_distill.pipeline.models import resolve_model

CONTINUES = "##"
"""How WordPiece marks a token that does not begin a word."""


def rows_of(own: PreTrainedTokenizerFast, teachers: PreTrainedTokenizerFast) -> list[list[int]]:
    """Return, for each token of the student's, the teacher's tokens that read the same."""
    known = teachers.get_vocab()

    def rows(token: str) -> list[int]:
        if token in known:
            return [known[token]]
        first, *others = teachers.tokenize(token.removeprefix(CONTINUES))
        if token.startswith(CONTINUES) and CONTINUES + first in known:
            first = CONTINUES + first
        return [known[piece] for piece in (first, *others)]

    return [rows(token) for token in own.convert_ids_to_tokens(range(len(own)))]


def give_vocabulary(student: PreTrainedModel, own: PreTrainedTokenizerFast, teachers: PreTrainedTokenizerFast) -> None:
    """Replace the embeddings that a student has of the teacher by those of a vocabulary of its own."""
    table = student.get_input_embeddings().weight.detach().clone()
    student.resize_token_embeddings(len(own), mean_resizing=False)
    embeddings = student.get_input_embeddings()
    embeddings.weight.data = torch.stack([table[rows].mean(0) for rows in rows_of(own, teachers)])
    student.config.pad_token_id = embeddings.padding_idx = own.pad_token_id


def make(options: argparse.Namespace) -> str:
    """Write the student and its tokenizer; return a line about it."""
    if options.output.exists():
        raise InputError(f"output: {options.output} is there already; choose another folder")
    teacher = resolve_model(options.teacher, "teacher")
    tokenizer = AutoTokenizer.from_pretrained(teacher)
    if not tokenizer.is_fast or not isinstance(tokenizer.backend_tokenizer.model, WordPiece):
        raise InputError(f"teacher: {options.teacher} has a {type(tokenizer).__name__}; need a fast one of WordPiece")
    rows = load_data(None, data_files={"train": options.texts})["train"]
    if options.column not in rows.column_names:
        raise InputError(f"--column: {options.texts} has no {options.column!r}; it has {', '.join(rows.column_names)}")
    own = tokenizer.train_new_from_iterator(rows[options.column], vocab_size=options.tokens, show_progress=False)
    student = build_student(AutoModel.from_pretrained(teacher), num_hidden_layers=options.layers)
    give_vocabulary(student, own, tokenizer)
    with folder_written_aside(options.output) as folder:
        student.save_pretrained(folder)
        own.save_pretrained(folder)
    return f"{options.output}: {len(own)} tokens, {student.num_parameters() / 1e6:.2f} million parameters"


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("teacher", help="a checkpoint with a WordPiece tokenizer: a folder, Hub id or package:...")
    parser.add_argument("output", type=Path, help="the folder to write")
    parser.add_argument("--texts", required=True, help="a file of rows")
    parser.add_argument("--column", default="text", help="its column with the texts")
    parser.add_argument("--tokens", type=int, default=4000, help="size of the vocabulary, at most")
    parser.add_argument("--layers", type=int, default=2, help="depth of the student")
    try:
        print(make(parser.parse_args()))
    except InputError as error:
        parser.exit(2, f"make_student.py: {error}\n")


if __name__ == "__main__":
    main()
