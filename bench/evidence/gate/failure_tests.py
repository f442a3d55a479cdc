"""Tests of how often runs fail, a candidate against a baseline: of one cell, and of all cells together."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from bench.evidence.gate.cell_tests import ComparisonTest
from bench.evidence.states import count_failed
from bench.evidence.statistics import NO_TEST, boschloo, mantel_haenszel, newcombe_interval
from bench.plan.rules import Gate


def failures(baseline: pd.DataFrame, candidate: pd.DataFrame, gate: Gate, same: bool) -> ComparisonTest:
    """How many runs failed: any outcome but converged.

    Where none failed on either side, or all did, there is no test: no table with these counts could be significant.

    Args:
        baseline: Its runs of the cell, with the column ``outcome``.
        candidate: The same.
        gate: Level and tolerance.
        same: Whether both sides are ``identical``.
    """
    n = (len(baseline), len(candidate))
    a, b = count_failed(baseline), count_failed(candidate)
    test = NO_TEST if a + b in (0, sum(n)) else boschloo(b, n[1], a, n[0], "greater")
    rates = [(count + 1) / (size + 2) for count, size in zip((a, b), n, strict=True)]  # never quite 0 or 1
    return ComparisonTest(
        family="failures",
        subject="failures",
        degradation=newcombe_interval(b, n[1], a, n[0], 1 - 2 * gate.alpha),
        margin=gate.failure_tolerance,
        significance=test,
        robust=lambda: test,
        deviation=math.sqrt(sum(rate * (1 - rate) for rate in rates) / 2),
        n=n,
        identical=same,
        counts=(a, b),
        smallest_p=_smallest_p(a + b, n),
    )


def _smallest_p(failed: int, n: tuple[int, int]) -> float:
    """The smallest p of so many failures in all."""
    of_candidate = min(failed, n[1])
    return boschloo(of_candidate, n[1], failed - of_candidate, n[0], "greater").p


def failures_together(sides: Sequence[tuple[pd.DataFrame, pd.DataFrame]], gate: Gate) -> ComparisonTest:
    """How many runs failed in all cells: a code that breaks everywhere shows here where a cell has three runs.

    Mantel & Haenszel's test, stratified by cell, so that cells may fail as often as they do.

    Args:
        sides: Runs of baseline and candidate of each cell.
        gate: Level and tolerance.
    """
    strata = [(count_failed(other), len(other), count_failed(one), len(one)) for one, other in sides]
    b, m, a, n = (sum(each) for each in zip(*strata, strict=True))
    weights = [n_b * n_a / (n_b + n_a) for _, n_b, _, n_a in strata]
    gaps = [failed_b / n_b - failed_a / n_a for failed_b, n_b, failed_a, n_a in strata]
    gap = sum(weight * each for weight, each in zip(weights, gaps, strict=True)) / sum(weights)
    test = mantel_haenszel(strata)
    return ComparisonTest(
        family="failures",
        subject="failures",
        degradation=newcombe_interval(b, m, a, n, 1 - 2 * gate.alpha)._replace(value=gap),
        margin=gate.failure_tolerance,
        significance=test,
        robust=lambda: test,
        deviation=math.nan,
        n=(n, m),
        identical=False,
        counts=(a, b),
        smallest_p=0.0 if math.isnan(test.smallest) else test.smallest,
    )
