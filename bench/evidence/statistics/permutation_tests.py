"""The permutation test of two cells, alone and of many pairs of cells together."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from bench.evidence.statistics.intervals import Array, drop_missing
from bench.evidence.statistics.significance import NO_TEST, Alternative, Significance

SEED = 0  # for random permutations, if there are too many to enumerate
EXACT = 200_000  # largest number of permutations to enumerate, enough for 10 runs against 10
AT_ONCE = 32  # pairs whose permutations are in memory together


def permutation(a: ArrayLike, b: ArrayLike, alternative: Alternative = "two-sided", most: int = EXACT) -> Significance:
    """Run the permutation test of a difference of means (Fisher 1935), exact up to ``most`` permutations.

    If there are more, ``most`` of them are drawn with a fixed seed. The smallest possible p of n against m runs is
    1 / (n + m choose n), and twice that if two-sided.
    """
    return permutations([(a, b)], alternative, most)[0]


def permutations(
    pairs: Sequence[tuple[ArrayLike, ArrayLike]], alternative: Alternative = "two-sided", most: int = EXACT
) -> list[Significance]:
    """Run ``permutation`` of each pair. Pairs with the same numbers of runs share permutations, which saves time."""
    values = [(drop_missing(a), drop_missing(b)) for a, b in pairs]
    found = [NO_TEST] * len(values)
    by_size: dict[tuple[int, int], list[int]] = {}
    for index, (first, second) in enumerate(values):
        by_size.setdefault((len(first), len(second)), []).append(index)
    for (n, m), same_size in by_size.items():
        if not n or not m:
            continue
        smallest = 1 / min(math.comb(n + m, n), most + 1)
        smallest = min(1.0, 2 * smallest if alternative == "two-sided" else smallest)
        for start in range(0, len(same_size), AT_ONCE):
            together = same_size[start : start + AT_ONCE]
            ps = _permutation_ps([values[index] for index in together], alternative, most)
            for index, p in zip(together, ps, strict=True):
                found[index] = Significance(p, smallest)
    return found


def _permutation_ps(pairs: Sequence[tuple[Array, Array]], alternative: Alternative, most: int) -> list[float]:
    """Return the p-value of each pair; all pairs have the same numbers of runs."""
    result = stats.permutation_test(
        [np.stack(sides) for sides in zip(*pairs, strict=True)],
        _mean_difference,
        alternative=alternative,
        n_resamples=most,
        vectorized=True,
        batch=10_000,
        axis=-1,
        rng=SEED,
    )
    return [float(p) for p in result.pvalue]


def _mean_difference(a: Array, b: Array, axis: int) -> Array:
    return np.asarray(a.mean(axis=axis) - b.mean(axis=axis))
