"""A permutation test that reuses the splits of earlier ones: the gate and its calibration run thousands of them."""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from bench.evidence.statistics.intervals import Array
from bench.evidence.statistics.significance import SEED, Significance


def permutation_of_means(a: Array, b: Array, most: int) -> Significance:
    """Run the one-sided permutation test that the mean of a is above that of b: ``permutation``, but faster.

    It is exact up to ``most`` splits. If there are more, ``most`` of them are drawn with a fixed seed, the same for all
    tests of as many values.

    Args:
        a: Values, [n], n ≥ 1.
        b: Values, [m], m ≥ 1.
        most: Number of splits.
    """
    values = np.concatenate([a, b])
    splits = _splits(len(a), len(b), most)
    slack = 1e-12 * max(1.0, float(np.abs(values).sum()))  # equal sums differ by rounding
    as_large = int((values[splits].sum(axis=1) >= a.sum() - slack).sum())
    sampled = int(math.comb(len(values), len(a)) > most)
    return Significance((as_large + sampled) / (len(splits) + sampled), 1 / (len(splits) + sampled))


@lru_cache(maxsize=32)
def _splits(n: int, m: int, most: int) -> NDArray[np.int16]:
    """Return which values are on the first side in each split, [splits, n]."""
    if math.comb(n + m, n) <= most:
        return np.array(list(combinations(range(n + m), n)), dtype=np.int16)
    draws = np.random.default_rng(SEED).random((most, n + m))
    return draws.argsort(axis=1)[:, :n].astype(np.int16)
