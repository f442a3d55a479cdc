"""The Fréchet distance in double precision on a GPU, by the same formulas as on the CPU (``metrics.frechet``)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

ROWS = 8192  # features that are converted to double precision at once: with 2,048 numbers each they take 134 MB


class DeviceStatistics(NamedTuple):
    """Statistics of a set of features on a device, like ``metrics.frechet.FeatureStatistics``.

    Attributes:
        mean: [d].
        trace: Trace of the covariance Σ, [].
        factor: L [d, r] with Σ = LLᵀ, where r is the numerical rank of Σ.
    """

    mean: Tensor
    trace: Tensor
    factor: Tensor


def device_statistics(features: Tensor) -> DeviceStatistics:
    """Return the statistics of features [n, d] on their device."""
    mean, covariance = _moments(features)
    variances, axes = torch.linalg.eigh(covariance)
    nonzero = variances > len(variances) * torch.finfo(torch.float64).eps * variances[-1]
    return DeviceStatistics(mean, covariance.trace(), axes[:, nonzero] * variances[nonzero].sqrt())


def device_distance(reference: DeviceStatistics, features: Tensor) -> float:
    """Return the Fréchet distance of features [n, d] to the reference on the same device."""
    difference = features.mean(dim=0).double() - reference.mean
    if len(features) < reference.factor.shape[1]:
        centred = features.double() - features.double().mean(dim=0)
        half = centred @ reference.factor
        product, trace = half @ half.T / (len(features) - 1), centred.square().sum() / (len(features) - 1)
    else:
        _, covariance = _moments(features)
        product, trace = reference.factor.T @ covariance @ reference.factor, covariance.trace()
    shared = torch.linalg.eigvalsh(product).clamp(min=0).sqrt().sum()
    return (difference.square().sum() + trace + reference.trace - 2 * shared).item()


def _moments(features: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean [d] in the features' precision, as torch-fidelity computes it, and the covariance [d, d]."""
    blocks = features.split(ROWS)
    centre = torch.stack([block.sum(dim=0, dtype=torch.float64) for block in blocks]).sum(dim=0) / len(features)
    covariance = features.new_zeros((features.shape[1],) * 2, dtype=torch.float64)
    for block in blocks:
        centred = block.double() - centre
        covariance.addmm_(centred.T, centred)
    return features.mean(dim=0).double(), covariance / (len(features) - 1)
