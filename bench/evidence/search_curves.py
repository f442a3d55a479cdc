"""What a search says about a technique: the best of k draws, and which parameters decide."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.evidence.search import TechniqueResult
from bench.plan.setting_words import value_in_words

LEVEL = 0.95  # of intervals
BINS = 4  # of a parameter with many values
FEWEST = 2 * BINS  # draws from which on parameters are compared


class BestOf(NamedTuple):
    """The median of the best of k draws with its interval; infinite where a failure, or no draw, bounds it."""

    median: float
    low: float
    high: float


def best_of(values: NDArray[np.float64], higher_is_better: bool) -> list[BestOf]:
    """Return the best of k = 1, ..., n draws against k, where a failed draw is infinitely bad.

    The median of the best of k independent draws is the quantile 0.5^(1/k) of one draw, and order statistics bound it
    without any assumption about the distribution (Lourie et al. 2024). Points of a Sobol sequence are spread more
    evenly than independent ones, so the interval is rather too wide. An end of it is infinite where n draws are too few
    to bound it.

    Args:
        values: The value of every draw, [n].
        higher_is_better: The direction.
    """
    from scipy.stats import binom

    sign = 1.0 if higher_is_better else -1.0
    ordered = np.sort(sign * values)  # from worst to best
    n = len(ordered)
    padded = np.concatenate([[-math.inf], ordered, [math.inf]])
    curve = []
    for k in range(1, n + 1):
        level = 0.5 ** (1 / k)
        below = binom.cdf(np.arange(n + 1), n, level)  # P(at most i draws are at or below the quantile)
        low = int((below <= (1 - LEVEL) / 2).sum())
        high = int((below < (1 + LEVEL) / 2).sum()) + 1
        middle = max(1, math.ceil(n * level - 1e-9))
        ends = sign * padded[[low, min(high, n + 1)]]
        curve.append(BestOf(float(sign * padded[middle]), float(ends.min()), float(ends.max())))
    return curve


class ParameterEffect(NamedTuple):
    """How much a parameter decides.

    Attributes:
        key: The parameter.
        share: Share of the variance of ranks that its groups explain (ε²), from 0 to 1.
        p: Of the Kruskal-Wallis test of equal distributions.
        best: The group with the best median, in words; empty if groups tie.
    """

    key: str
    share: float
    p: float
    best: str


def parameter_effects(result: TechniqueResult) -> list[ParameterEffect]:
    """Return the effect of every parameter of a technique; empty for too few draws.

    Draws are grouped by the values of the parameter, or by quarters of its ranks if it has many, and compared by their
    ranks. ε² is (H − g + 1) / (n − g) for g groups (Kelley 1935).
    """
    if len(result.settings) < FEWEST:
        return []
    keys = dict.fromkeys(key for each in result.settings for key in each.setting)
    return [_effect(key, [each.setting.get(key) for each in result.settings], result.ranks()) for key in keys]


def _effect(key: str, settings: Sequence[Any], ranks: NDArray[np.float64]) -> ParameterEffect:
    from scipy.stats import kruskal

    groups = grouped(settings)
    samples = [ranks[rows] for rows in groups.values()]
    if len(samples) < 2 or len(ranks) <= len(samples):
        return ParameterEffect(key, math.nan, math.nan, "")
    test = kruskal(*samples)
    share = max(0.0, (float(test.statistic) - len(samples) + 1) / (len(ranks) - len(samples)))
    medians = {name: float(np.median(ranks[rows])) for name, rows in groups.items()}
    winners = [name for name, median in medians.items() if median == min(medians.values())]
    return ParameterEffect(key, share, float(test.pvalue), winners[0] if len(winners) == 1 else "")


def grouped(settings: Sequence[Any]) -> dict[str, list[int]]:
    """Return the indices of draws by group of a parameter's values: by value, or by quarters of the ranks."""
    numeric = all(isinstance(value, int | float) and not isinstance(value, bool) for value in settings)
    if not numeric or len(set(settings)) <= BINS:
        groups: dict[str, list[int]] = {}
        for index in sorted(range(len(settings)), key=lambda i: settings[i]) if numeric else range(len(settings)):
            groups.setdefault(value_in_words(settings[index]), []).append(index)
        return groups
    order = np.argsort(np.array(settings, dtype=float), kind="stable")
    parts = [part.tolist() for part in np.array_split(order, BINS) if len(part)]
    return {f"{value_in_words(settings[part[0]])} to {value_in_words(settings[part[-1]])}": part for part in parts}
