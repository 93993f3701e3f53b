# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
"""Sounds: reading files, and bringing them to another rate."""

from __future__ import annotations

import io
import math
import struct
import warnings
from dataclasses import dataclass

import numpy as np
from scipy.io import wavfile
from scipy.signal import resample_poly

from hf_distill.errors import InputError
from hf_distill.tasks.media import UnreadableError

COMPRESSED = (b"fLaC", b"OggS", b"ID3", b"\xff\xfb", b"\xff\xf3", b"\xff\xf2")
"""How files begin that need soundfile: FLAC, Ogg and MP3."""
DAMAGES = (
    ValueError,
    TypeError,
    ArithmeticError,
    LookupError,
    OSError,
    EOFError,
    struct.error,
    wavfile.WavFileWarning,
)
"""What SciPy raises of damaged files: it checks little of a header before it computes with it."""


@dataclass
class Sound:
    """
    A sound of one channel.

    Args:
        samples (`np.ndarray`): Values from -1 to 1, `(samples,)`, 32-bit floats.
        rate (`int`): Samples in a second.
    """

    samples: np.ndarray
    rate: int

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.samples) / self.rate


def read_sound(file: bytes) -> Sound:
    """
    Read a WAV file, or with soundfile one of FLAC, Ogg or MP3.

    Args:
        file (`bytes`): The file.

    Returns:
        [`Sound`]: The mean of its channels.

    Raises:
        UnreadableError: If it is damaged, empty or of no known format.
        InputError: If it needs soundfile, and that is not installed.
    """
    rate, values = _read_with_soundfile(file) if file.startswith(COMPRESSED) else _read_wav(file)
    if len(values) == 0:
        raise UnreadableError("has no samples")
    samples = _as_floats(values).reshape(len(values), -1).mean(1, dtype=np.float64).astype(np.float32)
    if not np.isfinite(samples).all():
        raise UnreadableError("has samples that are no numbers")
    return Sound(samples, rate)


def _read_wav(file: bytes) -> tuple[int, np.ndarray]:
    with warnings.catch_warnings():
        # Of other parts than the samples nothing is needed; samples that are missing are.
        warnings.simplefilter("ignore", wavfile.WavFileWarning)
        warnings.filterwarnings("error", "Reached EOF prematurely", wavfile.WavFileWarning)
        try:
            rate, values = wavfile.read(io.BytesIO(file))
        except DAMAGES as error:
            reason = str(error).partition("\n")[0] or type(error).__name__
            raise UnreadableError(f"cannot be read as WAV ({reason})") from error
    if rate <= 0:
        raise UnreadableError("cannot be read as WAV (has no rate)")
    return rate, values


def _read_with_soundfile(file: bytes) -> tuple[int, np.ndarray]:
    try:
        import soundfile
    except ImportError as error:
        raise InputError(
            "dataset: sounds other than WAV need soundfile; install it, or convert them to WAV"
        ) from error
    try:
        values, rate = soundfile.read(io.BytesIO(file), dtype="float32")
    except soundfile.LibsndfileError as error:
        raise UnreadableError(f"cannot be read ({error})") from error
    return rate, values


def _as_floats(values: np.ndarray) -> np.ndarray:
    """Return samples as floats from -1 to 1; 8-bit ones have their zero at 128."""
    if values.dtype.kind == "f":
        return values.astype(np.float32)
    if values.dtype == np.uint8:
        return (values.astype(np.float32) - 128) / 128
    return (values / -float(np.iinfo(values.dtype).min)).astype(np.float32)


def resample(sound: Sound, rate: int) -> np.ndarray:
    """
    Return a sound's samples at another rate.

    Args:
        sound ([`Sound`]): The sound.
        rate (`int`): Samples in a second.

    Returns:
        `np.ndarray`: `(samples,)`, 32-bit floats.
    """
    if sound.rate == rate:
        return sound.samples
    shared = math.gcd(sound.rate, rate)
    return resample_poly(sound.samples, rate // shared, sound.rate // shared).astype(np.float32)
