"""Intervals of means, rates and differences."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

if TYPE_CHECKING:
    from statsmodels.stats.weightstats import CompareMeans

Array = NDArray[np.float64]


class Interval(NamedTuple):
    """A mean with the half-width of its confidence interval; the half-width is NaN below two values."""

    mean: float
    half_width: float
    n: int


class Bounds(NamedTuple):
    """An estimate and the ends of its confidence interval, NaN where there is none; of n values."""

    value: float
    low: float
    high: float
    n: int


def drop_missing(values: ArrayLike) -> Array:
    """The values that are there, NaN left out."""
    array = np.asarray(values, dtype=float)
    return array[~np.isnan(array)]


def t_interval(values: ArrayLike, confidence: float = 0.95) -> Interval:
    """Mean ± t₍ₙ₋₁₎ · s/√n of the values that are there (NaN is left out and not counted).

    The interval of a mean of normal values with unknown variance (Student 1908); at n = 3 its half-width is 2.48 s.
    """
    there = drop_missing(values)
    count = len(there)
    if count == 0:
        return Interval(math.nan, math.nan, 0)
    if count == 1:
        return Interval(float(there[0]), math.nan, 1)
    quantile = stats.t.ppf((1 + confidence) / 2, count - 1)
    return Interval(float(there.mean()), float(quantile * there.std(ddof=1) / np.sqrt(count)), count)


def geometric_mean(values: ArrayLike, confidence: float = 0.95) -> Bounds:
    """The geometric mean, with the t interval of the mean of the logarithms; NaN where a value is not positive.

    Distances of few seeds are skewed, and their logarithms much less: here the interval covers as often as it says.
    """
    there = drop_missing(values)
    if not len(there) or not (there > 0).all() or not np.isfinite(there).all():
        return Bounds(math.nan, math.nan, math.nan, len(there))
    mean, half, count = t_interval(np.log(there), confidence)
    return Bounds(math.exp(mean), exponential(mean - half), exponential(mean + half), count)


def exponential(value: float) -> float:
    """E to a value, infinite where a float cannot hold it."""
    return math.inf if value > 700 else math.exp(value)


def wilson_interval(count: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """The interval of a rate of ``count`` in ``n`` (Wilson 1927): within [0, 1] also for none and for all of few.

    Raises:
        ValueError: n is 0, or the count is not from 0 to n.
    """
    interval = stats.binomtest(count, n).proportion_ci(confidence, method="wilson")
    return float(interval.low), float(interval.high)


def newcombe_interval(a: int, n_a: int, b: int, n_b: int, confidence: float = 0.95) -> Bounds:
    """The difference of two rates, a/n_a − b/n_b, with Newcombe's interval of Wilson's (1998, method 10)."""
    from statsmodels.stats.proportion import confint_proportions_2indep

    low, high = confint_proportions_2indep(a, n_a, b, n_b, compare="diff", method="newcomb", alpha=1 - confidence)
    return Bounds(a / n_a - b / n_b, float(low), float(high), min(n_a, n_b))


def constant(values: Array) -> bool:
    """Whether values do not vary but by rounding."""
    return len(values) < 2 or bool(np.ptp(values) <= 1e-12 * np.abs(values).max())


def difference(a: ArrayLike, b: ArrayLike, confidence: float = 0.95) -> Bounds:
    """Mean of a minus mean of b, with Welch's interval; n is the smaller number of values."""
    first, second = drop_missing(a), drop_missing(b)
    count = min(len(first), len(second))
    if count == 0:
        return Bounds(math.nan, math.nan, math.nan, 0)
    value = float(first.mean() - second.mean())
    if count < 2:
        return Bounds(value, math.nan, math.nan, count)
    if constant(first) and constant(second):
        return Bounds(value, value, value, count)
    low, high = compared(first, second).tconfint_diff(alpha=1 - confidence, usevar="unequal")
    return Bounds(value, float(low), float(high), count)


def compared(a: Array, b: Array) -> CompareMeans:
    """The means of two cells, as statsmodels compares them."""
    from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

    return CompareMeans(DescrStatsW(a), DescrStatsW(b))
