"""Summaries of runs, some of which may have failed: ranks, the best of several runs, time to a threshold, noise."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from bench.evidence.states import has_failed, judged
from bench.evidence.statistics.intervals import Array, drop_missing


def failures_as_worst(runs: pd.DataFrame, column: str, higher_is_better: bool) -> Array:
    """Return a column of the judged runs of a frame, [n], with an infinitely bad value for failures and missing values.

    They then take the worst rank. Runs that cannot be judged are left out.
    """
    runs = judged(runs)
    values = runs[column].to_numpy(float) if column in runs else np.full(len(runs), math.nan)
    bad = has_failed(runs).to_numpy() | np.isnan(values)
    return np.where(bad, -math.inf if higher_is_better else math.inf, values)


def probability_better(a: ArrayLike, b: ArrayLike, higher_is_better: bool) -> float:
    """Return P(a run of A is better than one of B) + ½ P(they are equal), which is Mann & Whitney's U / (n_a · n_b).

    Values from ``failures_as_worst`` can be passed; two failed runs count as equal. NaN if a side has no values (Mann &
    Whitney 1947).
    """
    first, second = drop_missing(a), drop_missing(b)
    if not len(first) or not len(second):
        return math.nan
    above = (first[:, None] > second).mean() + 0.5 * (first[:, None] == second).mean()
    return float(above if higher_is_better else 1 - above)


def expected_best(values: ArrayLike, k: int, higher_is_better: bool) -> float:
    """Return the expected best of k runs drawn without replacement, computed exactly; NaN for fewer than k values.

    This is Σᵢ xᵢ · C(n − i, k − 1) / C(n, k) with values from best to worst (Tang et al. 2020, eq. 5), an unbiased
    version of the budget curve of Dodge et al. (2019).
    """
    ordered = np.sort(drop_missing(values))[:: -1 if higher_is_better else 1]
    n = len(ordered)
    if not 1 <= k <= n:
        return math.nan
    weights = np.array([math.comb(n - 1 - i, k - 1) / math.comb(n, k) for i in range(n)])
    counted = weights > 0  # a failed run is infinite, and infinity times 0 would be NaN
    return float((ordered[counted] * weights[counted]).sum())


class TimeToThreshold(NamedTuple):
    """The median time to a threshold with its interval, infinite if too few runs reached it."""

    median: float
    low: float
    high: float
    reached: int
    n: int


def time_to_threshold(times: ArrayLike, reached: ArrayLike, confidence: float = 0.95) -> TimeToThreshold:
    """Return the Kaplan–Meier median time to a threshold (1958), with runs that did not reach it as censored.

    The median is the first time at which at least half of the runs have reached the threshold, so it is finite if
    exactly half of them do.

    Args:
        times: When each run reached the threshold, or how long it was observed, [n].
        reached: Whether it reached the threshold, [n].
        confidence: Confidence of the interval (Brookmeyer & Crowley 1982).
    """
    from statsmodels.duration.survfunc import SurvfuncRight

    spans, events = np.asarray(times, dtype=float), np.asarray(reached, dtype=bool)
    present = ~np.isnan(spans)
    spans, events = spans[present], events[present]
    if not events.any():
        return TimeToThreshold(math.inf if len(spans) else math.nan, math.nan, math.inf, 0, len(spans))
    with np.errstate(all="ignore"):
        curve = SurvfuncRight(spans, events.astype(int))
        median = float(curve.quantile(0.5 - 1e-9))  # statsmodels requires more than this share
        low, high = map(float, curve.quantile_ci(0.5, alpha=1 - confidence))
    median, high = (math.inf if math.isnan(time) else time for time in (median, high))
    return TimeToThreshold(median, low, high, int(events.sum()), len(spans))


def performance_profile(ratios: ArrayLike, factors: ArrayLike) -> Array:
    """Return the share of runs within each factor of the best, [t] (Dolan & Moré 2002; over runs: Agarwal et al. 2021).

    Args:
        ratios: How many times worse each run is than the best, [n]; infinite or NaN if it failed.
        factors: Factors of at least 1, [t].
    """
    values = np.asarray(ratios, dtype=float)
    within = np.nan_to_num(values, nan=math.inf)[:, None] <= np.asarray(factors, dtype=float)
    return np.asarray(within.mean(axis=0)) if len(values) else np.full(within.shape[1], math.nan)


class NoiseSplit(NamedTuple):
    """Standard deviations over n runs: due to seeds, and due to the samples a metric is computed on."""

    seeds: float
    sampling: float
    n: int


def split_noise(first: ArrayLike, again: ArrayLike) -> NoiseSplit:
    """Split the variance over runs into parts due to seeds and due to the samples that metrics are computed on.

    This is a one-way random-effects model with two measurements per run (Searle et al. 1992, ch. 3). The sampling
    variance is the mean of ½ (x − x′)²; the seed variance is that of the runs' means minus half of it, at least 0.

    Args:
        first: The reported measurement of each run, [n].
        again: The same measurement on another set of samples, [n].
    """
    pairs = np.stack([np.asarray(first, dtype=float), np.asarray(again, dtype=float)])
    pairs = pairs[:, np.isfinite(pairs).all(axis=0)]
    n = pairs.shape[1]
    if n < 2:
        return NoiseSplit(math.nan, math.nan, n)
    sampling = float(((pairs[0] - pairs[1]) ** 2).mean() / 2)
    between = float(pairs.mean(axis=0).var(ddof=1)) - sampling / 2
    return NoiseSplit(math.sqrt(max(0.0, between)), math.sqrt(sampling), n)
