# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""The sections of a recipe: their keys, defaults and bounds."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from hf_distill.errors import InputError
from hf_distill.hub_names import check_repo_id
from hf_distill.publishing.metadata import check_languages, check_license
from hf_distill.quantization import QuantizationOptions, find_backend

DEFAULT_BACKEND = "onnxruntime"


class Section(BaseModel):
    """A part of a recipe: unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", validate_default=True)


class SourceSection(Section):
    """Where rows come from."""

    path: str | None = Field(None, description="Hub id, local folder, or package:MODULE with a load_dataset().")
    name: str | None = Field(None, description="Configuration of a data set on the Hub.")
    revision: str | None = Field(None, description="Branch, tag or commit of a data set on the Hub.")
    data_files: Any = Field(None, description="Local files, in place of path.")

    @field_validator("data_files")
    @classmethod
    def _some_source(cls, data_files: Any, info: ValidationInfo) -> Any:
        if not data_files and info.data.get("path") is None:
            raise ValueError("rows come from a path or from data_files; give one")
        return data_files


class TransferSection(SourceSection):
    """Rows without labels, on which the student learns from the teacher alone."""

    data_files: str | list[str] | None = Field(None, description="Local files, in place of path.")
    split: str = Field("train", description="Which split of it.")
    columns: dict[str, str] | None = Field(
        None, description="Which column holds what the task reads; those of the data set if left out."
    )
    max_samples: int | None = Field(None, ge=1, description="Use so many rows, drawn at random.")


class DatasetSection(SourceSection):
    """What the student and the teacher learn from."""

    data_files: dict[str, str | list[str]] | None = Field(
        None, description="Local files of each split, in place of path."
    )
    splits: dict[Literal["train", "validation", "test"], str] | None = Field(
        None, description="Which split of the data set serves as train, validation and test."
    )
    columns: dict[str, str | list[str]] | None = Field(
        None,
        description="Which column holds what the task reads; where any number of labels is right, it may be a list "
        "of columns that hold 0 or 1.",
    )
    max_length: int | None = Field(None, ge=4, description="Longest input in tokens.")
    too_long: Literal["cut", "skip", "refuse"] = Field("cut", description="What is done with longer inputs.")
    max_seconds: float | None = Field(
        None,
        gt=0,
        description="Length that every sound is cut or filled to; by default that of the longest of the training "
        "rows, at most 30.",
    )
    on_error: Literal["refuse", "skip"] = Field(
        "refuse",
        description="What is done with rows that cannot be read: an empty text, a damaged image or sound.",
    )
    max_train_samples: int | None = Field(None, ge=1, description="Use so many training rows, drawn at random.")
    labels_per_class: int | None = Field(
        None, ge=1, description="Hide the labels of all training rows but so many of each class."
    )
    whole_words: bool | None = Field(
        None, description="fill-mask: mask all tokens of a word together; each for itself by default."
    )
    stride: int = Field(
        128,
        ge=0,
        description="question-answering: how many tokens of a context two windows share, at most a third of one.",
    )
    seed: int = Field(0, description="Seed of the two draws above, apart from that of training.")
    transfer: TransferSection | None = Field(
        None, description="Further rows, without labels, on which the student learns from the teacher."
    )
    teacher_labels: float | None = Field(
        None,
        ge=0,
        le=1,
        description="Give rows without a label the teacher's, where it gives that at least this probability.",
    )


class TeacherSection(Section):
    """Who teaches."""

    model: str | None = Field(
        None, description="Folder, Hub id, or package:MODULE/FOLDER within an installed package."
    )
    config: dict[str, Any] | None = Field(
        None,
        description="Make a model in place of loading one: model_type, and fields of such a configuration.",
    )
    processor: dict[str, Any] | None = Field(
        None,
        description="What makes the inputs of a model made from config: fields that differ from what follows from it.",
    )
    fine_tune: dict[str, Any] | None = Field(
        None, description="Fine-tune it first: any field of TrainingArguments; {} for the defaults of training."
    )

    @model_validator(mode="after")
    def _one_start(self) -> TeacherSection:
        if (self.model is None) == (self.config is None):
            raise ValueError("needs one of model, a checkpoint, and config, from which a fresh one is made")
        if self.config is not None and self.fine_tune is None:
            raise ValueError("a model made from config knows nothing yet; add fine_tune")
        if self.processor is not None and self.config is None:
            raise ValueError("processor goes with config; a checkpoint has its own")
        return self


class StudentSection(Section):
    """Who learns; started from the teacher's layers unless `model` names another checkpoint."""

    model: str | None = Field(None, description="Start from this checkpoint and not from the teacher.")
    config: dict[str, Any] | None = Field(
        None,
        description="Start at random: model_type, and fields of such a configuration; of any architecture.",
    )
    num_hidden_layers: int | None = Field(None, ge=1, description="Depth.")
    layers: list[int] | None = Field(
        None, description="The teacher layer, from 0, that each student layer starts from."
    )
    hidden_size: int | None = Field(None, ge=1, description="Width.")
    num_attention_heads: int | None = Field(None, ge=1, description="Attention heads.")
    intermediate_size: int | None = Field(None, ge=1, description="Width of the feed-forward layers.")

    @property
    def shape(self) -> dict[str, Any]:
        """What is asked of the student's depth and width."""
        return self.model_dump(exclude={"model", "config"})

    @model_validator(mode="after")
    def _all_of_config(self) -> StudentSection:
        given = {"model": self.model, **self.shape}
        other = next((name for name, value in given.items() if value is not None), None)
        if self.config is not None and other is not None:
            raise ValueError(f"config says all of the student; leave out {other}, or config")
        return self


class RecordingSection(Section):
    """What the teacher says, written down once before the student learns."""

    compression: str | dict[str, Any] = Field(
        "int8", description="fp32, fp16, bf16, int8 or log8, with options such as int8:pca=96, or a mapping of them."
    )
    precision: Literal["auto", "fp32", "bf16", "fp16"] = Field(
        "auto", description="What the teacher computes in; auto: bf16 where it is fast, unless compression is fp32."
    )
    batch_size: int = Field(64, ge=1, description="Rows that the teacher reads at once.")
    rows_per_shard: int = Field(1024, ge=1, description="Rows of a shard: what an interruption may cost.")


class IntermediateSection(Section):
    """A stage of training before the last, with objectives of its own; both have the budget of `training` together."""

    objectives: list[str | dict[str, Any]] = Field(description="What the student learns from the teacher in it.")
    task_weight: float = Field(0.0, ge=0, description="Factor of the task loss in it.")
    share: float = Field(0.5, gt=0, lt=1, description="Its share of the epochs, or steps, of training.")
    training: dict[str, Any] = Field(default_factory=dict, description="Training fields that differ from training.")


class FinishingSection(Section):
    """A little more distillation, as if the student were quantized already; done where max_drop is exceeded."""

    share: float = Field(0.1, gt=0, description="How long, as a share of the epochs, or steps, of training.")
    training: dict[str, Any] = Field(
        default_factory=dict,
        description="Training fields that differ from training; a tenth of its learning rate by default.",
    )


class BaselineSection(Section):
    """The same student without the teacher: what there would be without distillation."""

    start: str = Field(
        "pretrained",
        description="pretrained: the layers of the checkpoint that the run fine-tunes the teacher from, so that "
        "nothing of the teacher is in it; student: the student's own start; or any checkpoint. A teacher that comes "
        "fine-tuned has no pretrained start to be found, and the baseline has the student's.",
    )
    training: dict[str, Any] = Field(
        default_factory=dict, description="Training fields that differ from the student's."
    )


class CardSection(Section):
    """What the model cards say that the run cannot know."""

    license: str | None = Field(
        None,
        description="The Hub's name of the student's licence, such as apache-2.0; by default that of the checkpoint "
        "whose weights it starts from, where its card is here.",
    )
    language: str | list[str] | None = Field(
        None,
        description="ISO 639 codes of the data's languages, such as en; by default those of the data set's card, "
        "where that is here.",
    )

    @property
    def languages(self) -> list[str]:
        """The languages, in a list."""
        return [self.language] if isinstance(self.language, str) else self.language or []

    def check(self) -> None:
        """Raise an [`InputError`] if the Hub does not know the licence or a language."""
        check_languages(self.languages, "card.language")
        if self.license is not None:
            check_license(self.license, "card.license")


class EvaluationSection(Section):
    """How the models are measured."""

    split: Literal["validation", "test"] | None = Field(None, description="test if there is one, else validation.")
    max_samples: int | None = Field(None, ge=1, description="Use so many rows, drawn at random.")
    batch_size: int = Field(64, ge=1, description="Rows in a batch when scores are measured.")
    max_answer_length: int = Field(30, ge=1, description="question-answering: the longest answer in tokens.")
    latency_rounds: int = Field(
        30, ge=3, description="How often each latency is measured; less often, but 10 times, where it takes a minute."
    )


class QuantizationSection(Section):
    """One quantized model."""

    backend: str = Field(DEFAULT_BACKEND, description="Which backend quantizes.")
    mode: Literal["dynamic", "static", "weights", "half"] | None = Field(
        None,
        description="What is quantized beside weights. dynamic: activations, with ranges as they come; static: with "
        "ranges measured on training rows; weights: nothing. half: 16-bit floats. onnxruntime has dynamic (its "
        "default), static and half; openvino and quanto weights (their default) "
        "and static.",
    )
    weights: Literal["int8", "int4", "fp8"] = Field("int8", description="What weights are stored in.")
    per_channel: bool = Field(True, description="One scale for each output channel of a weight.")
    instructions: Literal["auto", "avx2", "avx512", "avx512_vnni", "arm64"] = Field(
        "auto", description="Which processor's int8 instructions to quantize for; auto: this machine's."
    )
    optimization: Literal["none", "O1", "O2", "O3"] = Field(
        "none",
        description="What is done to the graph beforehand; O2 fuses attention and the like, O3 approximates GELU.",
    )
    calibration_rows: int = Field(256, ge=1, description="Training rows that mode static measures ranges on.")
    calibration_method: Literal["minmax", "entropy", "percentile"] = Field(
        "minmax", description="What a range of mode static is."
    )
    max_drop: float | None = Field(
        0.01,
        ge=0,
        description="What may be lost of the primary metric; operators are kept in floats until it is not more. Of an "
        "error such as perplexity, by what share of the student's it may grow. null: whatever is lost.",
    )

    @property
    def options(self) -> QuantizationOptions:
        """How the backend quantizes."""
        return QuantizationOptions(**self.model_dump(exclude={"backend", "max_drop"}))

    def check(self, place: str) -> None:
        """Raise an [`InputError`] if the backend is unknown or does not do what is asked; `place` is the section."""
        backend = find_backend(self.backend)
        try:
            backend.check_options(self.options)
        except InputError as error:
            raise InputError(f"{place}.{error}") from error


class PublishSection(Section):
    """Where the run is published on the Hugging Face Hub."""

    repo_id: str = Field(description="The student's repository, OWNER/NAME; or NAME, for one of the token's owner.")
    private: bool = Field(False, description="Only the owner may see what is created.")
    quantized: Literal["separate", "same"] = Field(
        "separate",
        description="separate: each quantized model has a repository of its own; same: a folder in the student's.",
    )
    recording: bool = Field(False, description="Publish what the teacher said too, as the data set NAME-recording.")
    space: bool = Field(False, description="Publish a demo of the models too, as the Space NAME-demo.")
    revision: str | None = Field(None, description="Branch to commit to, made if it is missing; main by default.")
    tag: str | None = Field(None, description="Tag for what is published.")
    pull_request: bool = Field(False, description="Open a pull request in place of a commit to main.")
    license: str | None = Field(None, description="The Hub's name of the licence, such as apache-2.0.")
    message: str | None = Field(None, description="What the commits say.")

    def check(self, place: str = "") -> None:
        """Raise an [`InputError`] if the Hub has no such names; `place` is what stands before a key's name."""
        check_repo_id(self.repo_id, f"{place}repo_id")
        if self.license is not None:
            self.license = check_license(self.license, f"{place}license")
