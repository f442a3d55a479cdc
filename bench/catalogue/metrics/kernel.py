"""The kernel distance by torch-fidelity's definition, called KID only with Inception (Bińkowski et al. 2018)."""

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

SEED = 2020  # torch-fidelity's own: the subsets are those that it would draw


class Subset(NamedTuple):
    """Indices of as many generated as real samples, and the mean kernel between different ones of the real."""

    generated: Tensor
    real: Tensor
    within_real: float


def prepare(context: Context, options: KernelOptions) -> Callable[[Sampled], dict[str, float]]:
    """The function that measures samples against the whole training split, whose part is computed once."""
    name = {"fid": "kid", "fd": "kd"}[EXTRACTORS[context.extractor].distance]
    reference = context.train_features()
    drawn = cache(lambda count: draw_subsets(count, reference, options.subsets, options.subset_size))
    return lambda sampled: {name: _distance(sampled.features, reference, drawn(len(sampled.features)))}


def kernel_distance(features: Tensor, reference: Tensor, subsets: int, subset_size: int) -> float:
    """Mean over random subsets of the unbiased MMD² between features [n, d] and [m, d]; it may be below 0.

    Σ_{i≠j} k(xᵢ, xⱼ)/(s(s − 1)) + Σ_{i≠j} k(yᵢ, yⱼ)/(s(s − 1)) − 2 Σ_{ij} k(xᵢ, yⱼ)/s² with the kernel
    k(x, y) = (x·y/d + 1)³, on ``subsets`` of s samples each, ``subset_size`` or as many as there are. Sums are in
    double precision: a small difference of large ones is left.
    """
    return _distance(features, reference, draw_subsets(len(features), reference, subsets, subset_size))


def draw_subsets(count: int, reference: Tensor, subsets: int, subset_size: int) -> list[Subset]:
    """Subsets of ``count`` generated samples and of reference features [m, d], always the same."""
    size = min(subset_size, count, len(reference))
    generator = np.random.RandomState(SEED)
    drawn = []
    for _ in range(subsets):
        generated, real = (
            torch.from_numpy(generator.choice(there, size, replace=False)) for there in (count, len(reference))
        )
        drawn.append(Subset(generated, real, mean_within(reference[real].double())))
    return drawn


def _distance(features: Tensor, reference: Tensor, subsets: list[Subset]) -> float:
    values = []
    for subset in subsets:
        one, other = features[subset.generated].double(), reference[subset.real].double()
        across = kernel_sum(one, other) / len(one) ** 2
        values.append(mean_within(one) + subset.within_real - 2 * across)
    return fmean(values)


def mean_within(features: Tensor) -> float:
    """Mean kernel between different ones of features [s, d]."""
    count, dimension = features.shape
    same = (features.square().sum(dim=1) / dimension + 1).pow(3).sum().item()
    return (kernel_sum(features, features) - same) / (count * (count - 1))


def kernel_sum(one: Tensor, other: Tensor) -> float:
    """Σ_{ij} k(xᵢ, yⱼ) of features [s, d] and [t, d]."""
    kernel = torch.addmm(one.new_ones(1), one, other.T, alpha=1 / one.shape[1])
    return torch.dot(kernel.square().flatten(), kernel.flatten()).item()
