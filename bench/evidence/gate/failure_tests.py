"""Tests of how often runs fail, in one cell and in all cells together."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from bench.evidence.gate.cell_tests import ComparisonTest
from bench.evidence.states import count_failed, count_outcomes, has_failed
from bench.evidence.statistics import NO_TEST, boschloo, mantel_haenszel, mcnemar, newcombe_interval
from bench.plan.rules import GateOptions

MINIMUM_PAIRS = 20  # with fewer, McNemar's test has much less power than Boschloo's (docs/gate.md)


def failures(baseline: pd.DataFrame, candidate: pd.DataFrame, gate: GateOptions, same: bool) -> ComparisonTest:
    """Compare how many runs failed in one cell.

    With the same seeds on both sides, and at least ``MINIMUM_PAIRS`` of them, the test is McNemar's; otherwise it is
    Boschloo's. If no run failed on either side, or every run did, there is no p-value: these counts could never be
    significant.

    Args:
        baseline: The baseline's runs of the cell, with the column ``outcome``.
        candidate: The candidate's runs of the cell.
        gate: Level and tolerance.
        same: Whether both sides are ``identical``.
    """
    n = (len(baseline), len(candidate))
    a, b = count_failed(baseline), count_failed(candidate)
    pairs = discordant_pairs(baseline, candidate) if min(n) >= MINIMUM_PAIRS else None
    if pairs is not None:
        significance = mcnemar(*pairs)
    else:
        significance = NO_TEST if a + b in (0, sum(n)) else boschloo(b, n[1], a, n[0], "greater")
    rates = [(count + 1) / (size + 2) for count, size in zip((a, b), n, strict=True)]  # keeps them away from 0 and 1
    return ComparisonTest(
        family="failures",
        subject="failures",
        degradation=newcombe_interval(b, n[1], a, n[0], 1 - 2 * gate.alpha),
        margin=gate.failure_tolerance,
        significance=significance,
        deviation=math.sqrt(sum(rate * (1 - rate) for rate in rates) / 2),
        n=n,
        identical=same,
        counts=(a, b),
        smallest_p=_smallest_p(a + b, n) if pairs is None else significance.smallest,
        matched=pairs is not None,
        outcomes=", ".join(
            f"{count} {state}" for state, count in count_outcomes(candidate[has_failed(candidate)]).items() if count
        ),
    )


def mostly_fails(failed: int, count: int) -> bool:
    """Return whether so many runs fail that few are left to compare, and hardly more can fail."""
    return 2 * failed > count


def discordant_pairs(baseline: pd.DataFrame, candidate: pd.DataFrame) -> tuple[int, int] | None:
    """Return how many seeds failed only in the candidate and only in the baseline; None if the seeds differ."""
    one, other = (has_failed(runs).set_axis(runs["seed"]).sort_index() for runs in (baseline, candidate))
    if not one.index.equals(other.index) or not one.index.is_unique:
        return None
    return int((other & ~one).sum()), int((one & ~other).sum())


def _smallest_p(failed: int, n: tuple[int, int]) -> float:
    """Return the smallest possible p-value with this many failures in total."""
    of_candidate = min(failed, n[1])
    return boschloo(of_candidate, n[1], failed - of_candidate, n[0], "greater").p


def pooled_failures(sides: Sequence[tuple[pd.DataFrame, pd.DataFrame]], gate: GateOptions) -> ComparisonTest:
    """Compare how many runs failed in all cells together.

    A candidate that fails everywhere is detected here even if each cell has only three runs. The
    Cochran–Mantel–Haenszel test is stratified by cell, so cells may differ in how often they fail.

    Args:
        sides: The runs of baseline and candidate, for each cell.
        gate: Level and tolerance.
    """
    strata = [
        (count_failed(candidate), len(candidate), count_failed(baseline), len(baseline))
        for baseline, candidate in sides
    ]
    b, m, a, n = (sum(column) for column in zip(*strata, strict=True))
    weights = [n_b * n_a / (n_b + n_a) for _, n_b, _, n_a in strata]
    gaps = [failed_b / n_b - failed_a / n_a for failed_b, n_b, failed_a, n_a in strata]
    gap = sum(weight * each for weight, each in zip(weights, gaps, strict=True)) / sum(weights)
    significance = mantel_haenszel(strata)
    return ComparisonTest(
        family="failures",
        subject="failures",
        degradation=newcombe_interval(b, m, a, n, 1 - 2 * gate.alpha)._replace(value=gap),
        margin=gate.failure_tolerance,
        significance=significance,
        deviation=math.nan,
        n=(n, m),
        identical=False,
        counts=(a, b),
        smallest_p=0.0 if math.isnan(significance.smallest) else significance.smallest,
    )
