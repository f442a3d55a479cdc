"""Intervals. One convention: a frame of runs, one row a run."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats


class Interval(NamedTuple):
    """A mean with the half-width of its confidence interval; the half-width is NaN below two values."""

    mean: float
    half_width: float
    n: int


def t_interval(values: ArrayLike, confidence: float = 0.95) -> Interval:
    """Mean ± t₍ₙ₋₁₎ · s/√n of the values that are there (NaN is left out and not counted).

    The interval of a mean of normal values with unknown variance (Student 1908); at n = 3 its half-width is 2.48 s.
    """
    known = np.asarray(values, dtype=float)
    known = known[~np.isnan(known)]
    count = len(known)
    if count == 0:
        return Interval(float("nan"), float("nan"), 0)
    if count == 1:
        return Interval(float(known[0]), float("nan"), 1)
    quantile = stats.t.ppf((1 + confidence) / 2, count - 1)
    return Interval(float(known.mean()), float(quantile * known.std(ddof=1) / np.sqrt(count)), count)


def wilson_interval(count: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """The interval of a rate of ``count`` in ``n`` (Wilson 1927): within [0, 1] also for none and for all of few.

    Raises:
        ValueError: n is 0, or the count is not from 0 to n.
    """
    interval = stats.binomtest(count, n).proportion_ci(confidence, method="wilson")
    return float(interval.low), float(interval.high)
