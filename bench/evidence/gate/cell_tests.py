"""One-sided tests of one cell: how much worse the candidate is than the baseline, and the evidence for it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from bench.catalogue.metrics.measures import Measure
from bench.evidence.states import State
from bench.evidence.statistics import (
    Bounds,
    Significance,
    difference,
    drop_missing,
    permutation,
    student,
    welch,
)
from bench.evidence.statistics.intervals import Array, exponential, paired_difference

Family = Literal["quality", "failures", "speed"]


@dataclass(frozen=True, kw_only=True)
class ComparisonTest:
    """A one-sided test that a candidate is worse than a baseline.

    Attributes:
        family: Quality, failures or speed.
        subject: What is compared.
        degradation: How much worse the candidate is, 0 if equal: a difference of logarithms, of shares of the mean
            size, or of rates. The interval has confidence 1 − 2α, so its upper end is the one-sided bound.
        margin: The tolerated degradation.
        logarithmic: Whether the degradation is a difference of logarithms.
        higher_is_better: Whether higher values of the subject are better.
        significance: The test that the candidate is worse.
        robust: Runs a test of the same that assumes no distribution. It is called only if its result matters.
        deviation: Standard deviation over runs on the scale of the degradation, NaN if there are too few.
        n: Number of runs with a value, of baseline and candidate.
        identical: Whether both sides have the same values, seed by seed, so that there is nothing to test.
        counts: Number of failed runs of baseline and candidate, in the family ``failures``.
        smallest_p: The smallest possible p-value given the total number of failures: all of them the candidate's. 0 for
            tests of means.
        paired: The degradation estimated from seed-by-seed differences, if both sides have the same seeds. They then
            share initial weights and data, so that whatever did not change is equal up to rounding.
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
        """Whether there is a p-value and something to test."""
        return not self.identical and not math.isnan(self.significance.p)

    @property
    def bound(self) -> float:
        """The upper bound of the degradation, from ``paired`` if there is one, otherwise from ``degradation``."""
        return self.degradation.high if self.paired is None else self.paired.high

    @property
    def effect(self) -> Bounds:
        """The candidate relative to the baseline, 1 if equal; for failures the difference of rates, 0 if equal.

        If not all values are positive: 1 plus the difference as a share of the baseline's mean absolute value.
        """
        if self.counts is not None:
            return self.degradation
        value, low, high = map(self._as_effect, self.degradation[:3])
        low, high = (high, low) if self.higher_is_better else (low, high)
        return Bounds(value, low, high, self.degradation.n)

    @property
    def tolerated_effect(self) -> float:
        """The worst effect that is tolerated."""
        return self.margin if self.counts is not None else self._as_effect(self.margin)

    def _as_effect(self, degradation: float) -> float:
        signed = -degradation if self.higher_is_better else degradation
        return exponential(signed) if self.logarithmic else 1 + signed

    @property
    def unit(self) -> str:
        """What a value belongs to: a run or, for timings, a round."""
        return "round" if self.family == "speed" else "run"

    def describe(self) -> str:
        """Return a sentence with the effect, its interval and the tolerance."""
        value, low, high, _ = self.effect
        if self.counts is not None:
            baseline, candidate = (f"{count} of {n}" for count, n in zip(self.counts, self.n, strict=True))
            change = f"{100 * value:+.0f} percentage points [{100 * low:+.0f}, {100 * high:+.0f}]"
            return f"{candidate} runs failed, baseline {baseline} ({change}, tolerated {100 * self.margin:+.0f})"
        if math.isnan(value):
            return f"{self.subject}: the candidate has no values to compare"
        reference = "the baseline" if self.logarithmic else "relative to the baseline's mean absolute value"
        parts = [f"{self.subject} {self.format_effect(value)} {reference}{self.format_interval()}"]
        if self.paired is not None and (self.paired.high < self.degradation.high or self.paired.high > self.margin):
            limit = "at least" if self.higher_is_better else "at most"
            parts.append(f"seed by seed {limit} {self.format_effect(self._as_effect(self.bound))}")
        parts.append(f"tolerated {self.format_effect(self.tolerated_effect)}")
        if self.n[0] != self.n[1]:
            parts.append(f"{count_of(self.n[1], self.unit)} against {self.n[0]}")
        return ", ".join(parts)

    def format_effect(self, effect: float) -> str:
        """Return an effect as a factor, or as a percentage if the values are not all positive."""
        return f"{effect:.3g}×" if self.logarithmic else f"{100 * (effect - 1):+.0f}%"

    def format_interval(self) -> str:
        """Return the interval of the effect in brackets after a space, or nothing if there is none."""
        low, high = (self.format_effect(end).rstrip("×") for end in self.effect[1:3])
        return "" if math.isnan(self.effect.low) else f" [{low}, {high}]"


def count_of(count: int, noun: str) -> str:
    """Return a number with its noun in the right form: 1 run, 2 runs."""
    return f"{count:,} {noun}{'s' * (count != 1)}"


def quality(
    baseline: pd.DataFrame,
    candidate: pd.DataFrame,
    name: str,
    measure: Measure,
    *,
    tolerance: float,
    alpha: float,
    same: bool,
) -> ComparisonTest | None:
    """Compare the final values of a measure. Returns None if the baseline has none, as nothing is worse than that.

    Only stable runs are compared, or all runs if none of the baseline's are stable. How many are stable is a
    question of its own, and with failed runs the values are multimodal: a t-test of three to five of them would not
    keep its level.

    Args:
        baseline: The baseline's runs of the cell, with the columns ``outcome``, ``seed`` and ``<name>_final``.
        candidate: The candidate's runs of the cell.
        name: Name of the measure.
        measure: Its description; higher or lower values must be better.
        tolerance: Tolerated degradation as a share of the baseline.
        alpha: Level of the test.
        same: Whether both sides are ``identical``.
    """
    column = f"{name}_final"
    compared = [runs[runs["outcome"] == State.STABLE] for runs in (baseline, candidate)]
    if compared[0].empty:
        compared = [baseline, candidate]
    one, other = (runs.set_index("seed").sort_index().get(column, pd.Series(dtype=float)) for runs in compared)
    if not drop_missing(one).size:
        return None
    return compare_means(
        "quality",
        measure.label,
        one.to_numpy(float),
        other.to_numpy(float),
        higher_is_better=bool(measure.higher_is_better),
        tolerance=tolerance,
        alpha=alpha,
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
    """Run a t-test of the logarithms if all values are positive, otherwise of values over the baseline's mean |value|.

    The larger p of Welch's and Student's test counts. They differ only if the numbers of runs do: if nothing changed,
    both sides have equal variance, and with three runs against twenty Welch's test alone has twice the nominal
    false-alarm rate.

    Args:
        family: Family of the test.
        subject: What the values are.
        baseline: Values, [n]; NaN for a run without one.
        candidate: Values, [m]; NaN for a run without one.
        higher_is_better: Whether higher values are better.
        tolerance: Tolerated degradation as a share of the baseline.
        alpha: Level of the test.
        same: Whether both sides are ``identical``.
        paired: Whether the values are of the same seeds in the same order.
    """
    sign = -1.0 if higher_is_better else 1.0
    pooled = drop_missing(np.concatenate([baseline, candidate]))
    logarithmic = bool((pooled > 0).all())
    size = _mean_size(drop_missing(baseline)) or _mean_size(pooled) or 1.0
    sides = [sign * (np.log(values) if logarithmic else values / size) for values in (baseline, candidate)]
    first, second = map(drop_missing, sides)
    return ComparisonTest(
        family=family,
        subject=subject,
        degradation=difference(second, first, 1 - 2 * alpha),
        margin=math.log1p(tolerance) if logarithmic else tolerance,
        logarithmic=logarithmic,
        higher_is_better=higher_is_better,
        significance=max(welch(second, first, "greater"), student(second, first, "greater"), key=lambda test: test.p),
        robust=lambda: permutation(second, first, "greater"),
        deviation=_pooled_deviation(first, second),
        n=(len(first), len(second)),
        identical=same,
        paired=paired_difference(sides[1], sides[0], 1 - 2 * alpha) if paired else None,
    )


def _mean_size(values: Array) -> float:
    return float(np.abs(values).mean()) if values.size else 0.0


def _pooled_deviation(first: Array, second: Array) -> float:
    if min(len(first), len(second)) < 2:
        return math.nan
    return math.sqrt((first.var(ddof=1) + second.var(ddof=1)) / 2)
