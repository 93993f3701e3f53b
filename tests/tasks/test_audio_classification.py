# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Tests of audio classification."""

from __future__ import annotations

import importlib.util
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from datasets import Dataset, DatasetDict
from scipy.io import wavfile
from transformers import ASTConfig, PretrainedConfig, Wav2Vec2Config

from hf_distill.errors import InputError
from hf_distill.tasks.audio_classification import AudioClassification, makes_one_length
from hf_distill.tasks.media import UnreadableError
from hf_distill.tasks.sounds import Sound, read_sound, resample
from tiny_media import RATE, SOUNDS, make_files, of_files, wav

TONE = 0.5 * np.sin(2 * np.pi * 440 * np.arange(1600) / RATE)
WAVES, SPECTROGRAMS = Wav2Vec2Config(), ASTConfig(**SOUNDS)


def processor(folder: Path, config: PretrainedConfig = WAVES, **given: Any) -> Any:
    """Return what makes the inputs of a model of a configuration."""
    task = AudioClassification()
    (folder / "preprocessor_config.json").write_text(json.dumps(task.processor_fields(config, given, "x")))
    return task.load_processor(folder)


def encoded(task: AudioClassification, rows: Dataset, made_by: Any, split: str = "train") -> Dataset:
    """Return encoded rows, as a run makes them."""
    data = task.select_columns(DatasetDict({"train": rows, split: rows}))
    names = task.label_names(data)
    return task.encode_inputs(task.encode_labels(data, names, range(len(names)))[split], made_by)


def stored(samples: np.ndarray) -> bytes:
    file = io.BytesIO()
    wavfile.write(file, RATE, samples)
    return file.getvalue()


FORMS = {
    "8 bits": (np.round(TONE * 128 + 128).astype(np.uint8), 1 / 128),
    "16 bits": (np.round(TONE * 2**15).astype(np.int16), 1e-4),
    "32 bits": (np.round(TONE * 2**31).astype(np.int32), 1e-6),
    "floats": (TONE.astype(np.float32), 1e-6),
}


@pytest.mark.parametrize(("samples", "error"), FORMS.values(), ids=FORMS)
def test_samples_of_any_form_are_read_alike(samples: np.ndarray, error: float) -> None:
    sound = read_sound(stored(samples))
    assert (sound.rate, sound.seconds, sound.samples.dtype) == (RATE, 0.2, np.float32)
    np.testing.assert_allclose(sound.samples, TONE, atol=error)


def test_channels_are_mixed() -> None:
    sound = read_sound(wav(np.stack([TONE, -TONE / 2], axis=1)))
    np.testing.assert_allclose(sound.samples, TONE / 4, atol=1e-4)


@pytest.mark.parametrize("rate", [4000, 11025, 16000])
def test_tone_is_the_same_tone_at_another_rate(rate: int) -> None:
    changed = resample(Sound(TONE.astype(np.float32), RATE), rate)
    wanted = 0.5 * np.sin(2 * np.pi * 440 * np.arange(len(changed)) / rate)
    assert len(changed) == pytest.approx(0.2 * rate, abs=1)
    inner = slice(len(changed) // 8, -len(changed) // 8)
    np.testing.assert_allclose(changed[inner], wanted[inner], atol=5e-3)


DAMAGES = {"cut": wav(TONE)[:-400], "header alone": wav(TONE)[:20], "text": b"no sound", "no samples": wav(TONE[:0])}


@pytest.mark.parametrize("file", DAMAGES.values(), ids=DAMAGES)
def test_damaged_sound_is_not_read(file: bytes) -> None:
    with pytest.raises(UnreadableError):
        read_sound(file)


def test_samples_that_are_no_numbers_are_not_read() -> None:
    with pytest.raises(UnreadableError, match="no numbers"):
        read_sound(stored(np.array([0.0, np.nan], np.float32)))


@pytest.mark.parametrize("file", [*DAMAGES.values(), b"", None], ids=[*DAMAGES, "nothing", "missing"])
def test_damaged_sound_names_split_and_row_or_is_left_out(tmp_path: Path, file: bytes | None) -> None:
    rows, made_by = of_files("audio", [wav(TONE), file, wav(TONE)], [0, 0, 1]), processor(tmp_path)
    with pytest.raises(InputError, match=r"dataset, split 'test', row 1: the audio \w.*; mend it"):
        encoded(AudioClassification(), rows, made_by, "test")
    task = AudioClassification()
    task.on_error = "skip"
    assert encoded(task, rows, made_by)["labels"][:] == [0, 1]


@pytest.mark.skipif(importlib.util.find_spec("soundfile") is not None, reason="soundfile is there")
def test_other_formats_say_what_to_install() -> None:
    with pytest.raises(InputError, match="sounds other than WAV need soundfile"):
        read_sound(b"fLaC and more")


def test_waves_have_the_length_of_the_longest_training_row(tmp_path: Path) -> None:
    task, made_by = AudioClassification(), processor(tmp_path)
    rows = encoded(task, of_files("audio", [wav(TONE), wav(np.tile(TONE, 2)[:2900])], [0, 1]), made_by)
    assert task.max_seconds == 0.4
    batch = task.collator(made_by)(list(rows))
    assert batch["input_values"].shape == (2, round(0.4 * made_by.sampling_rate))
    assert "attention_mask" not in batch


def test_sound_is_the_same_beside_any_other(tmp_path: Path) -> None:
    task, made_by = AudioClassification(), processor(tmp_path)
    rows = list(encoded(task, make_files("audio", 6, seed=0), made_by))
    collate = task.collator(made_by)
    together = collate(rows)["input_values"]
    for row, values in zip(rows, together):
        assert torch.equal(collate([row])["input_values"][0], values)


@pytest.mark.parametrize(("seconds", "rate"), [(0.1, 16000), (0.5, 8000)])
def test_waves_are_cut_or_filled_to_the_length_asked_for(tmp_path: Path, seconds: float, rate: int) -> None:
    task, made_by = AudioClassification(), processor(tmp_path, sampling_rate=rate, do_normalize=False)
    task.max_seconds = seconds
    rows = encoded(task, of_files("audio", [wav(TONE)] * 2, [0, 1]), made_by)
    values = task.collator(made_by)(list(rows))["input_values"][0]
    assert len(values) == seconds * rate
    whole = torch.from_numpy(resample(read_sound(wav(TONE)), rate))
    kept = min(len(whole), len(values))
    torch.testing.assert_close(values[:kept], whole[:kept])
    assert not values[kept:].any()


def test_long_sounds_are_cut_to_half_a_minute(tmp_path: Path) -> None:
    task, made_by = AudioClassification(), processor(tmp_path)
    encoded(task, of_files("audio", [wav(np.zeros(31 * RATE)), wav(TONE)], [0, 1]), made_by)
    assert task.max_seconds == 30.0


def test_spectrograms_have_the_length_of_the_feature_extractor(tmp_path: Path) -> None:
    task, made_by = AudioClassification(), processor(tmp_path, SPECTROGRAMS)
    assert makes_one_length(made_by)
    assert not makes_one_length(processor(tmp_path))
    rows = encoded(task, make_files("audio", 3, seed=0), made_by)
    assert task.max_seconds is None
    assert task.collator(made_by)(list(rows))["input_values"].shape == (3, 24, 16)
    task.max_seconds = 1.0
    with pytest.raises(InputError, match="dataset.max_seconds: ASTFeatureExtractor makes all sounds one length"):
        encoded(task, make_files("audio", 3, seed=0), made_by)


def test_model_that_reads_other_spectrograms_is_refused(tmp_path: Path) -> None:
    made_by = processor(tmp_path, SPECTROGRAMS)
    with pytest.raises(InputError, match=r"student.config.num_mel_bins: is 8, but the spectrograms' is 16"):
        AudioClassification().check_inputs(ASTConfig(**{**SOUNDS, "num_mel_bins": 8}), made_by, "student.config")
