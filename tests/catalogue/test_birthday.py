"""The birthday paradox: discrete supports of known size, one atom, and real data at its ceiling."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bench.catalogue.datasets.data import make_data
from bench.catalogue.metrics import BirthdayOptions
from bench.catalogue.metrics.birthday import duplicate_distance, prepare, support_size
from bench.catalogue.metrics.context import Context, Sampled


def normal(count: int, dimension: int, seed: int) -> torch.Tensor:
    return torch.randn(count, dimension, generator=torch.Generator().manual_seed(seed))


def atoms(count: int, support: int, dimension: int, seed: int) -> torch.Tensor:
    """Draws from equally likely atoms."""
    which = torch.randint(support, (count,), generator=torch.Generator().manual_seed(seed))
    return normal(support, dimension, seed + 1)[which]


def test_by_hand() -> None:
    """Of 6 pairs of 0, 0, 1, 1.5 one is at distance 0 and one at ½."""
    points = torch.tensor([[0.0], [0.0], [1.0], [1.5]])
    assert support_size(points, 0.0) == 6
    assert support_size(points, 0.5) == 3
    assert support_size(points, 9.0) == 1
    assert support_size(points[1:], 0.1) == 3  # no pair: a lower bound
    assert duplicate_distance(points, 0.5) == 0.25  # nearest neighbours at 0, 0, ½, ½


@pytest.mark.parametrize("dimension", [2, 100])
@pytest.mark.parametrize("support", [20, 200, 2000])
def test_a_discrete_uniform_distribution_has_as_many_atoms(
    support: int, dimension: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pairs are Binomial-like with mean N(N − 1)/(2K): for K = 2000 about 1000 of them, so 3 % of deviation."""
    monkeypatch.setattr("bench.catalogue.metrics.neighbours.ROWS", 300)  # pairs across pieces count, and once
    points = atoms(2000, support, dimension, seed=1)
    assert support_size(points, 1e-3) == pytest.approx(support, rel=0.1)


def test_real_data_that_is_discrete_has_no_distance_between_duplicates() -> None:
    train, test = atoms(1000, 50, 2, 0).numpy(), atoms(1000, 50, 2, 0).numpy()
    context = Context(make_data(train, test), "coordinates", lambda points: (points, None))
    samples = atoms(1000, 80, 2, 5)
    measured = prepare(context, BirthdayOptions())(Sampled(samples, samples, None))
    assert measured["support"] == pytest.approx(80, rel=0.1)


@pytest.mark.parametrize("dimension", [2, 100])
def test_one_atom_is_one(dimension: int) -> None:
    assert support_size(normal(1, dimension, 0).repeat(500, 1), 1e-4) == 1


def test_real_data_gives_the_ceiling_that_the_quantile_sets() -> None:
    """A share p of N samples has its neighbour within ε, in mutual pairs: N p/2 pairs, so (N − 1)/p."""
    n, p = 4000, 0.05
    train, test = normal(n, 2, 0).numpy(), normal(n, 2, 1).numpy()
    calls: list[int] = []

    def extract(points: torch.Tensor) -> tuple[torch.Tensor, None]:
        calls.append(len(points))
        return points, None

    measure = prepare(Context(make_data(train, test), "coordinates", extract), BirthdayOptions(quantile=p))
    itself, other = torch.from_numpy(train), torch.from_numpy(test)
    assert measure(Sampled(itself, itself, None))["support"] == pytest.approx((n - 1) / p, rel=0.1)
    assert measure(Sampled(other, other, None))["support"] == pytest.approx((n - 1) / p, rel=0.35)
    assert calls == [n]
    more = torch.cat([itself, itself])  # no more than the test split has
    assert measure(Sampled(more, more, None)) == measure(Sampled(itself, itself, None))
    collapsed = itself[: n // 400].repeat(400, 1)
    assert measure(Sampled(collapsed, collapsed, None))["support"] == pytest.approx(10, rel=0.05)
    assert np.isfinite(duplicate_distance(itself, p))
