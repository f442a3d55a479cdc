"""The size of the support by the birthday paradox (Arora & Zhang 2017, "Do GANs actually learn the distribution?").

Among N draws from K equally likely samples, N(N − 1)/(2K) pairs are expected to coincide. The paper identifies
duplicates among the closest pairs by eye; here a threshold on the distance in feature space does.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor

from bench.catalogue.metrics import BirthdayOptions
from bench.catalogue.metrics.context import Context, Sampled
from bench.catalogue.metrics.neighbours import count_true, distances, neighbour_distances
from bench.catalogue.metrics.real_features import comparable, reference_features


def prepare(context: Context, options: BirthdayOptions) -> Callable[[Sampled], dict[str, float]]:
    """Return the metric. The threshold ε is computed from as many training samples as there are samples, once."""

    @cache
    def epsilon(count: int) -> float:
        return duplicate_distance(context.placed(reference_features(context, count)), options.quantile)

    def measure(sampled: Sampled) -> dict[str, float]:
        count = comparable(context, len(sampled.features))
        return {"support": support_size(context.placed(sampled.features[:count]), epsilon(count))}

    return measure


def duplicate_distance(real: Tensor, quantile: float) -> float:
    """Return ε, the quantile of the distances of real features [n, d] to their nearest neighbours."""
    return torch.quantile(neighbour_distances(real, 1).double(), quantile).item()


def support_size(features: Tensor, epsilon: float) -> float:
    """Return N(N − 1)/2 divided by the number of pairs of features [N, d] whose distance is at most ε.

    Without any such pair the result is N(N − 1)/2, a lower bound. If ε is the quantile p of the real data, their own
    result is about (N − 1)/p, since a fraction p of them, in pairs, is that close. Larger supports cannot be
    distinguished from it.
    """
    blocks = distances(features, features)
    close = sum(count_true((block <= epsilon).triu(start + 1)) for start, block in blocks)
    return len(features) * (len(features) - 1) / 2 / max(close, 1)
