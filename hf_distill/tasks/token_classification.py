# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Classification of words, such as named entities and slots."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from datasets import ClassLabel, Dataset, DatasetDict, List, Value
from transformers import DataCollatorForTokenClassification, PreTrainedTokenizerBase

from hf_distill.errors import InputError
from hf_distill.features.units import IGNORED_LABEL, PREDICTION_MASK
from hf_distill.metrics import compute_tagging_metrics, compute_type_metrics
from hf_distill.tasks.base import CUT, PADDING_MULTIPLE, Processor, Task, was_cut
from hf_distill.tasks.labels import LabelEncoder, check_any_label, names_of

logger = logging.getLogger(__name__)

WORDS_READ = "words_read"
"""The column of encoded rows with the numbers of the words that have a token, in order."""
UNREAD = -1
"""What stands in an answer for a word that has no token: one cut off, or one that the tokenizer makes nothing of."""


class TokenClassification(Task):
    """One label for each word, on its first sub-token; rows without labels learn from the teacher only."""

    name = "token-classification"
    columns = ("tokens", "tags")
    label_column = "tags"
    auto_model = "AutoModelForTokenClassification"
    pipeline_tag = "token-classification"
    primary_metric = "f1"
    across_tokenizers = True

    def label_names(self, data: DatasetDict) -> list[str]:
        """Return the names of the tags, in the data set's own order."""
        rows = data["train"]
        feature = getattr(rows.features["tags"], "feature", None)
        if feature is None:
            raise InputError(
                f"dataset.columns.tags: {self.column_names['tags']!r} must hold a list of tags for each row"
            )
        values = () if isinstance(feature, ClassLabel) else {tag for tags in rows["tags"] for tag in tags or ()}
        names = names_of(feature, values)
        check_any_label(names, data, self.column_names["tags"])
        return names

    def encode_labels(self, data: DatasetDict, names: Sequence[str], order: Sequence[int]) -> DatasetDict:
        """Turn tags into ids; see [`Task.encode_labels`]."""
        encode = LabelEncoder(names, order)
        result = DatasetDict()
        for split, rows in data.items():
            ids = []
            for row, (words, tags) in enumerate(zip(rows["tokens"], rows["tags"])):
                place = f"dataset, split {split!r}, row {row}"
                if tags and len(tags) != len(words):
                    raise InputError(f"{place}: has {len(words)} tokens but {len(tags)} tags; each token needs one")
                encoded = [encode(tag, place) for tag in tags or ()]
                ids.append(None if not encoded or None in encoded else encoded)
            result[split] = rows.remove_columns("tags").add_column("tags", ids, feature=List(Value("int64")))
        return result

    def encode_inputs(self, rows: Dataset, processor: Processor) -> Dataset:
        """Turn words into token ids; only the first sub-token of a word has a label and is predicted."""
        if not processor.is_fast:
            raise InputError(
                f"teacher.model: {type(processor).__name__} cannot tell words from sub-tokens; need a fast one"
            )
        for tokenizer in getattr(processor, "tokenizers", [processor]):
            _expect_split_words(tokenizer)

        def tokenize_batch(batch: dict[str, list]) -> dict[str, list]:
            encoded = processor(batch["tokens"], is_split_into_words=True, truncation=True, max_length=self.max_length)
            first = [_first_of_words(encoded.word_ids(row)) for row in range(len(batch["tokens"]))]
            encoded[CUT] = was_cut(encoded)
            encoded["labels"] = [
                [IGNORED_LABEL if word is None or tags is None else tags[word] for word in words]
                for words, tags in zip(first, batch["tags"])
            ]
            encoded[PREDICTION_MASK] = [[word is not None for word in words] for words in first]
            encoded[WORDS_READ] = [[word for word in words if word is not None] for words in first]
            return encoded

        result = rows.map(tokenize_batch, batched=True, remove_columns=rows.column_names, desc="Tokenizing")
        lost = sum(map(len, rows["tokens"])) - sum(map(sum, result[PREDICTION_MASK]))
        if lost:
            logger.warning(
                "%d words are cut off at %s tokens and are neither learnt nor scored", lost, self.max_length
            )
        return result

    def collator(self, processor: Processor) -> Any:
        """Return a collator that pads tokens, labels and the mask of predicted tokens."""
        return _TokenCollator(processor, pad_to_multiple_of=PADDING_MULTIPLE)

    def predictions(self, logits: torch.Tensor, batch: Mapping[str, torch.Tensor]) -> list[np.ndarray]:
        """Return the predicted tag ids of the words of each row that are read."""
        chosen = logits.argmax(-1).cpu().numpy()
        masks = batch[PREDICTION_MASK].cpu().numpy()
        return [row[mask] for row, mask in zip(chosen, masks)]

    def answers(self, predictions: Sequence[np.ndarray], rows: Dataset) -> list[np.ndarray]:
        """Return the predicted tag id of each word as far as a row is read, `UNREAD` for words without a token."""
        return [_by_word(tags, words) for tags, words in zip(predictions, rows[WORDS_READ])]

    def references(self, rows: Dataset) -> list[np.ndarray]:
        """Return the true tag ids of each row's words, in the form of `answers`."""
        pairs = zip(rows["labels"], rows[PREDICTION_MASK])
        return self.answers([np.asarray(labels)[np.asarray(mask, dtype=bool)] for labels, mask in pairs], rows)

    def texts_of(self, example: Mapping[str, Any], processor: Any) -> list[str]:
        """Return the words with spaces between them."""
        return [" ".join(example["tokens"])]

    def in_words(
        self, answers: Sequence[Any], example: Mapping[str, Any], names: Sequence[str], processor: Any
    ) -> list[str]:
        """Return the words to which not all give the same tag, each with its tag; see [`InWords.in_words`]."""
        disputed = [place for place in _read_by_all(answers) if len({int(tags[place]) for tags in answers}) > 1]
        words = example["tokens"]
        return [", ".join(f"{words[place]}: {names[tags[place]]}" for place in disputed) for tags in answers]

    def is_right(self, answer: np.ndarray, reference: np.ndarray) -> bool:
        """Say whether all words have the right tag, of those that are read."""
        return not self.difference(answer, reference)

    def agreement(self, one: Sequence[np.ndarray], other: Sequence[np.ndarray]) -> float:
        """Return the share of words for which two models predict the same tag, of the words that both have read."""
        both = map(_read_by_all, zip(one, other))
        return super().agreement(*zip(*((a[read], b[read]) for a, b, read in zip(one, other, both))))

    def difference(self, one: np.ndarray, other: np.ndarray) -> float:
        """Return 1 if there is a word with two tags, of the words that both have read, and else 0."""
        read = _read_by_all([one, other])
        return super().difference(one[read], other[read])

    def labelled(self, rows: Dataset) -> Dataset:
        """Return the rows that have tags."""
        keep = [row for row, labels in enumerate(rows["labels"]) if any(label != IGNORED_LABEL for label in labels)]
        return rows.select(keep)

    def score(
        self, answers: Sequence[np.ndarray], references: Sequence[np.ndarray], names: Sequence[str]
    ) -> dict[str, float]:
        """Return precision, recall and F1 of whole entities, and the accuracy of tags."""
        return compute_tagging_metrics(_tags(answers, names), _tags(references, names))

    def score_classes(
        self, answers: Sequence[np.ndarray], references: Sequence[np.ndarray], names: Sequence[str]
    ) -> dict[str, dict[str, float]]:
        """Return F1, precision, recall and support of each type of entities; see [`Task.score_classes`]."""
        return compute_type_metrics(_tags(answers, names), _tags(references, names))


def _tags(rows: Sequence[np.ndarray], names: Sequence[str]) -> list[list[str]]:
    return [[names[label] for label in row if label != UNREAD] for row in rows]


class _TokenCollator(DataCollatorForTokenClassification):
    """Pads the mask of predicted tokens too, which the base class does not know."""

    def torch_call(self, features: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        masks = [feature[PREDICTION_MASK] for feature in features if PREDICTION_MASK in feature]
        beside = (PREDICTION_MASK, WORDS_READ)
        rest = [{key: value for key, value in feature.items() if key not in beside} for feature in features]
        batch = super().torch_call(rest)
        if masks:
            mask = torch.zeros(batch["input_ids"].shape, dtype=torch.bool)
            for row, values in enumerate(masks):
                places = slice(0, len(values)) if self.tokenizer.padding_side == "right" else slice(-len(values), None)
                mask[row, places] = torch.tensor(values, dtype=torch.bool)
            batch[PREDICTION_MASK] = mask
        return batch


def _expect_split_words(tokenizer: PreTrainedTokenizerBase) -> None:
    """Put back the space before each word: RoBERTa-like tokenizers merge it with the word, and split words lost it."""
    # The first is asked by transformers, the second is what cuts the words.
    for part in (tokenizer, tokenizer.backend_tokenizer.pre_tokenizer):
        if hasattr(part, "add_prefix_space"):
            part.add_prefix_space = True


def _first_of_words(word_ids: list[int | None]) -> list[int | None]:
    """Return the word of each token that begins one, `None` for special and continuing tokens."""
    return [
        word if word is not None and word != previous else None for previous, word in zip([None, *word_ids], word_ids)
    ]


def _by_word(tags: np.ndarray, words: Sequence[int]) -> np.ndarray:
    """Return tags of the words with these numbers as tags of all words up to the last of them."""
    result = np.full(max(words, default=-1) + 1, UNREAD)
    result[words] = tags
    return result


def _read_by_all(answers: Sequence[np.ndarray]) -> np.ndarray:
    """Return the numbers of the words that have a tag in all answers: tokenizers may differ in what they read."""
    length = min(map(len, answers))
    return np.flatnonzero(np.all([tags[:length] != UNREAD for tags in answers], axis=0))
