"""On a GPU, metrics calculate there, in double precision; the values are those of the CPU."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from bench.catalogue import find, resolve
from bench.catalogue.datasets import Data
from bench.catalogue.metrics import frechet
from bench.catalogue.metrics.context import Context, Sampled
from bench.catalogue.metrics.frechet import FEW, distance_to_statistics, feature_statistics
from bench.catalogue.metrics.frechet_on_device import device_distance, device_statistics
from bench.catalogue.metrics.neighbours import count_true

METRICS = ("frechet", "kid", "neighbours", "birthday", "sliced-wasserstein")


def draw(count: int, size: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    mixing = torch.randn(size, size, generator=generator)
    return torch.randn(count, size, generator=generator) @ mixing + seed


@pytest.mark.parametrize(("count", "size"), [(300, 8), (20, 40), (9000, 4)])
def test_the_frechet_distance_is_that_of_the_cpu(count: int, size: int) -> None:
    """With fewer samples than features the smaller matrix is used; 9,000 samples are two blocks."""
    real, fake = draw(2 * count, size, 1), draw(count, size, 2)
    real[:, 0] = real[:, 1]  # Σ has no full rank
    expected = distance_to_statistics(feature_statistics(real), fake)
    assert device_distance(device_statistics(real), fake) == pytest.approx(expected, rel=1e-5)
    double = device_distance(device_statistics(real.double()), fake.double())
    exact = distance_to_statistics(feature_statistics(real.double()), fake.double())
    assert double == pytest.approx(exact, rel=1e-8)


@pytest.fixture
def context() -> Context:
    train, test = draw(200, 3, 3).numpy(), draw(100, 3, 3).numpy()
    data = Data(train, test, fingerprint="")
    return Context(data, "coordinates", lambda points: (points, None))


def measured(name: str, context: Context, size: int = 3) -> dict[str, float]:
    entry = find("metric", name)
    return resolve(entry.prepare)(context, entry.options())(Sampled(draw(100, size, 4), draw(100, size, 4)))


@pytest.mark.parametrize("name", METRICS)
def test_all_features_are_placed_on_the_device(name: str, context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    placed: list[int] = []

    def place(self: Context, features: Tensor) -> Tensor:
        placed.append(len(features))
        return features.to(self.device)

    monkeypatch.setattr(Context, "placed", place)
    measured(name, context)
    assert len(placed) == (0 if name == "frechet" else 2)  # the Fréchet distance has a path of its own


@pytest.mark.parametrize(("size", "expected"), [(FEW, []), (FEW + 1, ["train", "generated"])])
def test_the_frechet_distance_of_few_features_stays_on_the_cpu(
    size: int, expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    used: list[str] = []
    monkeypatch.setattr(frechet, "device_statistics", lambda features: used.append("train"))
    monkeypatch.setattr(frechet, "device_distance", lambda statistics, features: used.append("generated") or 0.0)
    monkeypatch.setattr(Context, "placed", lambda self, features: features)
    data = Data(draw(60, size, 3).numpy(), draw(60, size, 3).numpy(), fingerprint="")
    context = Context(data, "coordinates", lambda points: (points, None), torch.device("cuda"))
    measured("frechet", context, size)
    assert used == expected


def test_conditions_are_counted_on_their_device() -> None:
    conditions = torch.tensor(np.array([[True, False], [True, True]]))
    assert count_true(conditions) == 3


@pytest.mark.gpu
@pytest.mark.parametrize("name", METRICS)
def test_values_on_cuda_are_those_of_the_cpu(name: str, context: Context) -> None:
    expected = measured(name, context)
    actual = measured(name, replace(context, device=torch.device("cuda")))
    for measure, value in expected.items():
        assert actual[measure] == pytest.approx(value, rel=1e-4, abs=1e-6), measure
