"""The Fréchet distance against closed forms for samples with exact moments, and against torch-fidelity."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.linalg import sqrtm
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric

from bench.catalogue.metrics.frechet import frechet_distance

Array = NDArray[np.float64]


def sample_with(mean: Array, covariance: Array, count: int, seed: int) -> torch.Tensor:
    """Return samples [count, d] with exactly this mean and (n − 1) covariance, by whitening and colouring."""
    raw = np.random.default_rng(seed).standard_normal((count, len(mean)))
    raw -= raw.mean(axis=0)
    white = np.linalg.solve(np.linalg.cholesky(np.cov(raw, rowvar=False)), raw.T)
    return torch.from_numpy((np.linalg.cholesky(covariance) @ white).T + mean)


def closed_form(mean: Array, covariance: Array, other_mean: Array, other_covariance: Array) -> float:
    """Return ‖μ₁ − μ₂‖² + tr(Σ₁ + Σ₂ − 2(Σ₁^½ Σ₂ Σ₁^½)^½), the symmetric form (Dowson & Landau 1982)."""
    root = sqrtm(covariance).real
    cross = sqrtm(root @ other_covariance @ root).real
    return float(((mean - other_mean) ** 2).sum() + np.trace(covariance + other_covariance - 2 * cross))


def random_gaussian(dimension: int, seed: int) -> tuple[Array, Array]:
    generator = np.random.default_rng(seed)
    factor = generator.standard_normal((dimension, 2 * dimension))
    return generator.standard_normal(dimension), factor @ factor.T / dimension


@pytest.mark.parametrize("dimension", [2, 16, 64])
def test_distance_of_gaussians_with_exact_moments_is_the_closed_form(dimension: int) -> None:
    one, other = random_gaussian(dimension, 1), random_gaussian(dimension, 2)
    measured = frechet_distance(sample_with(*one, count=500, seed=3), sample_with(*other, count=400, seed=4))
    assert measured == pytest.approx(closed_form(*one, *other), rel=1e-9)


def test_distance_by_hand() -> None:
    """The means differ by (3, 4): 25. The standard deviations are (1, 2) and (3, 2): (1 − 3)² + 0 = 4."""
    one, other = np.diag([1.0, 4.0]), np.diag([9.0, 4.0])
    measured = frechet_distance(sample_with(np.zeros(2), one, 50, 0), sample_with(np.array([3.0, 4.0]), other, 80, 1))
    assert measured == pytest.approx(29, rel=1e-10)


def test_different_samples_with_equal_moments_have_distance_zero() -> None:
    mean, covariance = random_gaussian(16, 5)
    measured = frechet_distance(sample_with(mean, covariance, 300, 0), sample_with(mean, covariance, 200, 1))
    assert measured == pytest.approx(0, abs=1e-8 * np.trace(covariance))


def test_single_precision_features_keep_six_digits() -> None:
    """Extractors return float32; torch-fidelity computes moments in double precision."""
    one, other = random_gaussian(16, 1), random_gaussian(16, 2)
    features = [sample_with(*one, count=500, seed=3).float(), sample_with(*other, count=400, seed=4).float()]
    assert frechet_distance(*features) == pytest.approx(closed_form(*one, *other), rel=1e-6)


def theirs(features: torch.Tensor, reference: torch.Tensor) -> float:
    statistics = [fid_features_to_statistics(each) for each in (features, reference)]
    square = [{**each, "sigma": np.atleast_2d(each["sigma"])} for each in statistics]
    return float(fid_statistics_to_metric(*square, verbose=False)["frechet_inception_distance"])


def normal(count: int, dimension: int, seed: int) -> torch.Tensor:
    return torch.randn(count, dimension, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("count", [50, 400])  # fewer and more samples than features
def test_commuting_covariances_have_their_closed_form(count: int) -> None:
    """With Σ = UDUᵀ and the same U it is Σᵢ (√d₁ᵢ − √d₂ᵢ)². Standard deviations span seven decades, and some are 0."""
    axes, _ = np.linalg.qr(np.random.default_rng(0).standard_normal((60, 60)))
    one, other = np.logspace(-3, 4, 60), np.logspace(3, -2, 60)
    one[::7] = other[10:20] = 0
    raw = np.random.default_rng(1).standard_normal((count, 60))
    raw -= raw.mean(axis=0)
    if count <= 60:
        one[count - 1 :] = other[count - 1 :] = 0
    rank = min(count - 1, 60)
    white = np.linalg.svd(raw, full_matrices=False)[0][:, :rank] * np.sqrt(count - 1)
    features = [torch.from_numpy((white * deviation[:rank]) @ axes[:, :rank].T) for deviation in (one, other)]
    expected = ((one - other) ** 2).sum()
    assert frechet_distance(*features) == pytest.approx(expected, rel=1e-9)


def test_a_scale_has_its_closed_form() -> None:
    """If features are multiplied by a, it is (a − 1)² (‖μ‖² + tr Σ)."""
    features = normal(300, 20, 0) + 0.5
    expected = 4 * float(features.mean(dim=0).square().sum() + features.var(dim=0).sum())
    assert frechet_distance(3 * features, features) == pytest.approx(expected, rel=1e-12)


def test_a_single_feature_has_its_closed_form() -> None:
    """(μ₁ − μ₂)² + (σ₁ − σ₂)²: for 0, 2 (μ = 1, σ² = 2) and 0, 4, 8 (μ = 4, σ² = 16) it is 9 + (4 − √2)²."""
    one, other = torch.tensor([[0.0], [2.0]]), torch.tensor([[0.0], [4.0], [8.0]])
    assert frechet_distance(one, other) == pytest.approx(9 + (4 - 2**0.5) ** 2, rel=1e-12)


def test_the_distance_from_a_single_point_is_the_mean_squared_distance_from_it() -> None:
    others = normal(200, 30, 0)
    point = others[:1].repeat(50, 1)
    expected = float((others[0] - others.mean(dim=0)).square().sum() + others.var(dim=0).sum())
    assert frechet_distance(point, others) == pytest.approx(expected, rel=1e-12)
    assert frechet_distance(others, point) == pytest.approx(expected, rel=1e-12)
    assert frechet_distance(point, point[:9]) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("count", [10, 300])
@pytest.mark.parametrize("rank", [3, 64])
def test_a_set_has_distance_zero_from_itself(count: int, rank: int) -> None:
    features = normal(count, rank, 0) @ normal(rank, 64, 1)
    scale = float(features.var(dim=0).sum())
    assert frechet_distance(features, features) == pytest.approx(0, abs=1e-10 * scale)


def degenerate() -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    one, other = normal(500, 64, 0), 2 * normal(400, 64, 1) + 0.3
    dead, dying = one.clone(), other.clone()
    dead[:, :30] = dying[:, 20:50] = 1
    return {
        "full": (one, other),
        "single precision": (one.relu().float(), other.relu().float()),
        "constant features of samples": (dead, other),
        "constant features of the reference": (one, dying),
        "other constant features": (dead, dying),
        "few samples": (one[:10], other),
        "few of both": (one[:10], other[:12]),
        "low rank": (normal(300, 3, 2) @ normal(3, 64, 3), normal(200, 3, 4) @ normal(3, 64, 5)),
    }


@pytest.mark.parametrize("name", degenerate())
def test_it_agrees_with_torch_fidelity_at_every_rank(name: str) -> None:
    features, reference = degenerate()[name]
    assert frechet_distance(features, reference) == pytest.approx(theirs(features, reference), rel=1e-6)
