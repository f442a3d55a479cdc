"""One test of one cell, a candidate against a baseline: how much worse it is, and what says so."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from bench.catalogue.metrics.measures import Measure
from bench.evidence.states import has_failed
from bench.evidence.statistics import (
    Bounds,
    Significance,
    difference,
    drop_missing,
    permutation,
    student,
    t_interval,
    welch,
)
from bench.evidence.statistics.intervals import Array, exponential
from bench.plan.rules import Gate

LEAST_PAIRS = 3
SAME = 0.01  # the rounding of another machine, and what a few thousand steps make of it
Family = Literal["quality", "failures", "speed"]


@dataclass(frozen=True, kw_only=True)
class ComparisonTest:
    """One one-sided test that a candidate is worse than a baseline.

    Attributes:
        family: Quality, failures or speed.
        subject: What was compared.
        degradation: By how much, with the interval of confidence 1 − 2α, so that its upper end is the one-sided bound:
            a difference of logarithms, of shares of the mean size, or of rates. 0 is equal.
        margin: How much of that is tolerated.
        logarithmic: Whether e to that is a ratio.
        higher_is_better: Of what was compared.
        significance: That it is worse.
        robust: The same by a test that trusts no distribution; asked only where it matters.
        deviation: Standard deviation over runs on that scale, NaN where there are too few.
        n: Runs with a value, of baseline and candidate.
        identical: Whether both sides have the same numbers, seed by seed: then there is nothing to test.
        counts: Failures of baseline and candidate, of the family that counts them.
        smallest_p: The smallest p that this test could have given with as many failures in all, all of them the
            candidate's; of means there is no bound but 0.
        paired: The same difference from seed to seed, where both sides have the same seeds: the same initial weights
            and the same data, so that what did not change is equal up to rounding.
    """

    family: Family
    subject: str
    degradation: Bounds
    margin: float
    logarithmic: bool = False
    higher_is_better: bool = False
    significance: Significance
    robust: Callable[[], Significance]
    deviation: float
    n: tuple[int, int]
    identical: bool
    counts: tuple[int, int] | None = None
    smallest_p: float = 0.0
    paired: Bounds | None = None

    @property
    def tested(self) -> bool:
        """Whether there is a test, and something to test."""
        return not self.identical and not math.isnan(self.significance.p)

    @property
    def bound(self) -> float:
        """How much worse it is at the most, by the interval of ``paired`` where there is one, else of ``worse``."""
        return self.degradation.high if self.paired is None else self.paired.high

    @property
    def effect(self) -> Bounds:
        """Candidate over baseline, 1 is equal; of failures the difference of the rates, 0 is equal.

        Of values that are not all positive it is 1 and the difference as a share of the baseline's mean size.
        """
        if self.counts is not None:
            return self.degradation
        value, low, high = map(self._ratio, self.degradation[:3])
        low, high = (high, low) if self.higher_is_better else (low, high)
        return Bounds(value, low, high, self.degradation.n)

    @property
    def tolerated_effect(self) -> float:
        """The worst effect that is."""
        return self.margin if self.counts is not None else self._ratio(self.margin)

    def _ratio(self, worse: float) -> float:
        signed = -worse if self.higher_is_better else worse
        if self.logarithmic:
            return exponential(signed)
        return 1 + signed

    @property
    def unit(self) -> str:
        """What it has several of."""
        return "rounds" if self.family == "speed" else "seeds"

    def describe(self) -> str:
        """The effect in words, with its interval and what is tolerated."""
        value, low, high, _ = self.effect
        if self.counts is not None:
            base, now = (f"{count} of {n}" for count, n in zip(self.counts, self.n, strict=True))
            change = f"{100 * value:+.0f} points, from {100 * low:+.0f} to {100 * high:+.0f}"
            return f"{now} runs failed, {base} of the baseline ({change}; tolerated {100 * self.margin:+.0f})"
        if math.isnan(value):
            return f"{self.subject}: no run of the candidate has a value to compare"
        between = "" if math.isnan(low) else f", from {self.format_effect(low)} to {self.format_effect(high)}"
        if self.paired is not None and (self.paired.high < self.degradation.high or self.paired.high > self.margin):
            most = "at least" if self.higher_is_better else "at most"
            between += f", seed by seed {most} {self.format_effect(self._ratio(self.bound))}"
        against = "of the baseline" if self.logarithmic else "of its mean size against the baseline"
        few = "" if self.n[0] == self.n[1] else f"; {self.n[1]} {self.unit} against {self.n[0]}"
        tolerated = f"(tolerated {self.format_effect(self.tolerated_effect)}{few})"
        return f"{self.subject} {self.format_effect(value)} {against}{between} {tolerated}"

    def format_effect(self, effect: float) -> str:
        """An effect as text: a factor, or in percent where values that are not positive make factors meaningless."""
        return f"×{effect:.3g}" if self.logarithmic else f"{100 * (effect - 1):+.0f} %"


def identical(baseline: pd.DataFrame, candidate: pd.DataFrame, gate: Gate) -> bool:
    """Whether both sides of a cell have the same seeds and, seed by seed, the same outcomes and numbers up to ``SAME``.

    Every measure's final and best values count; where all of them are whole numbers they say little, and it is not so.
    """
    one, other = (runs.set_index("seed").sort_index() for runs in (baseline, candidate))
    columns = [name for name in one if name in other and str(name).endswith(("_final", "_best"))]
    if not one.index.equals(other.index) or not one["outcome"].equals(other["outcome"]):
        return False
    left, right = (runs[columns].to_numpy(float) for runs in (one, other))
    fractions = np.isfinite(left) & (left != np.round(left))
    return bool(fractions.any() and np.allclose(left, right, rtol=min(SAME, gate.tolerance), atol=0, equal_nan=True))


def quality(
    baseline: pd.DataFrame, candidate: pd.DataFrame, measure: str, about: Measure, gate: Gate, same: bool
) -> ComparisonTest | None:
    """The values of a measure after the last step; None where the baseline has none: nothing is worse than that.

    Of the runs that converged, for how many do is the other question: values of which some fell apart come in clumps,
    and no t-test of three to five of them keeps its level. Where none of the baseline's did, of all.

    Args:
        baseline: Its runs of the cell, with the columns ``outcome`` and ``<measure>_final``.
        candidate: The same.
        measure: Name of the measure.
        about: Its description; more or less of it must be better.
        gate: Level and tolerance.
        same: Whether both sides are ``identical``.
    """
    column = f"{measure}_final"
    judged = [runs[~has_failed(runs)] for runs in (baseline, candidate)]
    if judged[0].empty:
        judged = [baseline, candidate]
    one, other = (runs.set_index("seed").sort_index().get(column, pd.Series(dtype=float)) for runs in judged)
    if not drop_missing(one).size:
        return None
    return compare_means(
        "quality",
        about.label,
        one.to_numpy(float),
        other.to_numpy(float),
        higher_is_better=bool(about.higher_is_better),
        tolerance=gate.tolerance,
        alpha=gate.alpha,
        same=same,
        paired=one.index.equals(other.index) and one.index.is_unique,
    )


def compare_means(
    family: Family,
    subject: str,
    baseline: Array,
    candidate: Array,
    *,
    higher_is_better: bool,
    tolerance: float,
    alpha: float,
    same: bool = False,
    paired: bool = False,
) -> ComparisonTest:
    """The t-test of the logarithms where all values are positive, else of the values as shares of the baseline's size.

    Welch's, and where the numbers of runs differ Student's too: the larger p counts. On results that do not differ the
    spread is the same, and of three runs against twenty Welch's alone flags twice as many as it may.

    Args:
        family: Of the test.
        subject: What the values are.
        baseline: [n], NaN where a run has none.
        candidate: [m].
        higher_is_better: Of the values.
        tolerance: Share of the baseline by which they may be worse.
        alpha: Level of the test.
        same: Whether both sides are ``identical``.
        paired: Whether the values are of the same seeds in the same order.
    """
    sign = -1.0 if higher_is_better else 1.0
    together = drop_missing(np.concatenate([baseline, candidate]))
    logarithmic = bool((together > 0).all())
    size = _mean_size(drop_missing(baseline)) or _mean_size(together) or 1.0
    sides = [sign * (np.log(each) if logarithmic else each / size) for each in (baseline, candidate)]
    first, second = map(drop_missing, sides)
    return ComparisonTest(
        family=family,
        subject=subject,
        degradation=difference(second, first, 1 - 2 * alpha),
        margin=math.log1p(tolerance) if logarithmic else tolerance,
        logarithmic=logarithmic,
        higher_is_better=higher_is_better,
        significance=max(welch(second, first, "greater"), student(second, first, "greater"), key=lambda each: each.p),
        robust=lambda: permutation(second, first, "greater"),
        deviation=_pooled(first, second),
        n=(len(first), len(second)),
        identical=same,
        paired=_between_pairs(sides[0], sides[1], 1 - 2 * alpha) if paired else None,
    )


def _mean_size(values: Array) -> float:
    return float(np.abs(values).mean()) if values.size else 0.0


def _between_pairs(first: Array, second: Array, confidence: float) -> Bounds | None:
    """The mean difference of pairs with its t interval; None where not every pair has both, or there are too few."""
    gaps = second - first
    if len(gaps) < LEAST_PAIRS or np.isnan(gaps).any():
        return None
    mean, half, n = t_interval(gaps, confidence)
    return Bounds(mean, mean - half, mean + half, n)


def _pooled(first: Array, second: Array) -> float:
    if min(len(first), len(second)) < 2:
        return math.nan
    return math.sqrt((first.var(ddof=1) + second.var(ddof=1)) / 2)
