"""The kernel distance as torch-fidelity defines it; with Inception it is the KID (Bińkowski et al. 2018)."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from statistics import fmean
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from bench.catalogue.extractors import EXTRACTORS
from bench.catalogue.metrics import KernelOptions
from bench.catalogue.metrics.context import Context, Sampled

SEED = 2020  # torch-fidelity's, for the same subsets


class Subset(NamedTuple):
    """Indices of equally many generated and real samples.

    Attributes:
        generated: [s].
        real: [s].
        within_real: Mean kernel between different real samples.
    """

    generated: Tensor
    real: Tensor
    within_real: float


def prepare(context: Context, options: KernelOptions) -> Callable[[Sampled], dict[str, float]]:
    """Return the metric: the distance to the training split, whose part of the sums is computed once."""
    name = "kid" if EXTRACTORS[context.extractor].distance == "fid" else "kd"
    reference = context.placed(context.train_features)
    subsets = cache(lambda count: draw_subsets(count, reference, options.subsets, options.subset_size))

    def measure(sampled: Sampled) -> dict[str, float]:
        features = context.placed(sampled.features)
        return {name: _distance(features, reference, subsets(len(features)))}

    return measure


def kernel_distance(features: Tensor, reference: Tensor, subsets: int, subset_size: int) -> float:
    """Return the mean over random subsets of the unbiased MMD² between features [n, d] and [m, d].

    MMD² = Σ_{i≠j} k(xᵢ, xⱼ)/(s(s − 1)) + Σ_{i≠j} k(yᵢ, yⱼ)/(s(s − 1)) − 2 Σ_{ij} k(xᵢ, yⱼ)/s², with the kernel
    k(x, y) = (x·y/d + 1)³. It can be negative. The sums are in double precision, as their difference is small.

    Args:
        features: Generated features [n, d].
        reference: Real features [m, d].
        subsets: Number of subsets.
        subset_size: s, at most n and m.
    """
    return _distance(features, reference, draw_subsets(len(features), reference, subsets, subset_size))


def draw_subsets(count: int, reference: Tensor, subsets: int, subset_size: int) -> list[Subset]:
    """Draw subsets of ``count`` generated samples and of reference features [m, d], always the same."""
    size = min(subset_size, count, len(reference))
    generator = np.random.RandomState(SEED)
    drawn: list[Subset] = []
    for _ in range(subsets):
        generated, real = (
            torch.from_numpy(generator.choice(population, size, replace=False))
            for population in (count, len(reference))
        )
        drawn.append(Subset(generated, real, mean_within(reference[real].double())))
    return drawn


def _distance(features: Tensor, reference: Tensor, subsets: list[Subset]) -> float:
    values = []
    for subset in subsets:
        fake, real = features[subset.generated].double(), reference[subset.real].double()
        between = kernel_sum(fake, real) / len(fake) ** 2
        values.append(mean_within(fake) + subset.within_real - 2 * between)
    return fmean(values)


def mean_within(features: Tensor) -> float:
    """Return the mean kernel between different features of a set [s, d]."""
    count, dimension = features.shape
    diagonal = (features.square().sum(dim=1) / dimension + 1).pow(3).sum().item()
    return (kernel_sum(features, features) - diagonal) / (count * (count - 1))


def kernel_sum(one: Tensor, other: Tensor) -> float:
    """Return Σ_{ij} k(xᵢ, yⱼ) for features [s, d] and [t, d]."""
    kernel = torch.addmm(one.new_ones(1), one, other.T, alpha=1 / one.shape[1])
    return torch.dot(kernel.square().flatten(), kernel.flatten()).item()
