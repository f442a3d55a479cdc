"""How many runs a comparison needs to decide, and the smallest regression that its runs can find."""

from __future__ import annotations

import math
from bisect import bisect_left
from itertools import count as count_from

from scipy import stats

from bench.evidence.gate.cell_tests import ComparisonTest
from bench.evidence.statistics import boschloo, mcnemar, seeds_to_bound, seeds_to_show

MINIMUM_RUNS = 3  # per side; with fewer, nothing is decided
POWER = 0.8  # of the comparisons in which a regression is found, or equal sides are OK
FEASIBLE = 100  # seeds per side, or MOST_GROWTH times the present number: more would be no advice
MOST_GROWTH = 10


def seeds_needed(test: ComparisonTest, level: float, alpha: float, typical_deviation: float) -> int | None:
    """Return the seeds per side that would decide a test; None if no feasible number would.

    If the candidate looks worse than tolerated, this is the number that finds such a regression with 80% power.
    Otherwise it is the number with which equal sides are OK with 80% power. That number does not depend on the estimate
    of the degradation: with few runs, an estimate just below the tolerance would ask for thousands.

    Args:
        test: The undecided test.
        level: Its level, corrected for the number of tests.
        alpha: The level of all tests together, which is that of OK.
        typical_deviation: Standard deviation over runs of other cells, if this one has too few runs to estimate it.
    """
    deviation = typical_deviation if math.isnan(test.deviation) else test.deviation
    if math.isnan(test.degradation.value):
        return None
    if math.isnan(deviation):
        return MINIMUM_RUNS if min(test.n) < MINIMUM_RUNS else None
    if test.degradation.value > test.margin:
        needed = _runs_to_find(test, deviation, level, alpha)
    else:
        needed = runs_if_equal(test, deviation, alpha)
        if needed is not None and needed <= min(test.n):  # the estimate is close to the tolerance
            needed = seeds_to_show(test.margin - test.degradation.value, deviation, alpha)
    if not needed or needed > max(FEASIBLE, MOST_GROWTH * min(test.n)):
        return None
    return math.ceil(max(MINIMUM_RUNS, min(test.n) + 1, needed) / test.share_compared)


def _runs_to_find(test: ComparisonTest, deviation: float, level: float, alpha: float) -> int | None:
    needed = seeds_to_show(test.degradation.value, deviation, level)
    if needed and test.counts is None:
        exact = test.robust is None or deviation == 0
        needed = max(needed, runs_for_permutation(level if exact else alpha))
    return needed


def runs_if_equal(test: ComparisonTest, deviation: float, alpha: float) -> int | None:
    """Return the runs per side with which equal sides are OK with 80% power; None if no feasible number is enough.

    For failures, both sides are taken to fail as often as both do together.
    """
    if test.counts is None:
        return seeds_to_show(test.margin, deviation, alpha)
    rate = sum(test.counts) / sum(test.n)
    bounds = seeds_to_bound(rate, rate, test.margin, 1 - 2 * alpha)
    powerful = seeds_to_show(test.margin, math.sqrt(rate * (1 - rate)), alpha)
    return max(bounds, powerful) if bounds and powerful else None


def runs_for_permutation(level: float) -> int:
    """Return the runs per side with which a permutation test can reach a level: its smallest p is 1 / (2n choose n)."""
    return next(n for n in count_from(1) if 1 / math.comb(2 * n, n) <= level)


def smallest_found(test: ComparisonTest, level: float, alpha: float, n: tuple[int, int] | None = None) -> float | None:
    """Return the smallest degradation that is REGRESSED with 80% power; None if no degradation is.

    Args:
        test: The test, whose deviation or failures of the baseline count.
        level: Its level, corrected for the number of tests.
        alpha: The level of all tests together.
        n: Runs of baseline and candidate. [default: the test's]
    """
    n = n or test.n
    if min(n) < MINIMUM_RUNS:
        return None
    if test.counts is not None:
        return _smallest_rise(test, level, n)
    permutations = math.comb(sum(n), n[0])
    if math.isnan(test.deviation) or 1 / permutations > (level if test.robust is None else alpha):
        return None
    error = test.deviation * math.sqrt(1 / n[0] + 1 / n[1])
    significant, typical = stats.t.ppf([1 - level, POWER], sum(n) - 2)
    found = float(error * typical + max(error * significant, test.margin))
    return None if test.share and test.higher_is_better and found > 1 else found  # a share cannot fall below 0


def _smallest_rise(test: ComparisonTest, level: float, n: tuple[int, int]) -> float | None:
    """Return the smallest rise of the failure rate that is found, if the baseline fails as often as it did."""
    assert test.counts is not None
    failed = round(test.counts[0] * n[0] / test.n[0])
    rate = failed / n[0]

    def is_found(count: int) -> bool:
        if count / n[1] - rate <= test.margin:
            return False
        if test.matched:
            return mcnemar(count - failed, 0).p <= level
        return boschloo(count, n[1], failed, n[0], "greater").p <= level

    count = bisect_left(range(n[1] + 1), True, key=is_found)
    if count > n[1]:
        return None
    # the rate with which at least this many of n fail with 80% power
    return float(stats.beta.ppf(POWER, count, n[1] - count + 1)) - rate


def describe_smallest(test: ComparisonTest, degradation: float | None) -> str:
    """Return the smallest degradation that is found in a few characters: 1.9×, or +60 pts (percentage points)."""
    if degradation is None:
        return "–"
    if test.counts is not None:
        return f"+{100 * degradation:.0f} pts"
    return test.format_effect(test.as_effect(degradation))
