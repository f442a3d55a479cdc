"""What is said of runs of which some failed: worst ranks, best of several, time to a threshold, noise."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from bench.evidence.states import has_failed
from bench.evidence.statistics.intervals import Array, drop_missing


def failures_as_worst(runs: pd.DataFrame, column: str, higher_is_better: bool) -> Array:
    """A column of a frame of runs, [n], in which a failed run has an infinitely bad value: it takes the worst rank.

    So has a run that ended before it had a value.
    """
    values = runs[column].to_numpy(float) if column in runs else np.full(len(runs), math.nan)
    bad = has_failed(runs).to_numpy() | np.isnan(values)
    return np.where(bad, -math.inf if higher_is_better else math.inf, values)


def probability_better(a: ArrayLike, b: ArrayLike, higher_is_better: bool) -> float:
    """P(a run of A is better than one of B) + ½ P(they are equal): Mann & Whitney's U over n_a · n_b (1947).

    Of values as ``failures_as_worst`` gives them; two failed runs are equal.
    """
    first, second = drop_missing(a), drop_missing(b)
    if not len(first) or not len(second):
        return math.nan
    above = (first[:, None] > second).mean() + 0.5 * (first[:, None] == second).mean()
    return float(above if higher_is_better else 1 - above)


def expected_best(values: ArrayLike, k: int, higher_is_better: bool) -> float:
    """The mean of the best of k runs drawn from these without replacement, over all such draws; exact.

    Σᵢ xᵢ · C(n − i, k − 1) / C(n, k) with values from the best to the worst (Tang et al. 2020, eq. 5; the budget curve
    of Dodge et al. 2019 without its bias). NaN where there are fewer than k.
    """
    there = np.sort(drop_missing(values))[:: -1 if higher_is_better else 1]
    n = len(there)
    if not 1 <= k <= n:
        return math.nan
    weights = np.array([math.comb(n - 1 - place, k - 1) / math.comb(n, k) for place in range(n)])
    counted = weights > 0
    return float((there[counted] * weights[counted]).sum())


class TimeToThreshold(NamedTuple):
    """How long it takes to a threshold: median with its interval, infinite where too few came there."""

    median: float
    low: float
    high: float
    reached: int
    n: int


def time_to_threshold(times: ArrayLike, reached: ArrayLike, confidence: float = 0.95) -> TimeToThreshold:
    """The median time to a threshold by Kaplan & Meier (1958): runs that did not come there are censored, not dropped.

    The median is the first time by which half or more are there, so that it is finite where just half of the runs came.

    Args:
        times: Of each run, [n]: when it came there, else how long it was watched.
        reached: Whether it came there, [n].
        confidence: Of the interval (Brookmeyer & Crowley 1982).
    """
    from statsmodels.duration.survfunc import SurvfuncRight

    spans, events = np.asarray(times, dtype=float), np.asarray(reached, dtype=bool)
    there = ~np.isnan(spans)
    spans, events = spans[there], events[there]
    if not events.any():
        return TimeToThreshold(math.inf if len(spans) else math.nan, math.nan, math.inf, 0, len(spans))
    with np.errstate(all="ignore"):
        curve = SurvfuncRight(spans, events.astype(int))
        median = float(curve.quantile(0.5 - 1e-9))  # statsmodels asks for more than half
        low, high = (float(each) for each in curve.quantile_ci(0.5, alpha=1 - confidence))
    ends = [math.inf if math.isnan(each) else each for each in (median, high)]
    return TimeToThreshold(ends[0], low, ends[1], int(events.sum()), len(spans))


def performance_profile(ratios: ArrayLike, factors: ArrayLike) -> Array:
    """The share of runs within each factor of the best, [t] (Dolan & Moré 2002; Agarwal et al. 2021 over runs).

    Args:
        ratios: How many times worse than the best a run is, [n]; infinite for a failed one. NaN is as bad.
        factors: [t], from 1.
    """
    given = np.asarray(ratios, dtype=float)
    within = np.nan_to_num(given, nan=math.inf)[:, None] <= np.asarray(factors, dtype=float)
    return np.asarray(within.mean(axis=0)) if len(given) else np.full(within.shape[1], math.nan)


class NoiseSplit(NamedTuple):
    """Standard deviations: of the seeds alone, and of the metric's own sampling, the same generator measured again."""

    seeds: float
    sampling: float
    n: int


def split_noise(first: ArrayLike, again: ArrayLike) -> NoiseSplit:
    """Splits the variance over runs into that of the seeds and that of the samples they were measured with.

    One-way random effects with two measurements a run (Searle et al. 1992, ch. 3): sampling variance is the mean of
    ½ (x − x′)², seed variance that of the runs' means less half of it, never below 0.

    Args:
        first: The reported measurement of each run, [n].
        again: The same of another set of samples, [n].
    """
    pairs = np.stack([np.asarray(first, dtype=float), np.asarray(again, dtype=float)])
    pairs = pairs[:, np.isfinite(pairs).all(axis=0)]
    n = pairs.shape[1]
    if n < 2:
        return NoiseSplit(math.nan, math.nan, n)
    sampling = float(((pairs[0] - pairs[1]) ** 2).mean() / 2)
    between = float(pairs.mean(axis=0).var(ddof=1)) - sampling / 2
    return NoiseSplit(math.sqrt(max(0.0, between)), math.sqrt(sampling), n)
