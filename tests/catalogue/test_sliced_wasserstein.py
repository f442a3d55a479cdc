"""The sliced Wasserstein distance against scipy on every direction, and against closed forms."""

from __future__ import annotations

from math import cos, hypot, pi, sin, sqrt

import numpy as np
import pytest
import torch
from scipy.stats import wasserstein_distance

from bench.catalogue import find
from bench.catalogue.datasets.data import make_data
from bench.catalogue.metrics import SlicedWassersteinOptions
from bench.catalogue.metrics.context import Context, Sampled
from bench.catalogue.metrics.sliced_wasserstein import prepare, sliced_wasserstein


def normal(count: int, seed: int) -> torch.Tensor:
    return torch.randn(count, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("projections", [1, 2, 7, 64])
def test_it_agrees_with_scipy_on_every_projection(projections: int) -> None:
    one, other = normal(200, 0) * torch.tensor([2.0, 0.5]), normal(200, 1) + 0.3
    angles = [pi * j / projections for j in range(projections)]
    directions = [np.array([cos(angle), sin(angle)]) for angle in angles]
    expected = np.mean([wasserstein_distance(one.numpy() @ u, other.numpy() @ u) for u in directions])
    assert sliced_wasserstein(one, other, projections) == pytest.approx(expected, rel=1e-12)


def test_a_shift_has_its_closed_form() -> None:
    """W₁ along u is |s·u|, and its mean over all directions 2‖s‖/π; with 64 directions the error is about 1/64²."""
    points, shift = normal(300, 0), torch.tensor([1.5, -0.7], dtype=torch.float64)
    measured = sliced_wasserstein(points + shift, points.flip(0))
    directions = [(cos(pi * j / 64), sin(pi * j / 64)) for j in range(64)]
    assert measured == pytest.approx(np.mean([abs(1.5 * x - 0.7 * y) for x, y in directions]), rel=1e-12)
    assert measured == pytest.approx(2 * hypot(1.5, 0.7) / pi, rel=5e-4)
    assert sliced_wasserstein(points, points.flip(0)) == 0


def test_a_scale_has_its_closed_form() -> None:
    """W₁ of N(0, σ²) and N(0, 1) is |σ − 1| E|z| = |σ − 1| √(2/π), in every direction."""
    assert sliced_wasserstein(3 * normal(20_000, 0), normal(20_000, 1)) == pytest.approx(2 * sqrt(2 / pi), rel=0.02)


def test_points_on_a_line_are_not_projected() -> None:
    one, other = normal(50, 0)[:, :1], normal(50, 1)[:, :1]
    expected = wasserstein_distance(one[:, 0].numpy(), other[:, 0].numpy())
    assert sliced_wasserstein(one, other) == pytest.approx(expected, rel=1e-12)


def test_equally_many_points_are_compared_and_images_are_rejected() -> None:
    train, test = normal(300, 0).numpy(), normal(100, 1).numpy()
    context = Context(make_data(train, test), "coordinates", lambda points: (points, None))
    measure = prepare(context, SlicedWassersteinOptions(projections=8))
    for count in (250, 100, 60):
        points = normal(count, 2)
        kept = min(count, 100)
        expected = sliced_wasserstein(points[:kept], torch.from_numpy(train[:kept]), 8)
        assert measure(Sampled(points, points, None)) == {"swd": expected}
    assert find("metric", "sliced-wasserstein").needs("digits", False) == "points"


def test_in_three_dimensions_a_shift_by_s_gives_half_its_length() -> None:
    """The mean of |cos| over the sphere is 1/2."""
    points = torch.randn(50, 3, generator=torch.Generator().manual_seed(0)).double()
    shift = torch.tensor([1.0, 2.0, 2.0])
    assert sliced_wasserstein(points, points + shift, 4000) == pytest.approx(1.5, rel=0.02)
