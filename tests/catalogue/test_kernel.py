"""The kernel distance against its definition in two loops, closed forms, and torch-fidelity."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bench.catalogue.datasets.data import make_data
from bench.catalogue.metrics import KernelOptions
from bench.catalogue.metrics.context import Context, Sampled
from bench.catalogue.metrics.kernel import kernel_distance, prepare


def normal(count: int, dimension: int, seed: int, shift: float = 0.0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return shift + torch.randn(count, dimension, generator=generator, dtype=torch.float64)


def naive(one: torch.Tensor, other: torch.Tensor) -> float:
    """Return the unbiased MMD² with k(x, y) = (x·y/d + 1)³, term by term."""
    n, d = one.shape

    def k(x: torch.Tensor, y: torch.Tensor) -> float:
        return (float(x @ y) / d + 1) ** 3

    total = 0.0
    for i in range(n):
        for j in range(n):
            total -= 2 * k(one[i], other[j]) / n**2
            if i != j:
                total += (k(one[i], one[j]) + k(other[i], other[j])) / (n * (n - 1))
    return total


@pytest.mark.parametrize("shift", [0.0, 0.5])
def test_it_agrees_with_a_naive_implementation(shift: float) -> None:
    """A subset that contains all samples is a permutation of them."""
    one, other = normal(40, 5, 0, shift), normal(40, 5, 1)
    assert kernel_distance(one, other, subsets=1, subset_size=40) == pytest.approx(naive(one, other), rel=1e-10)
    assert kernel_distance(one, other, subsets=3, subset_size=10**6) == pytest.approx(naive(one, other), rel=1e-10)
    for first, second in ((one, other[:20]), (one[:20], other)):  # a subset is limited by the smaller set
        assert kernel_distance(first, second, 5, 1000) == kernel_distance(first, second, 5, 20)


def test_two_points_have_their_closed_form() -> None:
    """With all x = a and y = b in one dimension: (a² + 1)³ + (b² + 1)³ − 2(ab + 1)³; a = 1, b = 2: 8 + 125 − 54 = 79."""
    one, other = torch.ones(10, 1, dtype=torch.float64), torch.full((30, 1), 2.0, dtype=torch.float64)
    assert kernel_distance(one, other, subsets=4, subset_size=5) == pytest.approx(79, rel=1e-12)


def test_uniform_distributions_have_their_closed_form() -> None:
    """E (xy + 1)³ = 1 + 3m₁n₁ + 3m₂n₂ + m₃n₃ in raw moments: MMD² = 3(Δm₁)² + 3(Δm₂)² + (Δm₃)².

    On [−½, 3/2] m = (½, 7/12, 5/8), on [−1, 1] (0, 1/3, 0): 3/4 + 3/16 + 25/64. Moments of 20,000 have 1 % of error.
    """

    def uniform(seed: int) -> torch.Tensor:
        return 2 * torch.rand(20_000, 1, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) - 1

    measured = kernel_distance(uniform(0) + 0.5, uniform(1), subsets=100, subset_size=300)
    assert measured == pytest.approx(3 / 4 + 3 / 16 + 25 / 64, rel=0.04)
    same = kernel_distance(uniform(2), uniform(3), subsets=100, subset_size=300)
    assert same == pytest.approx(0, abs=0.002)  # the biased estimate is 2 (E k(x, x) − E k(x, y))/300 = 0.009 higher


def test_it_agrees_with_torch_fidelity_and_uses_no_global_generator() -> None:
    import torch_fidelity
    from torch_fidelity import metric_kid

    one, other = normal(300, 16, 0, 0.2).float(), normal(500, 16, 1).float()
    torch.manual_seed(0)
    before, numpys = torch.get_rng_state(), np.random.get_state()[1].copy()  # type: ignore[union-attr]
    first = kernel_distance(one, other, subsets=10, subset_size=100)
    assert kernel_distance(one, other, subsets=10, subset_size=100) == first
    assert torch.equal(torch.get_rng_state(), before)
    assert (np.random.get_state()[1] == numpys).all()  # type: ignore[index]
    theirs = metric_kid.kid_features_to_metric(one, other, kid_subsets=10, kid_subset_size=100, verbose=False)
    double = metric_kid.kid_features_to_metric(
        one.double(), other.double(), kid_subsets=10, kid_subset_size=100, verbose=False
    )
    assert first == pytest.approx(double[torch_fidelity.KEY_METRIC_KID_MEAN], rel=1e-9)  # with its own seed
    assert first == pytest.approx(
        theirs[torch_fidelity.KEY_METRIC_KID_MEAN], abs=1e-6
    )  # torch-fidelity's kernels are float32, about 1


@pytest.mark.parametrize(("extractor", "name"), [("coordinates", "kd"), ("digits", "kd"), ("inception", "kid")])
def test_it_is_called_kid_only_with_inception(extractor: str, name: str) -> None:
    train, test = normal(60, 2, 0).numpy(), normal(30, 2, 1).numpy()
    context = Context(make_data(train, test), extractor, lambda points: (points, None))
    samples = normal(50, 2, 2)
    measured = prepare(context, KernelOptions(subsets=2, subset_size=20))(Sampled(samples, samples, None))
    assert measured == {name: kernel_distance(samples, torch.from_numpy(train), 2, 20)}
