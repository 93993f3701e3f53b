# Copyright 2026 The hf_distill authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA

from hf_distill.errors import InputError
from hf_distill.knowledge import reduction as module
from hf_distill.knowledge.reduction import Reduction, fit_reduction


def draw(number: int = 40, width: int = 6, seed: int = 0) -> np.ndarray:
    """Draw vectors around a mean, in which features depend on each other and vary by different amounts."""
    generator = np.random.default_rng(seed)
    mixed = generator.normal(size=(number, width)) @ generator.normal(size=(width, width))
    return (mixed * generator.uniform(0.2, 3.0, width) + generator.normal(size=width)).astype(np.float32)


def restored(reduction: Reduction, vectors: np.ndarray) -> np.ndarray:
    return reduction.restore(reduction.reduce(torch.from_numpy(vectors))).numpy()


@settings(max_examples=25, deadline=None, derandomize=True)
@given(number=st.integers(8, 40), width=st.integers(2, 8), kept=st.integers(1, 8), seed=st.integers(0, 999))
def test_pca_is_that_of_scikit_learn(number: int, width: int, kept: int, seed: int) -> None:
    vectors, kept = draw(number, width, seed), min(kept, width)
    found, expected = fit_reduction("pca", vectors, kept), PCA(kept, svd_solver="full").fit(vectors)
    assert found.components.shape == (kept, width)
    np.testing.assert_allclose(found.mean.numpy(), expected.mean_, atol=1e-4)
    # Both span the same space, so they lose the same, whatever the signs.
    reconstruction = expected.inverse_transform(expected.transform(vectors))
    np.testing.assert_allclose(restored(found, vectors), reconstruction, atol=2e-3 * np.abs(vectors).max())


def test_the_components_are_those_of_scikit_learn_up_to_their_signs() -> None:
    vectors = draw()
    found, expected = fit_reduction("pca", vectors, 4), PCA(4, svd_solver="full").fit(vectors)
    cosines = (found.components.numpy() * expected.components_).sum(1)
    np.testing.assert_allclose(np.abs(cosines), 1.0, atol=1e-4)
    np.testing.assert_allclose(
        found.reduce(torch.from_numpy(vectors)).numpy() * np.sign(cosines), expected.transform(vectors), atol=1e-3
    )


@pytest.mark.parametrize("kind", ["pca", "select"])
def test_rows_have_length_1_and_right_angles(kind: str) -> None:
    components = fit_reduction(kind, draw(), 4).components
    torch.testing.assert_close(components @ components.T, torch.eye(4), atol=1e-5, rtol=0)


def test_what_pca_loses_is_the_variance_of_the_other_components() -> None:
    vectors = draw()
    lost = np.square(restored(fit_reduction("pca", vectors, 4), vectors) - vectors).sum(1).mean()
    variances = np.linalg.eigvalsh(np.cov(vectors.T.astype(np.float64), bias=True))
    np.testing.assert_allclose(lost, variances[:2].sum(), rtol=1e-3)


def test_a_sample_may_be_fitted_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = draw(number=50, width=5)
    monkeypatch.setattr(module, "BATCH", 1)
    found, expected = fit_reduction("pca", vectors, 0.9), PCA(0.9, svd_solver="full").fit(vectors)
    assert len(found.components) == expected.n_components_
    reconstruction = expected.inverse_transform(expected.transform(vectors))
    np.testing.assert_allclose(restored(found, vectors), reconstruction, atol=1e-2)


@pytest.mark.parametrize("kept", [1, 3, 6])
def test_select_keeps_the_features_that_vary_most(kept: int) -> None:
    generator = np.random.default_rng(0)
    numbers = np.arange(30, dtype=np.float32)
    vectors = np.stack([scale * generator.permutation(numbers) + 7 for scale in (3, 1, 5, 2, 6, 4)], axis=1)
    most = [4, 2, 5, 0, 3, 1][:kept]
    reduction = fit_reduction("select", vectors, kept)
    assert reduction.components.argmax(1).tolist() == most
    back = restored(reduction, vectors)
    expected = np.tile(vectors.mean(0), (30, 1))
    expected[:, most] = vectors[:, most]
    np.testing.assert_allclose(back, expected, atol=1e-4)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(number=st.integers(3, 30), width=st.integers(2, 8), share=st.floats(0.05, 0.99), seed=st.integers(0, 999))
def test_a_share_of_the_variance_is_reached_and_not_surpassed(
    number: int, width: int, share: float, seed: int
) -> None:
    vectors = draw(number, width, seed).astype(np.float64)
    variances = {
        "pca": np.linalg.eigvalsh(np.cov(vectors.T, bias=True))[::-1],
        "select": np.sort(vectors.var(0))[::-1],
    }
    for kind, of_each in variances.items():
        reached = np.cumsum(of_each) / of_each.sum()
        kept = len(fit_reduction(kind, vectors, share).components)
        assert reached[kept - 1] >= share - 1e-6
        assert kept == 1 or reached[kept - 2] < share + 1e-6


@pytest.mark.parametrize("kind", ["pca", "select"])
def test_all_of_the_width_is_nothing_lost(kind: str) -> None:
    vectors = draw()
    reduction = fit_reduction(kind, vectors, 6)
    np.testing.assert_allclose(restored(reduction, vectors), vectors, atol=1e-4)


@pytest.mark.parametrize("shape", [(3,), (2, 3), (2, 1, 3)])
def test_vectors_of_any_shape_are_reduced_and_restored(shape: tuple[int, ...]) -> None:
    reduction = fit_reduction("pca", draw(), 2)
    vectors = torch.randn(*shape, 6, generator=torch.Generator().manual_seed(0))
    kept = reduction.reduce(vectors)
    assert kept.shape == (*shape, 2)
    back = reduction.restore(kept)
    assert back.shape == (*shape, 6)
    torch.testing.assert_close(reduction.reduce(back), kept, atol=1e-4, rtol=1e-4)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    kind=st.sampled_from(["pca", "select"]), width=st.integers(2, 8), kept=st.integers(1, 8), seed=st.integers(0, 999)
)
def test_the_mean_over_what_is_compared_is_the_part_of_the_mean_over_the_width(
    kind: str, width: int, kept: int, seed: int
) -> None:
    reduction = fit_reduction(kind, draw(20, width, seed), min(kept, width))
    student, teacher = draw(2, width, seed + 1)
    onto = reduction.components.double().numpy()
    expected = np.square(onto @ (student.astype(np.float64) - teacher)).sum() / width
    compared = reduction.compared_of_kept(reduction.reduce(torch.from_numpy(teacher)))
    assert compared.shape == (min(kept, width),)
    found = (reduction.compared(torch.from_numpy(student)) - compared).square().mean().item()
    assert found == pytest.approx(expected, rel=1e-3, abs=1e-4)


def test_the_same_vectors_are_compared_alike() -> None:
    reduction, vectors = fit_reduction("pca", draw(), 3), torch.from_numpy(draw(seed=1))
    torch.testing.assert_close(
        reduction.compared(vectors), reduction.compared_of_kept(reduction.reduce(vectors)), atol=1e-4, rtol=1e-4
    )


@pytest.mark.parametrize("kind", ["pca", "select"])
@pytest.mark.parametrize(
    ("number", "width", "size", "most"), [(20, 6, 7, 6), (4, 6, 5, 4)], ids=["features", "vectors"]
)
def test_more_than_there_is_to_keep_is_refused(kind: str, number: int, width: int, size: int, most: int) -> None:
    with pytest.raises(InputError) as error:
        fit_reduction(kind, draw(number, width), size)
    assert str(error.value) == f"compression.{kind}: {size} is more than the {most} that {number} tokens give"


@pytest.mark.parametrize("kind", ["pca", "select"])
@pytest.mark.parametrize(("number", "width"), [(20, 6), (4, 6)])
def test_as_much_as_there_is_is_kept(kind: str, number: int, width: int) -> None:
    assert len(fit_reduction(kind, draw(number, width), min(number, width)).components) == min(number, width)


def test_what_is_kept_is_in_32_bits() -> None:
    reduction = fit_reduction("pca", draw().astype(np.float64), 2)
    assert (reduction.components.dtype, reduction.mean.dtype) == (torch.float32, torch.float32)
