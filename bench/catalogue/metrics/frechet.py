"""The Fréchet distance, by torch-fidelity's definition: ‖μ₁ − μ₂‖² + tr(Σ₁ + Σ₂ − 2(Σ₁Σ₂)^½) (Heusel et al. 2017).

Torch-fidelity takes the roots of the eigenvalues of Σ₁Σ₂, a general matrix [d, d]. With Σ₂ = LLᵀ they are those of
LᵀΣ₁L, a symmetric one, whose eigenvalues cost less; L belongs to the reference and is kept.
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


class FeatureStatistics(NamedTuple):
    """What the distance needs of a set of features: mean [d], trace of the covariance, a factor [d, r] of it, LLᵀ."""

    mean: NDArray[np.floating]
    trace: float
    factor: NDArray[np.float64]


def prepare(context: Context, options: Options) -> Callable[[Sampled], dict[str, float]]:
    """The function that measures samples against the training split, whose statistics are computed once."""
    name = EXTRACTORS[context.extractor].distance
    reference = _of_training_split(context)
    return lambda sampled: {name: distance_to_statistics(reference, sampled.features)}


@cache
def _of_training_split(context: Context) -> FeatureStatistics:
    return feature_statistics(context.train_features())


def frechet_distance(features: Tensor, reference: Tensor) -> float:
    """Fréchet distance between two sets of features [n, d], [m, d], of two samples or more each."""
    return distance_to_statistics(feature_statistics(reference), features)


def feature_statistics(features: Tensor) -> FeatureStatistics:
    """The statistics of features [n, d]: r is the rank of their covariance, as far as double precision tells it."""
    mean, centred = _moments(features)
    covariance = centred.T @ centred / (len(centred) - 1)
    variances, axes = np.linalg.eigh(covariance)
    known = variances > len(variances) * np.finfo(np.float64).eps * variances[-1]
    return FeatureStatistics(mean, float(np.trace(covariance)), axes[:, known] * np.sqrt(variances[known]))


def distance_to_statistics(reference: FeatureStatistics, features: Tensor) -> float:
    """Fréchet distance of features [n, d] to those of the reference; rounding can leave it a little below 0."""
    mean, centred = _moments(features)
    difference = mean - reference.mean
    trace = float(np.vdot(centred, centred)) / (len(centred) - 1)
    shared = trace_of_root(centred, reference.factor)
    return float(difference @ difference) + trace + reference.trace - 2 * shared


def trace_of_root(centred: NDArray[np.float64], factor: NDArray[np.float64]) -> float:
    """The trace of (Σ₁LLᵀ)^½ with Σ₁ = XᵀX/(n − 1) of centred features X [n, d] and a factor L [d, r].

    The eigenvalues of (XL)ᵀXL are those of XL(XL)ᵀ but for zeros: of the two, the smaller is solved.
    """
    if len(centred) < factor.shape[1]:
        half = centred @ factor
        product = half @ half.T
    else:
        product = factor.T @ (centred.T @ centred) @ factor
    eigenvalues = np.linalg.eigvalsh(product / (len(centred) - 1))
    return float(np.sqrt(eigenvalues.clip(min=0)).sum())


def _moments(features: Tensor) -> tuple[NDArray[np.floating], NDArray[np.float64]]:
    """The mean as torch-fidelity takes it, in the features' own precision, and the features less that in double."""
    array = features.numpy()
    double = array.astype(np.float64)
    return array.mean(axis=0), double - double.mean(axis=0)
