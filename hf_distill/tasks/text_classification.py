# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Classification of a text, or of a pair of texts."""

from __future__ import annotations

from typing import Any

from datasets import Dataset
from transformers import DataCollatorWithPadding

from hf_distill.tasks.base import CUT, PADDING_MULTIPLE, Processor, was_cut
from hf_distill.tasks.one_label import OneLabelTask


class TextClassification(OneLabelTask):
    """One label for a text, or for two texts together; rows without a label learn from the teacher only."""

    name = "text-classification"
    columns = ("text", "label")
    optional_columns = ("text_pair",)
    auto_model = "AutoModelForSequenceClassification"
    pipeline_tag = "text-classification"
    across_tokenizers = True

    def encode_inputs(self, rows: Dataset, processor: Processor) -> Dataset:
        """Turn texts into token ids; a row without a label has the ignored label -100."""

        def tokenize_batch(batch: dict[str, list]) -> dict[str, list]:
            texts = [batch["text"], batch["text_pair"]] if "text_pair" in batch else [batch["text"]]
            encoded = processor(*texts, truncation=True, max_length=self.max_length)
            encoded[CUT] = was_cut(encoded)
            encoded["labels"] = self._labels_of(batch["label"])
            return encoded

        return rows.map(tokenize_batch, batched=True, remove_columns=rows.column_names, desc="Tokenizing")

    def collator(self, processor: Processor) -> Any:
        """Return a collator that pads to the longest text of the batch."""
        return DataCollatorWithPadding(processor, pad_to_multiple_of=PADDING_MULTIPLE)
