# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hf_distill.errors import InputError
from hf_distill.knowledge.codecs import OCTAVES, make_codec

CODECS = ["fp32", "fp16", "bf16", "int8", "log8"]

shapes = st.lists(st.integers(1, 4), min_size=0, max_size=2)
by_property = settings(max_examples=40, deadline=None, derandomize=True)


def draw(seed: int, shape: list[int], width: int, scale: float = 1.0) -> np.ndarray:
    """Draw numbers of many sizes, with some zeros and repeated numbers."""
    generator = np.random.default_rng(seed)
    values = scale * generator.normal(size=(*shape, width)) * 2.0 ** generator.integers(-12, 3, (*shape, width))
    return np.where(generator.random(values.shape) < 0.1, 0.0, values).astype(np.float32)


def there_and_back(codec: str, values: np.ndarray) -> np.ndarray:
    made = make_codec(codec, values.shape[-1])
    stored = made.encode(torch.from_numpy(values))
    assert stored.dtype == torch.uint8
    assert stored.shape == (*values.shape[:-1], made.size)
    return made.decode(stored).float().numpy()


def rounded_to_bf16(values: np.ndarray) -> np.ndarray:
    """Round to the nearest number that the upper 16 bits can hold, to the even one of two."""
    bits = values.view(np.uint32).astype(np.uint64)
    bits = (bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000
    return bits.astype(np.uint32).view(np.float32)


@pytest.mark.parametrize(
    ("codec", "width", "size"),
    [
        ("fp32", 7, 28),
        ("fp16", 7, 14),
        ("bf16", 7, 14),
        ("int8", 7, 11),
        ("log8", 7, 11),
        ("fp16-top3", 100, 14),
        ("fp32-top3", 100, 22),
        ("fp16-top3", 32767, 14),
        ("fp16-top3", 32768, 20),
        ("fp32-top1", 32768, 12),
    ],
)
def test_size_in_bytes(codec: str, width: int, size: int) -> None:
    made = make_codec(codec, width)
    assert made.size == size
    assert made.encode(torch.randn(2, width)).shape == (2, size)


@by_property
@given(seed=st.integers(0, 999), shape=shapes, width=st.integers(1, 9))
def test_fp32_is_exact(seed: int, shape: list[int], width: int) -> None:
    values = draw(seed, shape, width, scale=1e20)
    np.testing.assert_array_equal(there_and_back("fp32", values), values)


@by_property
@given(seed=st.integers(0, 999), shape=shapes, width=st.integers(1, 9))
def test_16_bits_round_as_numpy_does(seed: int, shape: list[int], width: int) -> None:
    values = draw(seed, shape, width)
    np.testing.assert_array_equal(there_and_back("fp16", values), values.astype(np.float16))
    np.testing.assert_array_equal(there_and_back("bf16", values), rounded_to_bf16(values))


@by_property
@given(seed=st.integers(0, 999), shape=shapes, width=st.integers(1, 9))
def test_16_bits_keep_the_leading_digits(seed: int, shape: list[int], width: int) -> None:
    values = draw(seed, shape, width)
    for codec, digits, smallest in (("fp16", 11, 2.0**-24), ("bf16", 8, 0.0)):
        error = np.abs(there_and_back(codec, values) - values)
        # Below fp16's normal numbers, the distance between two no longer shrinks.
        assert (error <= np.maximum(np.abs(values) * 2.0**-digits, smallest / 2)).all()


@by_property
@given(seed=st.integers(0, 999), shape=shapes, width=st.integers(1, 9), power=st.integers(-60, 60))
def test_int8_is_at_most_half_a_step_off(seed: int, shape: list[int], width: int, power: int) -> None:
    values = draw(seed, shape, width, scale=2.0**power)
    step = np.abs(values).max(-1, keepdims=True) / 127
    found = there_and_back("int8", values)
    assert (np.abs(found - values) <= step * (0.5 + 1e-4)).all()
    # Each number is a whole number of steps.
    steps = np.divide(found, step, out=np.zeros_like(found), where=step > 0)
    np.testing.assert_allclose(steps, steps.round(), atol=1e-3)


@by_property
@given(seed=st.integers(0, 999), shape=shapes, width=st.integers(1, 9), power=st.integers(-60, 60))
def test_log8_keeps_the_size_of_small_numbers(seed: int, shape: list[int], width: int, power: int) -> None:
    values = draw(seed, shape, width, scale=2.0**power)
    found, largest = there_and_back("log8", values), np.abs(values).max(-1, keepdims=True)
    # 126 steps for 10 octaves, and a number is at most half a step away from the next.
    bound = 2 ** (10 / 126 / 2) - 1 + 1e-4
    within = np.abs(values) >= largest * 2.0**-OCTAVES
    assert (np.abs(found - values)[within] <= bound * np.abs(values)[within]).all()
    below = np.abs(values) < largest * 2.0**-OCTAVES * (1 - bound)
    assert (found[below] == 0).all()


@by_property
@given(seed=st.integers(0, 999), width=st.integers(1, 9))
def test_log8_agrees_with_the_formula(seed: int, width: int) -> None:
    values = draw(seed, [3], width).astype(np.float64)
    largest = np.abs(values).max(-1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        # 126 steps for 10 octaves.
        steps_below = np.nan_to_num(-np.log2(np.abs(values) / largest) * 12.6, nan=999, posinf=999)
    whole = steps_below.round()
    expected = np.where(whole <= 126, np.sign(values) * largest * 2.0 ** (-whole / 12.6), 0.0)
    # Of two numbers that are as near, either is right.
    near_a_tie = np.abs(steps_below % 1 - 0.5) < 1e-3
    found = np.where(near_a_tie, expected, there_and_back("log8", values.astype(np.float32)))
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize("codec", ["int8", "log8"])
def test_the_largest_number_and_the_signs_are_kept(codec: str) -> None:
    values = np.array([[-3.7, 1.9, -0.6], [0.25, 0.25, -0.25]], dtype=np.float32)
    found = there_and_back(codec, values)
    np.testing.assert_array_equal(np.sign(found), np.sign(values))
    np.testing.assert_allclose(np.abs(found).max(-1), [3.7, 0.25], rtol=1e-6)


@pytest.mark.parametrize("codec", ["int8", "log8"])
def test_each_vector_has_its_own_scale(codec: str) -> None:
    values = np.random.default_rng(0).normal(size=(2, 5)).astype(np.float32)
    alone = there_and_back(codec, values[:1])
    together = there_and_back(codec, np.concatenate([values[:1], 1e6 * values[1:]]))
    np.testing.assert_array_equal(together[:1], alone)


@pytest.mark.parametrize("codec", [*CODECS, "fp16-top2", "fp32-top2"])
@pytest.mark.parametrize("shape", [(), (3,), (2, 3)])
def test_bytes_that_are_all_0_are_vectors_of_zeros(codec: str, shape: tuple[int, ...]) -> None:
    made = make_codec(codec, 5)
    found = made.decode(torch.zeros(*shape, made.size, dtype=torch.uint8))
    assert found.shape == (*shape, 5)
    assert not found.any()


@pytest.mark.parametrize("codec", CODECS)
def test_vectors_of_zeros_stay_zeros_beside_others(codec: str) -> None:
    values = np.array([[0.0, 0.0, 0.0], [1.0, -1.0, 0.0]], dtype=np.float32)
    np.testing.assert_array_equal(there_and_back(codec, values), values)


@pytest.mark.parametrize("codec", [*CODECS, "fp16-top2", "fp32-top2"])
def test_the_numbers_of_a_half_precision_teacher_are_stored(codec: str) -> None:
    made = make_codec(codec, 5)
    values = torch.randn(3, 5, generator=torch.Generator().manual_seed(0)).to(torch.bfloat16)
    assert made.decode(made.encode(values)).equal(made.decode(made.encode(values.float())))


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("transposed", [True, False])
def test_vectors_that_do_not_lie_side_by_side_are_stored(codec: str, transposed: bool) -> None:
    values = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    values = values.T if transposed else values[::2]
    made = make_codec(codec, values.shape[-1])
    assert made.encode(values).equal(made.encode(values.contiguous()))


@pytest.mark.parametrize("codec", [*CODECS, "fp16-top2", "fp32-top3", "fp16-top8"])
@pytest.mark.parametrize("width", [9, 11, 40000])
def test_a_vector_is_read_alone_as_among_others(codec: str, width: int) -> None:
    made = make_codec(codec, width)
    stored = made.encode(torch.randn(3, width, generator=torch.Generator().manual_seed(0)))
    for row, expected in enumerate(made.decode(stored)):
        assert made.decode(stored[row]).equal(expected)
        assert made.decode(stored[row : row + 1])[0].equal(expected)


@pytest.mark.parametrize("value", [70000.0, -70000.0])
def test_numbers_too_large_for_fp16_are_refused(value: float) -> None:
    with pytest.raises(InputError) as error:
        make_codec("fp16", 2).encode(torch.tensor([[1.0, 2.0], [3.0, value]]))
    assert str(error.value) == "compression: fp16 ends at 65504, the teacher says 7e+04; use bf16 or fp32"


def test_the_largest_number_of_fp16_is_stored() -> None:
    values = np.array([[65504.0, -65504.0]], dtype=np.float32)
    np.testing.assert_array_equal(there_and_back("fp16", values), values)


def test_logits_too_large_for_fp16_are_refused() -> None:
    with pytest.raises(InputError, match="^compression: fp16 ends at 65504"):
        make_codec("fp16-top1", 3).encode(torch.tensor([[1e5, 0.0, 0.0]]))


# The largest logits


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits.astype(np.float64) - logits.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


@by_property
@given(
    seed=st.integers(0, 999), shape=shapes, classes=st.integers(2, 12), kept=st.integers(1, 11), scale=st.floats(0, 9)
)
def test_top_k_keeps_the_largest_logits_and_the_mass_of_the_others(
    seed: int, shape: list[int], classes: int, kept: int, scale: float
) -> None:
    kept = min(kept, classes - 1)
    logits = (scale * np.random.default_rng(seed).normal(size=(*shape, classes))).astype(np.float32)
    found = there_and_back(f"fp32-top{kept}", logits)
    assert found.shape == logits.shape
    for one, other in zip(logits.reshape(-1, classes), found.reshape(-1, classes)):
        order = np.argsort(-one, kind="stable")
        largest, others = order[:kept], order[kept:]
        np.testing.assert_array_equal(other[largest], one[largest])
        assert len(set(other[others])) == 1
        np.testing.assert_allclose(softmax(other)[others].sum(), softmax(one)[others].sum(), rtol=1e-5)
        np.testing.assert_allclose(softmax(other)[largest], softmax(one)[largest], rtol=1e-5)


def test_top_k_in_16_bits_rounds_the_logits_and_nothing_else() -> None:
    logits = np.random.default_rng(0).normal(size=(4, 10)).astype(np.float32)
    exact, found = there_and_back("fp32-top3", logits), there_and_back("fp16-top3", logits)
    np.testing.assert_array_equal(found, exact.astype(np.float16))


@pytest.mark.parametrize("classes", [32767, 32768, 70000])
def test_classes_of_a_large_vocabulary_are_found_again(classes: int) -> None:
    logits = np.zeros((2, classes), dtype=np.float32)
    places = [classes - 1, 32766, 3]
    logits[0, places], logits[1, places] = [9.0, 8.0, 7.0], [4.0, 6.0, 5.0]
    found = there_and_back("fp32-top3", logits)
    np.testing.assert_array_equal(found[:, places], logits[:, places])
    np.testing.assert_allclose(found, logits, atol=1e-5)


@pytest.mark.parametrize("make", [torch.zeros, torch.ones], ids=["zeros", "ones"])
def test_logits_that_are_all_alike_stay_alike(make: Callable[..., torch.Tensor]) -> None:
    logits = make(2, 6).numpy()
    np.testing.assert_allclose(there_and_back("fp32-top2", logits), logits, atol=1e-6)
