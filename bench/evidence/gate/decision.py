"""The gate: are the runs of a candidate worse than those of a baseline, cell by cell and over all?

Two tests a cell, both one-sided: of quality, the values of a measure after the last step, and of the rate of failures;
and one of the failures in all cells together. Holm's correction holds the chance of a false alarm among all of them at
α. ``docs/gate.md`` says it at length.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import count as count_from
from statistics import median
from typing import Any, NamedTuple

import pandas as pd

from bench.catalogue.metrics.measures import Measure
from bench.evidence.gate.cell_tests import ComparisonTest, identical, quality
from bench.evidence.gate.failure_tests import failures, failures_together
from bench.evidence.statistics import holm, seeds_to_bound, seeds_to_show
from bench.plan.rules import Gate

LEAST = 3  # runs a side below which nothing is decided


class Verdict(StrEnum):
    """What the gate says, of a test, of a cell and over all."""

    REGRESSED = "REGRESSED"
    OK = "OK"
    INCONCLUSIVE = "INCONCLUSIVE"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A test with what it came to.

    Attributes:
        test: What was tested.
        verdict: What it says.
        reason: Why, in words.
        p_holm: Its p-value corrected for all tests; NaN where there was no test.
        seeds: Runs a side that would decide it, if all stays as it looks; None where it is decided, or where no number
            within reach would do.
    """

    test: ComparisonTest
    verdict: Verdict
    reason: str
    p_holm: float
    seeds: int | None = None


class CellVerdict(NamedTuple):
    """The verdict on a cell: the worst of its findings; without findings where one side has no runs."""

    axes: Mapping[str, Any]
    findings: tuple[Finding, ...]
    missing: str = ""
    pooled: bool = False  # not one cell but all of them

    @property
    def name(self) -> str:
        """Its place, as people say it."""
        if self.pooled:
            return "all cells together"
        return " · ".join(str(place) for place in self.axes.values())

    @property
    def verdict(self) -> Verdict:
        """Of the cell."""
        return Verdict.INCONCLUSIVE if self.missing else overall_verdict(each.verdict for each in self.findings)

    @property
    def reason(self) -> str:
        """Of the findings that make the verdict."""
        return self.missing or "; ".join(each.reason for each in self.findings if each.verdict == self.verdict)

    @property
    def seeds(self) -> int | None:
        """Runs a side that would decide all of it; None where it is decided, or where that cannot be said."""
        if self.verdict != Verdict.INCONCLUSIVE:
            return None
        open_ = [each.seeds for each in self.findings if each.verdict == Verdict.INCONCLUSIVE]
        return max((each for each in open_ if each), default=None) if all(open_) else None


def overall_verdict(verdicts: Iterable[Verdict]) -> Verdict:
    """REGRESSED where one is, OK where all are, else INCONCLUSIVE."""
    there = set(verdicts)
    if Verdict.REGRESSED in there:
        return Verdict.REGRESSED
    return Verdict.OK if there == {Verdict.OK} else Verdict.INCONCLUSIVE


def compare_cells(
    baseline: pd.DataFrame,
    candidate: pd.DataFrame,
    axes: Sequence[str],
    measures: Mapping[str, tuple[str, Measure]],
    gate: Gate,
    extra_tests: int = 0,
) -> list[CellVerdict]:
    """The verdict on every cell of the baseline; and, only where they are REGRESSED, on failures in all cells together.

    Args:
        baseline: Its runs, one row a run: the axes, ``seed``, ``outcome`` and ``<measure>_final``.
        candidate: The same.
        axes: What a cell is told by, dataset among them.
        measures: Dataset → the measure that its cells are compared by.
        gate: Level and tolerances.
        extra_tests: As of ``decide``.
    """
    sides = [dict(list(runs.groupby(list(axes), sort=False, dropna=False))) for runs in (baseline, candidate)]
    there = [place for place in sides[0] if place in sides[1]]
    tests: list[list[ComparisonTest]] = []
    for place in there:
        one, other = sides[0][place], sides[1][place]
        dataset = str(one["dataset"].iloc[0])
        measure = measures.get(dataset)
        same = identical(one, other, gate)
        tested = quality(one, other, *measure, gate, same) if measure else None
        tests.append([*([tested] if tested else []), failures(one, other, gate, same)])
    pairs = [(sides[0][place], sides[1][place]) for place in there]
    all_cells = [[failures_together(pairs, gate)]] if len(pairs) > 1 else []
    findings = decide([*tests, *all_cells], gate, extra_tests)
    found = dict(zip(there, findings, strict=False))
    together = [
        CellVerdict(dict.fromkeys(axes, "all"), each, pooled=True)
        for each in findings[len(there) :]
        if each[0].verdict == Verdict.REGRESSED
    ]
    alone = [
        CellVerdict(
            dict(zip(axes, place, strict=True)),
            found.get(place, ()),
            "" if place in found else "no runs of it in the candidate",
        )
        for place in sides[0]
    ]
    return alone + together


def decide(tests: Sequence[Sequence[ComparisonTest]], gate: Gate, extra_tests: int = 0) -> list[tuple[Finding, ...]]:
    """The findings of each cell, all tests corrected together by Holm.

    Tests of so few failures that none of them could be significant are not counted (Tarone 1990): which these are is
    known from the number of failures in all, without a look at whose they are. Nor are cells counted whose numbers are
    the same, seed by seed: there is nothing to test, and a change of one loss does not pay for the cells of all others.

    Args:
        tests: Of each cell.
        gate: Level and tolerances.
        extra_tests: Tests elsewhere that the correction counts too: those among which these were chosen.
    """
    flat = [test for cell in tests for test in cell]
    counted = _that_can_be_significant(flat, gate.alpha)
    count = sum(counted) + extra_tests
    ps = [test.significance.p if there else math.nan for test, there in zip(flat, counted, strict=True)]
    corrected = iter(holm([*ps, *[1.0] * extra_tests]))
    usual = {
        family: median([t.deviation for t in flat if t.family == family and not math.isnan(t.deviation)] or [math.nan])
        for family in {test.family for test in flat}
    }
    return [
        tuple(_find(test, float(next(corrected)), count, usual[test.family], gate) for test in cell) for cell in tests
    ]


def _that_can_be_significant(tests: Sequence[ComparisonTest], alpha: float) -> list[bool]:
    """Tarone's choice: with the smallest K of which no more than K tests can reach α / K, those that can."""
    tested = [test for test in tests if test.tested]
    number = next(
        (k for k in range(1, len(tested)) if sum(t.smallest_p <= alpha / k for t in tested) <= k), len(tested)
    )
    return [test.tested and test.smallest_p <= alpha / max(1, number) for test in tests]


def _find(test: ComparisonTest, p_holm: float, count: int, usual: float, gate: Gate) -> Finding:
    if test.identical:
        return Finding(
            test=test, verdict=Verdict.OK, reason=f"{test.subject}: the same numbers, seed by seed", p_holm=p_holm
        )
    if min(test.n) >= LEAST and test.degradation.value > test.margin and p_holm <= gate.alpha:
        robust = test.robust()
        if robust.p <= gate.alpha:
            reason = f"{test.describe()}; p = {p_holm:.2g} after Holm's correction for {count} test{'s' * (count != 1)}"
            return Finding(test=test, verdict=Verdict.REGRESSED, reason=reason, p_holm=p_holm)
    if min(test.n) >= LEAST and test.bound <= test.margin:
        return Finding(test=test, verdict=Verdict.OK, reason=test.describe(), p_holm=p_holm)
    seeds = _seeds(test, count, usual, gate)
    return Finding(
        test=test,
        verdict=Verdict.INCONCLUSIVE,
        reason=test.describe()
        if math.isnan(test.degradation.value)
        else f"{test.describe()}; {_forecast(test, seeds)}",
        p_holm=p_holm,
        seeds=seeds,
    )


def _seeds(test: ComparisonTest, count: int, usual: float, gate: Gate) -> int | None:
    """Runs a side that would show what it looks like: worse at the corrected level, or within the tolerance."""
    deviation = usual if math.isnan(test.deviation) else test.deviation
    worse = test.degradation.value
    if math.isnan(worse):
        return None
    if math.isnan(deviation):
        return LEAST if min(test.n) < LEAST else None
    if worse > test.margin:
        needed = seeds_to_show(worse, deviation, gate.alpha / max(1, count))
        if needed and test.counts is None:
            needed = max(needed, _separable(gate.alpha / max(1, count) if deviation == 0 else gate.alpha))
    elif test.counts is not None:
        rates = [failed / n for failed, n in zip(test.counts, test.n, strict=True)]
        needed = seeds_to_bound(rates[1], rates[0], test.margin, 1 - 2 * gate.alpha)
    else:
        needed = seeds_to_show(test.margin - worse, deviation, gate.alpha)
    return needed and max(LEAST, min(test.n) + 1, needed)


def _separable(level: float) -> int:
    """Runs a side from which on a permutation test can have a p of this level: 1 over 2n choose n is the smallest."""
    return next(n for n in count_from(1) if 1 / math.comb(2 * n, n) <= level)


def _forecast(test: ComparisonTest, seeds: int | None) -> str:
    few = f"cannot decide with {min(test.n)} of the {LEAST} {test.unit} a side that it takes at the least"
    parts = [few] if min(test.n) < LEAST else []
    what = "worse" if test.degradation.value > test.margin else "within the tolerance"
    if seeds is None:
        parts.append(f"no number of {test.unit} within reach would decide")
    else:
        parts.append(f"about {seeds} {test.unit} a side would show that it is {what}, if all stays as it looks")
    return "; ".join(parts)
