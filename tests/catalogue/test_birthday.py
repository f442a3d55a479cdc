"""The birthday paradox on discrete supports of known size, on a single atom, and on real data."""

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
    """Draw from equally likely atoms, [count, dimension]."""
    which = torch.randint(support, (count,), generator=torch.Generator().manual_seed(seed))
    return normal(support, dimension, seed + 1)[which]


def test_by_hand() -> None:
    """The points 0, 0, 1, 1.5 make 6 pairs: one has distance 0 and one ½."""
    points = torch.tensor([[0.0], [0.0], [1.0], [1.5]])
    assert support_size(points, 0.0) == 6
    assert support_size(points, 0.5) == 3
    assert support_size(points, 9.0) == 1
    assert support_size(points[1:], 0.1) == 3  # no pair: a lower bound
    assert duplicate_distance(points, 0.5) == 0.25  # nearest neighbours at 0, 0, ½, ½


@pytest.mark.parametrize("dimension", [2, 100])
@pytest.mark.parametrize("support", [20, 200, 2000])
def test_the_support_of_a_discrete_uniform_distribution_is_its_number_of_atoms(
    support: int, dimension: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The expected number of pairs is N(N − 1)/(2K), about 1,000 for K = 2,000: a standard deviation of 3%."""
    monkeypatch.setattr("bench.catalogue.metrics.neighbours.ROWS", 300)  # pairs across blocks are counted once
    points = atoms(2000, support, dimension, seed=1)
    assert support_size(points, 1e-3) == pytest.approx(support, rel=0.1)


def test_on_discrete_real_data_only_equal_samples_are_duplicates() -> None:
    train, test = atoms(1000, 50, 2, 0).numpy(), atoms(1000, 50, 2, 0).numpy()
    context = Context(make_data(train, test), "coordinates", lambda points: (points, None))
    samples = atoms(1000, 80, 2, 5)
    measured = prepare(context, BirthdayOptions())(Sampled(samples, samples, None))
    assert measured["support"] == pytest.approx(80, rel=0.1)


@pytest.mark.parametrize("dimension", [2, 100])
def test_a_single_atom_has_support_one(dimension: int) -> None:
    assert support_size(normal(1, dimension, 0).repeat(500, 1), 1e-4) == 1


def test_the_support_of_real_data_is_limited_by_the_quantile() -> None:
    """A fraction p of N samples has a neighbour within ε. Mutual pairs are N p/2 pairs, so the support is (N − 1)/p."""
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
    more = torch.cat([itself, itself])  # only as many as the test split has are used
    assert measure(Sampled(more, more, None)) == measure(Sampled(itself, itself, None))
    collapsed = itself[: n // 400].repeat(400, 1)
    assert measure(Sampled(collapsed, collapsed, None))["support"] == pytest.approx(10, rel=0.05)
    assert np.isfinite(duplicate_distance(itself, p))
