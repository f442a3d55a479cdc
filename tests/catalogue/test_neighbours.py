"""Precision, recall, density and coverage: by hand, against a naive implementation and torch-fidelity, expectations."""

from __future__ import annotations

from math import prod

import numpy as np
import pytest
import torch
from torch_fidelity.metric_prc import prc_features_to_metric

from bench.catalogue.datasets import Data
from bench.catalogue.datasets.data import make_data
from bench.catalogue.metrics import NeighboursOptions
from bench.catalogue.metrics.context import Context, Sampled
from bench.catalogue.metrics.neighbours import neighbour_distances, neighbours, prepare


def normal(count: int, dimension: int, seed: int, shift: float = 0.0, scale: float = 1.0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return shift + scale * torch.randn(count, dimension, generator=generator, dtype=torch.float64)


def naive(fake: np.ndarray, real: np.ndarray, k: int) -> dict[str, float]:  # type: ignore[type-arg]
    """Return the measures by their definitions, sample by sample."""

    def radius(points: np.ndarray, index: int) -> float:  # type: ignore[type-arg]
        others = [np.sqrt(((points[index] - p) ** 2).sum()) for j, p in enumerate(points) if j != index]
        return float(sorted(others)[k - 1])

    def within(point: np.ndarray, centre: np.ndarray, r: float) -> bool:  # type: ignore[type-arg]
        return bool(np.sqrt(((point - centre) ** 2).sum()) <= r)

    real_radii = [radius(real, i) for i in range(len(real))]
    fake_radii = [radius(fake, j) for j in range(len(fake))]
    inside = np.array([[within(f, r, e) for f in fake] for r, e in zip(real, real_radii, strict=True)])
    back = np.array([[within(r, f, e) for f, e in zip(fake, fake_radii, strict=True)] for r in real])
    return {
        "precision": inside.any(axis=0).mean(),
        "recall": back.any(axis=1).mean(),
        "density": inside.sum() / (k * len(fake)),
        "coverage": inside.any(axis=1).mean(),
    }


def test_by_hand_on_a_line() -> None:
    """Real 0, 1, 3 have radii 1, 1, 2 (k = 1): balls [−1, 1], [0, 2], [1, 5]. Generated 0.5, 4, 9, radii 3.5, 3.5, 5.

    0.5 lies in two balls, 4 in one, 9 in none; balls of generated samples, [−3, 4], [0.5, 7.5], [4, 14], hold all.
    """
    real = torch.tensor([[0.0], [1.0], [3.0]])
    fake = torch.tensor([[0.5], [4.0], [9.0]])
    assert neighbour_distances(real, 1).tolist() == [1, 1, 2]
    measured = neighbours(fake, real, 1)
    assert measured == pytest.approx({"precision": 2 / 3, "recall": 1, "density": 1, "coverage": 1}, abs=1e-12)
    measured = neighbours(fake + 100, real, 1)
    assert measured == {"precision": 0, "recall": 0, "density": 0, "coverage": 0}


@pytest.mark.parametrize("dimension", [2, 8, 80])  # differences up to 16 features, matrix products above
@pytest.mark.parametrize("k", [1, 3, 5])
def test_they_agree_with_a_naive_implementation(dimension: int, k: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.catalogue.metrics.neighbours.ROWS", 7)  # several blocks, the last one shorter
    fake, real = normal(45, dimension, 0, shift=0.3, scale=0.8), normal(60, dimension, 1)
    assert neighbours(fake, real, k) == pytest.approx(naive(fake.numpy(), real.numpy(), k), abs=1e-12)


@pytest.mark.parametrize(("dimension", "shift"), [(2, 1.0), (16, 0.3), (100, 0.1)])
def test_precision_and_recall_agree_with_torch_fidelity(dimension: int, shift: float) -> None:
    fake, real = normal(1200, dimension, 0, shift, scale=0.9), normal(1200, dimension, 1)
    for k in (3, 5):
        theirs = prc_features_to_metric(fake, real, prc_neighborhood=k, save_cpu_ram=True, verbose=False)
        ours = neighbours(fake, real, k)
        for name in ("precision", "recall"):
            assert round(ours[name] * 1200) == round(theirs[name] * 1200)  # counts, exactly
            assert 0.05 < ours[name] <= 1


def test_equal_distributions_have_the_expected_density_and_coverage() -> None:
    """E density = 1, E coverage = 1 − Π (n − i)/(2n − i) for every distribution (Naeem et al. 2020, section 3.2)."""
    n, k = 400, 5
    drawn = [neighbours(normal(n, 3, seed), normal(n, 3, 1000 + seed), k) for seed in range(20)]
    coverage = 1 - prod((n - i) / (2 * n - i) for i in range(1, k + 1))
    assert coverage == pytest.approx(0.9695, abs=1e-3)
    assert np.mean([each["coverage"] for each in drawn]) == pytest.approx(coverage, abs=0.006)
    assert np.mean([each["density"] for each in drawn]) == pytest.approx(1, abs=0.03)


def test_one_repeated_sample_has_precision_and_no_recall() -> None:
    real = normal(500, 2, 0)
    measured = neighbours(torch.zeros(500, 2, dtype=torch.float64), real, 5)
    assert measured["precision"] == 1
    assert measured["recall"] == 0
    assert measured["coverage"] < 0.1


@pytest.mark.parametrize("dimension", [2, 64])
def test_copies_of_real_samples_have_full_precision_recall_and_coverage(dimension: int) -> None:
    real = normal(40, dimension, 0, shift=5.0).float()
    repeated = real.repeat(3, 1)
    assert neighbour_distances(repeated, 2).max() == 0
    assert neighbours(repeated.clone(), repeated, 2) == pytest.approx(
        {"precision": 1, "recall": 1, "density": 1.5, "coverage": 1}, abs=1e-12
    )
    for k in (1, 3):  # the sample itself and k others, the last on the surface
        shuffled = real[torch.randperm(40, generator=torch.Generator().manual_seed(1))]
        assert neighbours(shuffled, real, k)["density"] == pytest.approx((k + 1) / k, abs=1e-12)


def test_samples_at_an_infinite_distance_are_in_no_ball() -> None:
    real, far = normal(40, 2, 0).float(), normal(40, 2, 1).float() * 1e38
    assert neighbours(far, real, 3) == {"precision": 0, "recall": 0, "density": 0, "coverage": 0}


def context(data: Data, calls: list[int] | None = None) -> Context:
    def extract(points: torch.Tensor) -> tuple[torch.Tensor, None]:
        if calls is not None:
            calls.append(len(points))
        return points, None

    return Context(data, "coordinates", extract)


def test_equally_many_samples_are_compared_and_the_reference_is_computed_once() -> None:
    train, test = normal(300, 2, 0).numpy(), normal(100, 2, 1).numpy()
    calls: list[int] = []
    measure = prepare(context(make_data(train, test), calls), NeighboursOptions(k=3))
    samples = normal(200, 2, 2)
    for fake in (samples, samples.flip(0)):
        expected = neighbours(fake[:100], torch.from_numpy(train[:100]), 3)
        assert measure(Sampled(fake, fake, None)) == expected
    assert calls == [100]
    few = samples[:4]  # as few as k + 1
    assert measure(Sampled(few, few, None)) == neighbours(few, torch.from_numpy(train[:4]), 3)
    assert all(np.isfinite(list(neighbours(few[:2], few[2:], 5).values())))
