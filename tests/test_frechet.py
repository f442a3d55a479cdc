"""How exactly the Fréchet distance of Gaussians is its closed form: moments are exact, only rounding is left."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.linalg import sqrtm

from bench.metrics.frechet import frechet_distance

Array = NDArray[np.float64]


def sample_with(mean: Array, covariance: Array, count: int, seed: int) -> torch.Tensor:
    """A sample [count, d] whose mean and (n − 1) covariance are exactly these: whitened, then coloured."""
    raw = np.random.default_rng(seed).standard_normal((count, len(mean)))
    raw -= raw.mean(axis=0)
    white = np.linalg.solve(np.linalg.cholesky(np.cov(raw, rowvar=False)), raw.T)
    return torch.from_numpy((np.linalg.cholesky(covariance) @ white).T + mean)


def closed_form(mean: Array, covariance: Array, other_mean: Array, other_covariance: Array) -> float:
    """‖μ₁ − μ₂‖² + tr(Σ₁ + Σ₂ − 2(Σ₁^½ Σ₂ Σ₁^½)^½), the symmetric form (Dowson & Landau 1982)."""
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
    """μ 3 and 4 apart: 25; axes 1, 2 against 3, 2: (1 − 3)² + 0 = 4."""
    one, other = np.diag([1.0, 4.0]), np.diag([9.0, 4.0])
    measured = frechet_distance(sample_with(np.zeros(2), one, 50, 0), sample_with(np.array([3.0, 4.0]), other, 80, 1))
    assert measured == pytest.approx(29, rel=1e-10)


def test_equal_moments_of_different_samples_are_at_no_distance() -> None:
    mean, covariance = random_gaussian(16, 5)
    measured = frechet_distance(sample_with(mean, covariance, 300, 0), sample_with(mean, covariance, 200, 1))
    assert measured == pytest.approx(0, abs=1e-8 * np.trace(covariance))


def test_single_precision_features_keep_six_digits() -> None:
    """Extractors give float32; torch-fidelity takes moments in double precision."""
    one, other = random_gaussian(16, 1), random_gaussian(16, 2)
    features = [sample_with(*one, count=500, seed=3).float(), sample_with(*other, count=400, seed=4).float()]
    assert frechet_distance(*features) == pytest.approx(closed_form(*one, *other), rel=1e-6)
