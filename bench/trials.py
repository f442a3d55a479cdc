"""One test of one cell, a candidate against a baseline: how much worse it is, and what says so."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from bench.metrics import Measure
from bench.rules import Gate
from bench.statistics import (
    NO_TEST,
    Bounds,
    Significance,
    boschloo,
    difference,
    known,
    newcombe_interval,
    permutation,
    welch,
)
from bench.statistics.intervals import Array, exponential

Family = Literal["quality", "failures", "speed"]


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One one-sided test that a candidate is worse than a baseline.

    Attributes:
        family: Quality, failures or speed.
        subject: What was compared.
        worse: By how much, with the interval of confidence 1 − 2α, so that its upper end is the one-sided bound: a
            difference of logarithms, of shares of the mean size, or of rates. 0 is equal.
        margin: How much of that is tolerated.
        logarithmic: Whether e to that is a ratio.
        higher_is_better: Of what was compared.
        test: That it is worse.
        robust: The same by a test that trusts no distribution; asked only where it matters.
        deviation: Standard deviation over runs on that scale, NaN where there are too few.
        n: Runs with a value, of baseline and candidate.
        identical: Whether both sides have the same numbers, seed by seed: then there is nothing to test.
        counts: Failures of baseline and candidate, of the family that counts them.
    """

    family: Family
    subject: str
    worse: Bounds
    margin: float
    logarithmic: bool = False
    higher_is_better: bool = False
    test: Significance
    robust: Callable[[], Significance]
    deviation: float
    n: tuple[int, int]
    identical: bool
    counts: tuple[int, int] | None = None

    @property
    def effect(self) -> Bounds:
        """Candidate over baseline, 1 is equal; of failures the difference of the rates, 0 is equal."""
        if self.counts is not None:
            return self.worse
        value, low, high = map(self._ratio, self.worse[:3])
        low, high = (high, low) if self.higher_is_better else (low, high)
        return Bounds(value, low, high, self.worse.n)

    @property
    def tolerated(self) -> float:
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

    def told(self) -> str:
        """The effect in words, with its interval and what is tolerated."""
        value, low, high, _ = self.effect
        if self.counts is not None:
            base, now = (f"{count} of {n}" for count, n in zip(self.counts, self.n, strict=True))
            change = f"{100 * value:+.0f} points, from {100 * low:+.0f} to {100 * high:+.0f}"
            return f"{now} runs failed, {base} of the baseline ({change}; tolerated {100 * self.margin:+.0f})"
        if math.isnan(value):
            return f"{self.subject}: nothing to compare it with"
        between = "" if math.isnan(low) else f", from ×{low:.3g} to ×{high:.3g}"
        return f"{self.subject} ×{value:.3g} of the baseline{between} (tolerated ×{self.tolerated:.3g})"


def identical(baseline: pd.DataFrame, candidate: pd.DataFrame, measure: str) -> bool:
    """Whether both sides of a cell have the same seeds and, seed by seed, the same numbers and outcomes."""
    numbers = [f"{measure}_final", f"{measure}_best"]
    columns = [*numbers, "outcome", "outcome_step"]
    one, other = (
        runs.reindex(columns=["seed", *columns]).set_index("seed").sort_index() for runs in (baseline, candidate)
    )
    return one.equals(other) and bool(one[numbers].notna().to_numpy().any())


def quality(
    baseline: pd.DataFrame, candidate: pd.DataFrame, measure: str, about: Measure, gate: Gate, same: bool
) -> Trial | None:
    """The values of a measure after the last step; None where neither side has one, so that failures tell it all.

    Args:
        baseline: Its runs of the cell, with the column ``<measure>_final``.
        candidate: The same.
        measure: Name of the measure.
        about: Its description; more or less of it must be better.
        gate: Level and tolerance.
        same: Whether both sides are ``identical``.
    """
    column = f"{measure}_final"
    one, other = (known(runs[column]) if column in runs else np.array([]) for runs in (baseline, candidate))
    if not one.size and not other.size:
        return None
    higher = bool(about.higher_is_better)
    return compare_means("quality", about.label, one, other, higher, gate.tolerance, gate.alpha, same=same)


def compare_means(
    family: Family,
    subject: str,
    baseline: Array,
    candidate: Array,
    higher_is_better: bool,
    tolerance: float,
    alpha: float,
    *,
    same: bool = False,
) -> Trial:
    """Welch's test of the logarithms where all values are positive, else of the values as shares of their mean size."""
    sign = -1.0 if higher_is_better else 1.0
    together = np.concatenate([baseline, candidate])
    logarithmic = bool((together > 0).all())
    size = np.abs(together).mean() or 1.0
    first, second = (sign * (np.log(each) if logarithmic else each / size) for each in (baseline, candidate))
    return Trial(
        family=family,
        subject=subject,
        worse=difference(second, first, 1 - 2 * alpha),
        margin=math.log1p(tolerance) if logarithmic else tolerance,
        logarithmic=logarithmic,
        higher_is_better=higher_is_better,
        test=welch(second, first, "greater"),
        robust=lambda: permutation(second, first, "greater"),
        deviation=_pooled(first, second),
        n=(len(first), len(second)),
        identical=same,
    )


def _pooled(first: Array, second: Array) -> float:
    if min(len(first), len(second)) < 2:
        return math.nan
    return math.sqrt((first.var(ddof=1) + second.var(ddof=1)) / 2)


def failures(baseline: pd.DataFrame, candidate: pd.DataFrame, gate: Gate, same: bool) -> Trial:
    """How many runs failed: any outcome but converged.

    Where none failed on either side, or all did, there is no test: no table with these counts could be significant.

    Args:
        baseline: Its runs of the cell, with the column ``outcome``.
        candidate: The same.
        gate: Level and tolerance.
        same: Whether both sides are ``identical``.
    """
    n = (len(baseline), len(candidate))
    a, b = (int((runs["outcome"] != "converged").sum()) for runs in (baseline, candidate))
    test = NO_TEST if a + b in (0, sum(n)) else boschloo(b, n[1], a, n[0], "greater")
    rates = [(count + 1) / (size + 2) for count, size in zip((a, b), n, strict=True)]  # never quite 0 or 1
    return Trial(
        family="failures",
        subject="failures",
        worse=newcombe_interval(b, n[1], a, n[0], 1 - 2 * gate.alpha),
        margin=gate.failure_tolerance,
        test=test,
        robust=lambda: test,
        deviation=math.sqrt(sum(rate * (1 - rate) for rate in rates) / 2),
        n=n,
        identical=same,
        counts=(a, b),
    )
