"""The size of the support by the birthday paradox (Arora & Zhang 2017, "Do GANs actually learn the distribution?").

Among N draws from K equally likely samples N(N − 1)/(2K) pairs coincide in the mean. The paper looks for duplicates by
eye among the closest pairs; to call a pair a duplicate by its distance in feature space, as here, is ours.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import torch
from torch import Tensor

from bench.catalogue.metrics import BirthdayOptions
from bench.catalogue.metrics.context import Context, Sampled
from bench.catalogue.metrics.neighbours import distances, neighbour_distances
from bench.catalogue.metrics.real_features import comparable, reference_features


def prepare(context: Context, options: BirthdayOptions) -> Callable[[Sampled], dict[str, float]]:
    """The function that estimates the support of samples; ε comes from as many of the training split, once."""

    @cache
    def epsilon(count: int) -> float:
        return duplicate_distance(reference_features(context, count), options.quantile)

    def measure(sampled: Sampled) -> dict[str, float]:
        count = comparable(context, len(sampled.features))
        return {"support": support_size(sampled.features[:count], epsilon(count))}

    return measure


def duplicate_distance(real: Tensor, quantile: float) -> float:
    """ε: the quantile of the distances of real features [n, d] to their nearest neighbours."""
    return torch.quantile(neighbour_distances(real, 1).double(), quantile).item()


def support_size(features: Tensor, epsilon: float) -> float:
    """N(N − 1)/2 over the number of pairs of features [N, d] that are at most ε apart.

    Without such a pair it is N(N − 1)/2, a lower bound. Real data with ε at their quantile p give about (N − 1)/p,
    because a share p of them, in pairs, is as close as that: a larger support cannot be told from theirs.
    """
    rows = distances(features, features)
    close = sum(int(np.count_nonzero((each <= epsilon).triu(start + 1).numpy())) for start, each in rows)
    return len(features) * (len(features) - 1) / 2 / max(close, 1)
