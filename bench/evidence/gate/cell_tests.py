"""A one-sided test of one cell: how much worse the candidate is than the baseline, and how this is written."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from bench.evidence.statistics import NO_TEST, Bounds, Significance
from bench.evidence.statistics.intervals import Array, exponential

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
        share: Whether the values are shares in [0, 1], which are compared on their own scale.
        higher_is_better: Whether higher values of the subject are better.
        significance: The test that the candidate is worse; no test before ``with_permutation_tests``.
        values: What a permutation test is to compare: values of candidate and baseline on the scale of the degradation.
        robust: Runs a test of the same that assumes no distribution, if ``significance`` assumes one. It is called
            only if its result matters.
        deviation: Standard deviation over runs on the scale of the degradation, NaN if there are too few.
        n: Number of runs with a value, of baseline and candidate.
        identical: Whether both sides have the same values, seed by seed, so that there is nothing to test.
        counts: Number of failed runs of baseline and candidate, in the family ``failures``.
        smallest_p: The smallest possible p-value: with these numbers of runs or, for failures, if all of them were the
            candidate's. 0 for timings.
        paired: The degradation estimated from seed-by-seed differences, if both sides have the same seeds. They then
            share initial weights and data, so that whatever did not change is equal up to rounding.
        share_compared: Share of a cell's runs that the test compares, on the side where it is smaller.
        matched: Whether failures are tested in pairs of the same seed.
        outcomes: How the candidate's runs failed, in words: 8 diverged, 2 collapsed.
    """

    family: Family
    subject: str
    degradation: Bounds
    margin: float
    logarithmic: bool = False
    share: bool = False
    higher_is_better: bool = False
    significance: Significance = NO_TEST
    values: tuple[Array, Array] | None = None
    robust: Callable[[], Significance] | None = None
    deviation: float
    n: tuple[int, int]
    identical: bool
    counts: tuple[int, int] | None = None
    smallest_p: float = 0.0
    paired: Bounds | None = None
    share_compared: float = 1.0
    matched: bool = False
    outcomes: str = ""

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

        The ratio is that of geometric means or, for shares, of means. If other values are not all positive: 1 plus the
        difference as a share of the baseline's mean absolute value.
        """
        if self.counts is not None:
            return self.degradation
        value, low, high = map(self.as_effect, self.degradation[:3])
        low, high = (high, low) if self.higher_is_better else (low, high)
        return Bounds(value, low, high, self.degradation.n)

    @property
    def tolerated_effect(self) -> float:
        """The worst effect that is tolerated."""
        return self.as_effect(self.margin)

    @property
    def shown_tolerance(self) -> float:
        """The smallest tolerance that these runs show to be kept: ``bound`` as a share of the baseline, or of runs."""
        return self.bound if self.counts is not None else abs(self.as_effect(max(0.0, self.bound)) - 1)

    def as_effect(self, degradation: float) -> float:
        """Return a degradation in the terms of ``effect``."""
        if self.counts is not None:
            return degradation
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
            how = f" ({self.outcomes})" if self.outcomes else ""
            return f"{candidate} runs failed{how}, baseline {baseline} ({change}, tolerated {100 * self.margin:+.0f})"
        if math.isnan(value):
            return f"{self.subject}: the candidate has no values to compare"
        reference = (
            "the baseline" if self.logarithmic or self.share else "relative to the baseline's mean absolute value"
        )
        parts = [f"{self.subject} {self.format_effect(value)} {reference}{self.format_interval()}"]
        if self.paired is not None and (self.paired.high < self.degradation.high or self.paired.high > self.margin):
            limit = "at least" if self.higher_is_better else "at most"
            parts.append(f"seed by seed {limit} {self.format_effect(self.as_effect(self.bound))}")
        parts.append(f"tolerated {self.format_effect(self.tolerated_effect)}")
        if self.n[0] != self.n[1]:
            parts.append(f"{count_of(self.n[1], self.unit)} against {self.n[0]}")
        return ", ".join(parts)

    def format_effect(self, effect: float) -> str:
        """Return an effect as a factor, or as a percentage if the values are neither shares nor all positive."""
        return f"{effect:.3g}×" if self.logarithmic or self.share else f"{100 * (effect - 1):+.0f}%"

    def format_interval(self) -> str:
        """Return the interval of the effect in brackets after a space, or nothing if there is none."""
        low, high = (self.format_effect(end).rstrip("×") for end in self.effect[1:3])
        return "" if math.isnan(self.effect.low) else f" [{low}, {high}]"


def count_of(count: int, noun: str) -> str:
    """Return a number with its noun in the right form: 1 run, 2 runs."""
    return f"{count:,} {noun}{'s' * (count != 1)}"
