"""Tests of two or more cells, corrections for multiple tests, and the numbers of runs that tests need."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats

from bench.evidence.statistics.intervals import Array, drop_missing, is_constant, means_of, newcombe_interval

Alternative = Literal["two-sided", "less", "greater"]

POWER = 0.8  # of the tests that the number of seeds is computed for
MAXIMUM_SEEDS = 10_000  # largest number of runs per side that is considered


class Significance(NamedTuple):
    """A p-value, and the smallest p-value that is possible with these numbers of runs.

    A test whose ``smallest`` is above α cannot detect anything. Both are NaN if there is no test.
    """

    p: float
    smallest: float

    def detects(self, alpha: float) -> bool:
        """Return whether the smallest possible p-value is at most α."""
        return self.smallest <= alpha


NO_TEST = Significance(math.nan, math.nan)


def welch(a: ArrayLike, b: ArrayLike, alternative: Alternative = "two-sided") -> Significance:
    """Run Welch's t-test of the means of two cells (Welch 1947). ``less`` tests whether a is below b.

    Positive values should be passed as logarithms. With two or more values per cell the smallest possible p is 0. If
    neither cell varies, t is undefined and the result is that of the permutation test.
    """
    return _t_test(a, b, alternative, "unequal")


def student(a: ArrayLike, b: ArrayLike, alternative: Alternative = "two-sided") -> Significance:
    """Run Student's t-test (1908), which assumes equal variances; otherwise as ``welch``.

    It is exact for normal values and any numbers of runs. Welch's test is not: with three values against twenty,
    p-values of 0.002 or less are twice as frequent as they should be.
    """
    return _t_test(a, b, alternative, "pooled")


def _t_test(a: ArrayLike, b: ArrayLike, alternative: Alternative, variances: str) -> Significance:
    first, second = drop_missing(a), drop_missing(b)
    if min(len(first), len(second)) < 2:
        return NO_TEST
    if is_constant(first) and is_constant(second):
        return _test_constants(float(first[0] - second[0]), len(first), len(second), alternative)
    _, p, _ = means_of(first, second).ttest_ind(alternative=_SIDES[alternative], usevar=variances)
    return Significance(float(p), 0.0)


_SIDES = {"two-sided": "two-sided", "less": "smaller", "greater": "larger"}


def _test_constants(gap: float, n: int, m: int, alternative: Alternative) -> Significance:
    """Run the permutation test of two constant cells, for which no other split has as large a difference."""
    smallest = min(1.0, (2 if alternative == "two-sided" else 1) / math.comb(n + m, n))
    differs = {"two-sided": gap != 0, "less": gap < 0, "greater": gap > 0}[alternative]
    return Significance(smallest if differs else 1.0, smallest)


@lru_cache(maxsize=4096)
def boschloo(a: int, n_a: int, b: int, n_b: int, alternative: Alternative = "two-sided") -> Significance:
    """Run Boschloo's exact test of two rates, a of n_a and b of n_b (1970). ``less`` tests whether a's is below b's.

    Raises:
        ValueError: A count is not between 0 and its n.
    """
    if not (0 <= a <= n_a and 0 <= b <= n_b):
        raise ValueError(f"{a} of {n_a} and {b} of {n_b} are not rates")
    if not n_a or not n_b:
        return NO_TEST
    extreme = [(n_a, 0)] * (alternative != "less") + [(0, n_b)] * (alternative != "greater")
    smallest = min(_boschloo(*counts, n_a, n_b, alternative) for counts in extreme)
    return Significance(_boschloo(a, b, n_a, n_b, alternative), smallest)


@lru_cache(maxsize=4096)
def _boschloo(a: int, b: int, n_a: int, n_b: int, alternative: Alternative) -> float:
    if a == b == 0 or (a == n_a and b == n_b):  # scipy would divide by zero
        return 1.0
    return float(stats.boschloo_exact([[a, b], [n_a - a, n_b - b]], alternative=alternative).pvalue)


def mantel_haenszel(strata: Sequence[tuple[int, int, int, int]]) -> Significance:
    """Run the one-sided stratified test that rates a of n_a are above rates b of n_b (Cochran 1954).

    The statistic is that of Mantel & Haenszel (1959) with continuity correction. Strata in which no run or every run
    failed carry no information; if all are like this there is no test. The smallest possible p is that of the same
    number of failures with as many as possible on side a.

    Args:
        strata: (a, n_a, b, n_b) of each stratum.
    """
    informative = [(a, n_a, b, n_b) for a, n_a, b, n_b in strata if n_a and n_b and 0 < a + b < n_a + n_b]
    if not informative:
        return NO_TEST
    extreme = [(min(a + b, n_a), n_a, a + b - min(a + b, n_a), n_b) for a, n_a, b, n_b in informative]
    return Significance(_mantel_haenszel(informative), _mantel_haenszel(extreme))


def _mantel_haenszel(strata: Sequence[tuple[int, int, int, int]]) -> float:
    from statsmodels.stats.contingency_tables import StratifiedTable

    excess = sum(a - (a + b) * n_a / (n_a + n_b) for a, n_a, b, n_b in strata)
    if excess <= 0.5:
        return 1.0
    tables = [np.array([[a, n_a - a], [b, n_b - b]]) for a, n_a, b, n_b in strata]
    return float(StratifiedTable(tables).test_null_odds(correction=True).pvalue) / 2


def holm(ps: ArrayLike) -> Array:
    """Return p-values with Holm's correction for multiple tests (1979), [n]. NaN means no test and is not counted.

    The i-th smallest of n is multiplied by n − i + 1, then raised to the previous one if below it, and capped at 1. The
    result is that of statsmodels' ``multipletests``, which runs the garbage collector in every call and would dominate
    the time of writing a table.
    """
    values = np.asarray(ps, dtype=float)
    order = np.argsort(values)[: int((~np.isnan(values)).sum())]  # NaNs are sorted to the end
    adjusted = np.full(values.shape, math.nan)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(values[order] * np.arange(len(order), 0, -1)))
    return adjusted


class Ranks(NamedTuple):
    """Mean ranks over blocks (1 is best), the test that they are equal, and the number of complete blocks."""

    mean: dict[Any, float]
    test: Significance
    blocks: int


def rank_over_blocks(values: Mapping[Any, Mapping[Any, float]], higher_is_better: bool) -> Ranks:
    """Return mean ranks of treatments over blocks, such as losses over datasets, with Friedman's test (1937).

    Blocks without a value of every treatment are ignored. The smallest possible p is that of the same order in every
    block.

    Args:
        values: Block → treatment → value, which is infinitely bad if the treatment failed.
        higher_is_better: Whether higher values are better.
    """
    table = pd.DataFrame(values).T.dropna()
    ranks = table.rank(axis=1, ascending=not higher_is_better)
    blocks, treatments = ranks.shape
    mean = {name: float(rank) for name, rank in ranks.mean().items()}
    if treatments < 3 or blocks < 2:
        return Ranks(mean, NO_TEST, blocks)
    smallest = float(stats.chi2.sf(blocks * (treatments - 1), treatments - 1))
    all_tied = bool((ranks.nunique(axis=1) == 1).all())
    p = 1.0 if all_tied else float(stats.friedmanchisquare(*ranks.to_numpy().T).pvalue)
    return Ranks(mean, Significance(p, smallest), blocks)


def seeds_to_show(effect: float, deviation: float, alpha: float) -> int | None:
    """Return the runs per side for 80% power in a one-sided t-test; None if above ``MAXIMUM_SEEDS``.

    Args:
        effect: Difference of the means.
        deviation: Standard deviation over runs, in the unit of ``effect``.
        alpha: Level of the test, corrected for multiple tests.
    """
    from statsmodels.stats.power import TTestIndPower

    if not effect > 0 or not math.isfinite(deviation):
        return None
    if deviation == 0:
        return 2
    size, test = effect / deviation, TTestIndPower()
    return _fewest(lambda n: bool(test.power(size, n, alpha, alternative="larger") >= POWER), 2)


def seeds_to_bound(a: float, b: float, margin: float, confidence: float) -> int | None:
    """Return the runs per side for which Newcombe's interval of two rates' difference a − b is below a margin.

    The rates are assumed to stay the same. None if above ``MAXIMUM_SEEDS``.
    """

    def enough(n: int) -> bool:
        return newcombe_interval(round(a * n), n, round(b * n), n, confidence).high <= margin

    return _fewest(enough, 1)


def _fewest(enough: Callable[[int], bool], first: int) -> int | None:
    """Return the smallest sufficient number from ``first`` on, or None; any larger number must be sufficient too."""
    low, high = first - 1, first
    while not enough(high):
        low, high = high, 2 * high
        if low >= MAXIMUM_SEEDS:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
