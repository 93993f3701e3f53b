# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Two tokenizers side by side: that of the student, and that of a teacher which cuts texts otherwise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from datasets import Dataset
from transformers import BatchEncoding, PreTrainedTokenizerBase
from transformers.data.data_collator import pad_without_fast_tokenizer_warning

from hf_distill.data.spans import NOT_SHARED, Piece, Special, Token, share_spans, share_words
from hf_distill.errors import InputError
from hf_distill.features.shared import OF_TEACHER, SPANS, WORDS, inputs_of_teacher

Text = str | list[str]
"""A text, whole or in words."""

OPTIONS = frozenset({"truncation", "max_length", "is_split_into_words", "add_special_tokens"})
"""Options of tokenizers under which a row stays a row, and its tokens a list."""


class TwoTokenizers:
    """
    The tokenizers of a student and of a teacher that cuts texts otherwise, used as if they were one.

    Called with texts it returns the student's inputs and beside them, under names that begin with `teacher_`, the
    teacher's; `shared_spans` and `teacher_shared_spans` say which tokens stand for the same piece of text, and of
    texts given in words `shared_words` which tokens begin the same word. `pad` pads each side to its own longest row.
    So it goes where a collator wants a tokenizer, and as `processing_class` of a [`DistillationTrainer`]. All else is
    asked of the student's tokenizer.

    Args:
        student ([`~transformers.PreTrainedTokenizerBase`]): The student's tokenizer; a fast one, which knows what
            characters a token stands for.
        teacher ([`~transformers.PreTrainedTokenizerBase`]): The teacher's; a fast one too.

    Raises:
        InputError: If one of them is not fast.

    Example:

    ```python
    >>> from hf_distill import DistillationTrainer, TwoTokenizers
    >>> both = TwoTokenizers(student=tokenizer, teacher=teacher_tokenizer)  # doctest: +SKIP
    >>> rows = texts.map(lambda batch: both(batch["text"], truncation=True), batched=True)  # doctest: +SKIP
    >>> trainer = DistillationTrainer(  # doctest: +SKIP
    ...     model=student, teacher_model=teacher, args=args, train_dataset=rows, processing_class=both
    ... )
    ```
    """

    def __init__(self, student: PreTrainedTokenizerBase, teacher: PreTrainedTokenizerBase):
        for side, tokenizer in (("student", student), ("teacher", teacher)):
            if not getattr(tokenizer, "is_fast", False):
                raise InputError(
                    f"{side}: {type(tokenizer).__name__} does not tell where in a text its tokens stand; need a fast "
                    "one where teacher and student have different tokenizers"
                )
        self.student, self.teacher = student, teacher

    def __getattr__(self, name: str) -> Any:
        # Asked before there is a student where a copy is unpickled.
        if name == "student" or name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.student, name)

    @property
    def tokenizers(self) -> tuple[PreTrainedTokenizerBase, PreTrainedTokenizerBase]:
        """The student's and the teacher's."""
        return self.student, self.teacher

    @property
    def model_input_names(self) -> list[str]:
        """The columns that it makes and pads."""
        beside = [*self.teacher.model_input_names, SPANS, WORDS]
        return [*self.student.model_input_names, SPANS, WORDS, *(OF_TEACHER + name for name in beside)]

    def __call__(self, text: Sequence[Text], text_pair: Sequence[Text] | None = None, **options: Any) -> BatchEncoding:
        """
        Encode texts, or pairs of texts, for both.

        Args:
            text (`Sequence[str]` or `Sequence[list[str]]`): A text for each row, or its words.
            text_pair (`Sequence`, *optional*): A second text for each row.
            options: `truncation`, `max_length`, `is_split_into_words` and `add_special_tokens`, for both tokenizers.

        Returns:
            [`~transformers.BatchEncoding`]: The student's encoding, with the columns of the teacher beside its own.

        Raises:
            InputError: If a single text is given, or an option that changes what a row is.
        """
        if isinstance(text, str):
            raise InputError("text: must be a list of texts; with a data set, map with batched=True")
        wrong = next((name for name in options if name not in OPTIONS), None)
        if wrong is not None:
            raise InputError(f"{wrong}: is not for two tokenizers side by side; {', '.join(sorted(OPTIONS))} are")
        texts = [text] if text_pair is None else [text, text_pair]
        result, other = (tokenizer(*texts, **options) for tokenizer in self.tokenizers)
        result.update({OF_TEACHER + name: values for name, values in other.items()})
        in_words = options.get("is_split_into_words", False)
        columns: dict[str, list] = {name: [] for name in _alignment(in_words)}
        for row, encodings in enumerate(zip(result.encodings, other.encodings)):
            tokens = [_tokens(encoding, [part[row] for part in texts], in_words) for encoding in encodings]
            found = list(share_spans(*tokens))
            if in_words:
                found += share_words(*([_word(token) for token in side] for side in tokens))
            for name, values in zip(columns, found):
                columns[name].append(values)
        result.update(columns)
        return result

    def pad(self, rows: Any, **options: Any) -> BatchEncoding:
        """
        Pad the student's inputs and the teacher's, each to the longest of their own; see the tokenizers' `pad`.

        Args:
            rows (`Sequence[Mapping]` or a mapping of lists): Rows as `__call__` made them; those without the teacher's
                columns, as in evaluation, are padded for the student alone.
            options: Options of the tokenizers' `pad`; of `return_tensors` there is `"pt"` alone.
        """
        if isinstance(rows, Mapping):
            rows = [dict(zip(rows, values)) for values in zip(*rows.values())]
        own = [{name: value for name, value in row.items() if not name.startswith(OF_TEACHER)} for row in rows]
        batch, other = _pad(self.student, own, options), [inputs_of_teacher(row) for row in rows]
        if other[0]:
            batch.update({OF_TEACHER + name: values for name, values in _pad(self.teacher, other, options).items()})
        return batch

    def for_student(self, rows: Dataset) -> Dataset:
        """Return encoded rows without what is beside the student's own columns."""
        own = self.student.model_input_names
        beside = [name for name in rows.column_names if name in self.model_input_names and name not in own]
        return rows.remove_columns(beside)


def _alignment(in_words: bool) -> list[str]:
    return [beginning + name for name in ((SPANS, WORDS) if in_words else (SPANS,)) for beginning in ("", OF_TEACHER)]


def _pad(tokenizer: PreTrainedTokenizerBase, rows: list[dict[str, Any]], options: dict[str, Any]) -> BatchEncoding:
    """Pad rows of one side, and what says of each token which span it is in."""
    names = [name for name in (SPANS, WORDS) if name in rows[0]]
    inputs = [{name: value for name, value in row.items() if name not in names} for row in rows]
    batch = pad_without_fast_tokenizer_warning(tokenizer, inputs, **{**options, "return_tensors": "pt"})
    shape = batch["input_ids"].shape
    for name in names:
        batch[name] = torch.full(shape, NOT_SHARED)
        for place, row in enumerate(rows):
            values = torch.as_tensor(row[name])
            first = 0 if tokenizer.padding_side == "right" else shape[1] - len(values)
            batch[name][place, first : first + len(values)] = values
    return batch


def _tokens(encoding: Any, texts: Sequence[Text], in_words: bool) -> list[Token]:
    """Return what each token of an encoded row stands for."""
    result: list[Token] = []
    seen, part = 0, None
    for (start, end), number, word in zip(encoding.offsets, encoding.sequence_ids, encoding.word_ids):
        if number is None:
            result.append(Special(seen))
            continue
        seen, before, part = number + 1, part, (number, word if in_words else 0)
        # The space that a tokenizer put before the first word is counted by some versions, and is not in the text.
        start = 0 if part != before and start == 1 else start
        characters = texts[number][word] if in_words else texts[number]
        result.append(Piece(part, *_stripped(characters, start, end)))
    return result


def _stripped(text: str, start: int, end: int) -> tuple[int, int]:
    """Return the range without the spaces at its ends, which some tokenizers count to the words and some do not."""
    while start < end and text[start].isspace():
        start += 1
    while start < end and text[end - 1].isspace():
        end -= 1
    return start, end


def _word(token: Token) -> tuple[int, int] | None:
    return token.part if isinstance(token, Piece) else None
