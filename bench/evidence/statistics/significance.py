"""Tests of two cells and of several, their correction, and the numbers of runs that they need."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats

from bench.evidence.statistics.intervals import Array, compared, constant, drop_missing, newcombe_interval

Alternative = Literal["two-sided", "less", "greater"]

SEED = 0  # of the permutations drawn where there are too many to go through
POWER = 0.8  # that a forecast of seeds aims at
MOST = 10_000  # runs a side that a forecast looks at
EXACT = 200_000  # permutations gone through one by one, at the most: 10 runs against 10


class Significance(NamedTuple):
    """A p-value, and the smallest that these numbers of runs could have given whatever was measured.

    A test whose ``smallest`` is above α cannot detect anything: it says nothing of a difference. Both are NaN where
    there is no test.
    """

    p: float
    smallest: float

    def detects(self, alpha: float) -> bool:
        """Whether the smallest attainable p is at or below α."""
        return self.smallest <= alpha


NO_TEST = Significance(math.nan, math.nan)


def welch(a: ArrayLike, b: ArrayLike, alternative: Alternative = "two-sided") -> Significance:
    """Welch's t-test of the means of two cells (Welch 1947); ``less``: of a below b.

    Give logarithms of what is positive. It has no smallest p but 0 from two values on. Where neither cell varies, t has
    no meaning and the permutation test answers.
    """
    return _t_test(a, b, alternative, "unequal")


def student(a: ArrayLike, b: ArrayLike, alternative: Alternative = "two-sided") -> Significance:
    """Student's t-test (1908), as ``welch`` but of cells that spread alike.

    Of normal values it is exact at every level and for all numbers; Welch's is not where one cell has three values and
    the other twenty: a p of 0.002 comes twice as often as it should.
    """
    return _t_test(a, b, alternative, "pooled")


def _t_test(a: ArrayLike, b: ArrayLike, alternative: Alternative, variances: str) -> Significance:
    first, second = drop_missing(a), drop_missing(b)
    if min(len(first), len(second)) < 2:
        return NO_TEST
    if constant(first) and constant(second):
        return _of_constants(float(first[0] - second[0]), len(first), len(second), alternative)
    done = compared(first, second).ttest_ind(alternative=_SIDES[alternative], usevar=variances)
    return Significance(float(done[1]), 0.0)


_SIDES = {"two-sided": "two-sided", "less": "smaller", "greater": "larger"}


def _of_constants(gap: float, n: int, m: int, alternative: Alternative) -> Significance:
    """The permutation test of two cells that do not vary: no other split is as far apart as they are."""
    smallest = min(1.0, (2 if alternative == "two-sided" else 1) / math.comb(n + m, n))
    apart = {"two-sided": gap != 0, "less": gap < 0, "greater": gap > 0}[alternative]
    return Significance(smallest if apart else 1.0, smallest)


def permutation(a: ArrayLike, b: ArrayLike, alternative: Alternative = "two-sided", most: int = EXACT) -> Significance:
    """The permutation test of a difference of means (Fisher 1935), exact up to ``most`` permutations.

    Of more, so many are drawn, always the same. The smallest p of n against m runs is 1 over n + m choose n, twice that
    for two sides.
    """
    first, second = drop_missing(a), drop_missing(b)
    if not len(first) or not len(second):
        return NO_TEST
    ways = math.comb(len(first) + len(second), len(first))
    smallest = 1 / min(ways, most + 1)
    done = stats.permutation_test(
        (first, second), _gap, alternative=alternative, n_resamples=most, vectorized=True, batch=10_000, rng=SEED
    )
    return Significance(float(done.pvalue), min(1.0, 2 * smallest if alternative == "two-sided" else smallest))


def _gap(a: Array, b: Array, axis: int) -> Array:
    return np.asarray(a.mean(axis=axis) - b.mean(axis=axis))


@lru_cache(maxsize=4096)
def boschloo(a: int, n_a: int, b: int, n_b: int, alternative: Alternative = "two-sided") -> Significance:
    """Boschloo's exact test of two rates, a of n_a against b of n_b (Boschloo 1970); ``less``: of a's below b's.

    Raises:
        ValueError: a count is not from 0 to its n.
    """
    if not (0 <= a <= n_a and 0 <= b <= n_b):
        raise ValueError(f"{a} of {n_a} and {b} of {n_b} are no rates")
    if not n_a or not n_b:
        return NO_TEST
    extreme = [(n_a, 0)] * (alternative != "less") + [(0, n_b)] * (alternative != "greater")
    smallest = min(_boschloo(*counts, n_a, n_b, alternative) for counts in extreme)
    return Significance(_boschloo(a, b, n_a, n_b, alternative), smallest)


@lru_cache(maxsize=4096)
def _boschloo(a: int, b: int, n_a: int, n_b: int, alternative: Alternative) -> float:
    if a == b == 0 or (a == n_a and b == n_b):  # nothing differs; the general way divides by zero
        return 1.0
    return float(stats.boschloo_exact([[a, b], [n_a - a, n_b - b]], alternative=alternative).pvalue)


def mantel_haenszel(strata: Sequence[tuple[int, int, int, int]]) -> Significance:
    """The one-sided test, over strata, that rates a of n_a are above rates b of n_b (Cochran 1954).

    The statistic of Mantel & Haenszel (1959), with the correction for continuity. A stratum without a failure, or with
    nothing else, says nothing; where all are such there is no test. The smallest p is that of as many failures, all of
    them a's.

    Args:
        strata: (a, n_a, b, n_b) of each.
    """
    telling = [each for each in strata if each[1] and each[3] and 0 < each[0] + each[2] < each[1] + each[3]]
    if not telling:
        return NO_TEST
    extreme = [(min(a + b, n_a), n_a, a + b - min(a + b, n_a), n_b) for a, n_a, b, n_b in telling]
    return Significance(_mantel_haenszel(telling), _mantel_haenszel(extreme))


def _mantel_haenszel(strata: Sequence[tuple[int, int, int, int]]) -> float:
    from statsmodels.stats.contingency_tables import StratifiedTable

    excess = sum(a - (a + b) * n_a / (n_a + n_b) for a, n_a, b, n_b in strata)
    if excess <= 0.5:
        return 1.0
    tables = [np.array([[a, n_a - a], [b, n_b - b]]) for a, n_a, b, n_b in strata]
    return float(StratifiedTable(tables).test_null_odds(correction=True).pvalue) / 2


def holm(ps: ArrayLike) -> Array:
    """p-values adjusted for being looked at together (Holm 1979), [n]; NaN stands for no test and does not count.

    The i-th smallest of n times n − i + 1, never below a smaller one's, never above 1: what statsmodels'
    ``multipletests`` gives, which collects the garbage of the whole process at every call and so takes longer than all
    else in a table.
    """
    given = np.asarray(ps, dtype=float)
    order = np.argsort(given)[: int((~np.isnan(given)).sum())]  # NaN comes last
    adjusted = np.full(given.shape, math.nan)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(given[order] * np.arange(len(order), 0, -1)))
    return adjusted


class Ranks(NamedTuple):
    """Mean ranks over blocks, 1 the best, with the test that all are equal; and in how many blocks all were there."""

    mean: dict[Any, float]
    test: Significance
    blocks: int


def rank_over_blocks(values: Mapping[Any, Mapping[Any, float]], higher_is_better: bool) -> Ranks:
    """Mean ranks of treatments over blocks and Friedman's test of them (1937): losses, say, over datasets.

    A block in which a treatment has no value is left out. The smallest p is that of the same order in every block.

    Args:
        values: Block → treatment → value, infinitely bad for one that failed.
        higher_is_better: Of the values.
    """
    table = pd.DataFrame(values).T.dropna()
    ranks = table.rank(axis=1, ascending=not higher_is_better)
    blocks, treatments = ranks.shape
    mean = {name: float(each) for name, each in ranks.mean().items()}
    if treatments < 3 or blocks < 2:
        return Ranks(mean, NO_TEST, blocks)
    smallest = float(stats.chi2.sf(blocks * (treatments - 1), treatments - 1))
    alike = bool((ranks.nunique(axis=1) == 1).all())
    p = 1.0 if alike else float(stats.friedmanchisquare(*ranks.to_numpy().T).pvalue)
    return Ranks(mean, Significance(p, smallest), blocks)


def seeds_to_show(effect: float, deviation: float, alpha: float) -> int | None:
    """Runs a side with which a one-sided t-test has 80% power to show ``effect``; None where more than ``MOST``.

    Args:
        effect: Difference of the means, in the unit of the deviation.
        deviation: Standard deviation over runs.
        alpha: Level of the test, after correction.
    """
    from statsmodels.stats.power import TTestIndPower

    if not effect > 0 or not math.isfinite(deviation):
        return None
    if deviation == 0:
        return 2
    size, test = effect / deviation, TTestIndPower()
    return _fewest(lambda n: bool(test.power(size, n, alpha, alternative="larger") >= POWER), 2)


def seeds_to_bound(a: float, b: float, margin: float, confidence: float) -> int | None:
    """Runs a side with which Newcombe's interval of rate a − rate b ends below a margin, if both stay as they are."""

    def enough(n: int) -> bool:
        return newcombe_interval(round(a * n), n, round(b * n), n, confidence).high <= margin

    return _fewest(enough, 1)


def _fewest(enough: Callable[[int], bool], first: int) -> int | None:
    """The smallest number from ``first`` to ``MOST`` that is enough, where every larger one is enough too."""
    low, high = first - 1, first
    while not enough(high):
        low, high = high, 2 * high
        if low >= MOST:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
