"""Confidence intervals of means, rates and differences."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

if TYPE_CHECKING:
    from statsmodels.stats.weightstats import CompareMeans

Array = NDArray[np.float64]
MINIMUM_PAIRS = 3


class Interval(NamedTuple):
    """A mean and the half-width of its confidence interval, which is NaN for fewer than two values."""

    mean: float
    half_width: float
    n: int


class Bounds(NamedTuple):
    """An estimate from n values and the ends of its confidence interval, which are NaN if there is none."""

    value: float
    low: float
    high: float
    n: int


def drop_missing(values: ArrayLike) -> Array:
    """Return the values without NaNs."""
    array = np.asarray(values, dtype=float)
    return array[~np.isnan(array)]


def t_interval(values: ArrayLike, confidence: float = 0.95) -> Interval:
    """Return mean ± t₍ₙ₋₁₎ · s/√n, ignoring NaNs.

    This is the interval of the mean of normal values with unknown variance (Student 1908). At n = 3 its half-width is
    2.48 s.
    """
    present = drop_missing(values)
    count = len(present)
    if count == 0:
        return Interval(math.nan, math.nan, 0)
    if count == 1:
        return Interval(float(present[0]), math.nan, 1)
    quantile = stats.t.ppf((1 + confidence) / 2, count - 1)
    with np.errstate(over="ignore", invalid="ignore"):  # values may be infinite, or their squares too large
        return Interval(float(present.mean()), float(quantile * present.std(ddof=1) / np.sqrt(count)), count)


def geometric_mean(values: ArrayLike, confidence: float = 0.95, most: float = math.inf) -> Bounds:
    """Return the geometric mean with a t interval computed on log values; NaN if a value is not positive.

    Distances are skewed over seeds and their logarithms much less so: this interval has its nominal coverage. It ends
    at ``most``, the largest possible value.
    """
    present = drop_missing(values)
    if not len(present) or not (present > 0).all() or not np.isfinite(present).all():
        return Bounds(math.nan, math.nan, math.nan, len(present))
    mean, half, count = t_interval(np.log(present), confidence)
    return Bounds(math.exp(mean), exponential(mean - half), min(exponential(mean + half), most), count)


def bounded_mean(values: ArrayLike, least: float, most: float, confidence: float = 0.95) -> Bounds:
    """Return the mean with a score interval that stays between the bounds of its measure, ignoring NaNs.

    These are the means μ that a t statistic does not reject if the variance is proportional to (μ − least)(most − μ):
    Wilson's interval with the effective number of values of the observed variance (Korn & Graubard 1998; Dean & Pagano
    2015). Without an upper bound the variance is proportional to μ − least. Near a bound it covers the mean more often
    than ``t_interval``, which crosses the bound (docs/decisions/0035). Without a lower bound, or with a value beyond
    one, the t interval is returned.

    Args:
        values: The values of one cell.
        least: The smallest possible value, or −∞.
        most: The largest possible value, or ∞.
        confidence: The coverage.
    """
    mean, half, count = t_interval(values, confidence)
    present = drop_missing(values)
    beyond = (present < least).any() or (present > most).any()
    if math.isnan(half) or not math.isfinite(half) or math.isinf(least) or beyond or not least < mean < most:
        return Bounds(mean, mean - half, mean + half, count)
    above, width = mean - least, most - least
    shrinking = 0.0 if math.isinf(width) else 1 / width
    spread = half**2 / (above * (1 - above * shrinking))
    middle = above + spread / 2
    reach = math.sqrt(spread) * math.sqrt(above * (1 - above * shrinking) + spread / 4)
    low, high = ((middle + sign * reach) / (1 + spread * shrinking) for sign in (-1, 1))
    return Bounds(mean, max(least, least + low), min(most, least + high), count)


def exponential(value: float) -> float:
    """Return e to a value, or infinity if a float cannot represent it."""
    return math.inf if value > 700 else math.exp(value)


def wilson_interval(count: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return the interval of a rate of ``count`` in ``n`` (Wilson 1927), which always lies within [0, 1].

    Raises:
        ValueError: n is 0, or the count is not between 0 and n.
    """
    interval = stats.binomtest(count, n).proportion_ci(confidence, method="wilson")
    return float(interval.low), float(interval.high)


def newcombe_interval(a: int, n_a: int, b: int, n_b: int, confidence: float = 0.95) -> Bounds:
    """Return the difference of two rates, a/n_a − b/n_b, with Newcombe's hybrid score interval (1998, method 10)."""
    from statsmodels.stats.proportion import confint_proportions_2indep

    low, high = confint_proportions_2indep(a, n_a, b, n_b, compare="diff", method="newcomb", alpha=1 - confidence)
    return Bounds(a / n_a - b / n_b, float(low), float(high), min(n_a, n_b))


def is_constant(values: Array) -> bool:
    """Return whether values are equal up to rounding."""
    return len(values) < 2 or bool(np.ptp(values) <= 1e-12 * np.abs(values).max())


def difference(a: ArrayLike, b: ArrayLike, confidence: float = 0.95) -> Bounds:
    """Return mean of a − mean of b with Welch's interval; n is the smaller number of values."""
    first, second = drop_missing(a), drop_missing(b)
    count = min(len(first), len(second))
    if count == 0:
        return Bounds(math.nan, math.nan, math.nan, 0)
    value = float(first.mean() - second.mean())
    if count < 2:
        return Bounds(value, math.nan, math.nan, count)
    if is_constant(first) and is_constant(second):
        return Bounds(value, value, value, count)
    low, high = means_of(first, second).tconfint_diff(alpha=1 - confidence, usevar="unequal")
    return Bounds(value, float(low), float(high), count)


def paired_difference(a: Array, b: Array, confidence: float = 0.95) -> Bounds | None:
    """Return the mean of a − b over pairs with its t interval; None if there are few pairs or a value is missing."""
    gaps = a - b
    if len(gaps) < MINIMUM_PAIRS or np.isnan(gaps).any():
        return None
    mean, half, n = t_interval(gaps, confidence)
    return Bounds(mean, mean - half, mean + half, n)


def means_of(a: Array, b: Array) -> CompareMeans:
    """Return statsmodels' comparison of the means of two cells."""
    from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

    return CompareMeans(DescrStatsW(a), DescrStatsW(b))
