"""The Fréchet distance ‖μ₁ − μ₂‖² + tr(Σ₁ + Σ₂ − 2(Σ₁Σ₂)^½), as torch-fidelity defines it (Heusel et al. 2017).

torch-fidelity takes the roots of the eigenvalues of Σ₁Σ₂, which is not symmetric. With Σ₂ = LLᵀ, they are also the
eigenvalues of the symmetric matrix LᵀΣ₁L, which are cheaper to compute. L belongs to the real data and is cached.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from bench.catalogue import Options
from bench.catalogue.extractors import EXTRACTORS
from bench.catalogue.metrics.context import Context, Sampled
from bench.catalogue.metrics.frechet_on_device import DeviceStatistics, device_distance, device_statistics

FEW = 32  # features: up to so many, the CPU is done before a GPU has launched its kernels and returned the value


class FeatureStatistics(NamedTuple):
    """Statistics of a set of features.

    Attributes:
        mean: [d].
        trace: Trace of the covariance Σ.
        factor: L [d, r] with Σ = LLᵀ, where r is the numerical rank of Σ.
    """

    mean: NDArray[np.floating]
    trace: float
    factor: NDArray[np.float64]


def prepare(context: Context, options: Options) -> Callable[[Sampled], dict[str, float]]:
    """Return the metric: the distance to the training split, whose statistics are computed once."""
    name = EXTRACTORS[context.extractor].distance
    if context.device.type != "cpu" and context.train_features.shape[1] > FEW:
        on_device = _training_statistics_on_device(context)
        return lambda sampled: {name: device_distance(on_device, context.placed(sampled.features))}
    reference = _training_statistics(context)
    return lambda sampled: {name: distance_to_statistics(reference, sampled.features)}


@cache
def _training_statistics_on_device(context: Context) -> DeviceStatistics:
    return device_statistics(context.placed(context.train_features))


@cache
def _training_statistics(context: Context) -> FeatureStatistics:
    return feature_statistics(context.train_features)


def frechet_distance(features: Tensor, reference: Tensor) -> float:
    """Return the Fréchet distance between two sets of features [n, d] and [m, d], with n, m ≥ 2."""
    return distance_to_statistics(feature_statistics(reference), features)


def feature_statistics(features: Tensor) -> FeatureStatistics:
    """Return the statistics of features [n, d]."""
    mean, centred = _moments(features)
    covariance = centred.T @ centred / (len(centred) - 1)
    variances, axes = np.linalg.eigh(covariance)
    nonzero = variances > len(variances) * np.finfo(np.float64).eps * variances[-1]
    return FeatureStatistics(mean, float(np.trace(covariance)), axes[:, nonzero] * np.sqrt(variances[nonzero]))


def distance_to_statistics(reference: FeatureStatistics, features: Tensor) -> float:
    """Return the Fréchet distance of features [n, d] to the reference. Rounding can make it slightly negative."""
    mean, centred = _moments(features)
    difference = mean - reference.mean
    trace = float(np.vdot(centred, centred)) / (len(centred) - 1)
    shared = trace_of_root(centred, reference.factor)
    return float(difference @ difference) + trace + reference.trace - 2 * shared


def trace_of_root(centred: NDArray[np.float64], factor: NDArray[np.float64]) -> float:
    """Return the trace of (Σ₁LLᵀ)^½, where Σ₁ = XᵀX/(n − 1) for centred features X [n, d] and a factor L [d, r].

    (XL)ᵀXL and XL(XL)ᵀ have the same eigenvalues except for zeros; those of the smaller matrix are computed.
    """
    if len(centred) < factor.shape[1]:
        half = centred @ factor
        product = half @ half.T
    else:
        product = factor.T @ (centred.T @ centred) @ factor
    eigenvalues = np.linalg.eigvalsh(product / (len(centred) - 1))
    return float(np.sqrt(eigenvalues.clip(min=0)).sum())


def _moments(features: Tensor) -> tuple[NDArray[np.floating], NDArray[np.float64]]:
    """Return the mean [d] in the features' precision, as torch-fidelity does, and centred features in double."""
    array = features.numpy()
    double = array.astype(np.float64)
    return array.mean(axis=0), double - double.mean(axis=0)
