"""The regression gate: decides for each cell, and overall, whether a candidate's runs are worse than a baseline's.

Each cell has two one-sided tests, of quality and of failures; one more test pools the failures of all cells. Holm's
correction keeps the probability of any false alarm among them at α. See ``docs/gate.md``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median
from typing import Any, NamedTuple

import pandas as pd

from bench.catalogue.metrics.measures import Measure
from bench.evidence.gate.cell_tests import ComparisonTest, count_of
from bench.evidence.gate.comparability import describe_unresolved
from bench.evidence.gate.failure_tests import failures, mostly_fails, pooled_failures
from bench.evidence.gate.mean_tests import quality, with_permutation_tests
from bench.evidence.gate.sameness import identical
from bench.evidence.gate.sample_sizes import MINIMUM_RUNS, seeds_needed
from bench.evidence.states import count_failed, judged
from bench.evidence.statistics import holm
from bench.plan.rules import GateOptions

ABSENT = "the candidate has no runs of this cell"


class Verdict(StrEnum):
    """The verdict on a test, on a cell, or overall."""

    REGRESSED = "REGRESSED"
    OK = "OK"
    INCONCLUSIVE = "INCONCLUSIVE"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A test with its verdict.

    Attributes:
        test: The test.
        verdict: Its verdict.
        reason: The reason in words.
        p_holm: The p-value corrected for all tests; NaN if there is none.
        tests: Number of tests that the correction counts, this one included.
        seeds: Seeds per side that would be needed to decide (see ``bench.evidence.gate.sample_sizes``); None if it is
            decided or no feasible number would do.
    """

    test: ComparisonTest
    verdict: Verdict
    reason: str
    p_holm: float
    tests: int = 1
    seeds: int | None = None


class CellVerdict(NamedTuple):
    """The verdict on a cell, which is the worst of its findings; ``missing`` says why there are none.

    A cell without any run in the candidate (``absent``) is REGRESSED: what ended all its runs may be what is to be
    found.
    """

    axes: Mapping[str, Any]
    findings: tuple[Finding, ...]
    missing: str = ""
    pooled: bool = False  # whether this is the test of all cells together
    tolerance: float | None = None  # of its measure; None for the test of all cells together
    absent: bool = False  # whether the candidate has no run of it
    failed: tuple[int, int] = (0, 0)  # of the baseline's runs that can be judged: failed, and all
    seconds: float | None = None  # that a run takes, from the records; None if they do not say it

    @property
    def name(self) -> str:
        """The cell's values on all axes."""
        if self.pooled:
            return "all cells together"
        return " · ".join(str(label) for label in self.axes.values())

    @property
    def verdict(self) -> Verdict:
        """The verdict."""
        if self.absent:
            return Verdict.REGRESSED
        return Verdict.INCONCLUSIVE if self.missing else overall_verdict(finding.verdict for finding in self.findings)

    @property
    def reason(self) -> str:
        """The reasons of the findings that determine the verdict."""
        return self.missing or "; ".join(each.reason for each in self.findings if each.verdict == self.verdict)

    @property
    def weak(self) -> bool:
        """Whether most of the baseline's own runs fail, so that the cell cannot show a regression."""
        return mostly_fails(*self.failed)

    @property
    def seeds(self) -> int | None:
        """Seeds per side that would decide the cell; None if it is decided or weak, or if no feasible number would."""
        if self.verdict != Verdict.INCONCLUSIVE or self.weak:
            return None
        needed = [finding.seeds for finding in self.findings if finding.verdict == Verdict.INCONCLUSIVE]
        return max((seeds for seeds in needed if seeds), default=None) if all(needed) else None


def overall_verdict(verdicts: Iterable[Verdict]) -> Verdict:
    """Return REGRESSED if any verdict is, OK if all are, otherwise INCONCLUSIVE."""
    distinct = set(verdicts)
    if Verdict.REGRESSED in distinct:
        return Verdict.REGRESSED
    return Verdict.OK if distinct == {Verdict.OK} else Verdict.INCONCLUSIVE


def compare_cells(
    baseline: pd.DataFrame,
    candidate: pd.DataFrame,
    axes: Sequence[str],
    measures: Mapping[str, tuple[str, Measure]],
    gate: GateOptions,
    extra_tests: int = 0,
) -> list[CellVerdict]:
    """Return the verdict on every cell of the baseline, and on the failures of all cells together if it is REGRESSED.

    Args:
        baseline: The baseline's runs, one row per run, with the axes, ``seed``, ``outcome``, ``outcome_reason`` if
            some cannot be judged, ``<measure>_final``, and the column of ``with_fingerprints`` if there are records.
        candidate: The candidate's runs.
        axes: The axes that define a cell, including the dataset.
        measures: Dataset → the measure by which its cells are compared.
        gate: Level and tolerances.
        extra_tests: See ``decide``.
    """
    sides = [dict(list(runs.groupby(list(axes), sort=False, dropna=False))) for runs in (baseline, candidate)]
    tolerances = {cell: gate.tolerance_of(str(runs["dataset"].iloc[0])) for cell, runs in sides[0].items()}
    tests: dict[Any, list[ComparisonTest]] = {}
    missing: dict[Any, str] = {}
    for cell, one in sides[0].items():
        other = sides[1].get(cell)
        if other is None:
            missing[cell] = ABSENT
            continue
        same = identical(one, other, tolerances[cell])
        if not same and (unresolved := describe_unresolved(one, other)):
            missing[cell] = unresolved
            continue
        measure = measures.get(str(one["dataset"].iloc[0]))
        options: dict[str, Any] = {"tolerance": tolerances[cell], "alpha": gate.alpha, "same": same}
        of_quality = quality(one, other, *measure, **options) if measure else None
        tests[cell] = [*([of_quality] if of_quality else []), failures(one, other, gate, same)]
    pairs = [(judged(sides[0][cell]), judged(sides[1][cell])) for cell in tests]
    pairs = [pair for pair in pairs if len(pair[0]) and len(pair[1])]
    pooled = [[pooled_failures(pairs, gate)]] if len(pairs) > 1 else []
    findings = decide([*tests.values(), *pooled], gate, extra_tests)
    by_cell = dict(zip(tests, findings, strict=False))
    verdicts = [
        CellVerdict(
            dict(zip(axes, cell, strict=True)),
            by_cell.get(cell, ()),
            missing.get(cell, ""),
            tolerance=tolerances[cell],
            absent=cell not in sides[1],
            failed=(count_failed(runs), len(judged(runs))),
            seconds=_seconds_per_run(sides[1].get(cell, runs)),
        )
        for cell, runs in sides[0].items()
    ]
    regressed = [found for found in findings[len(tests) :] if found[0].verdict == Verdict.REGRESSED]
    return [*verdicts, *(CellVerdict(dict.fromkeys(axes, "all"), found, pooled=True) for found in regressed)]


def _seconds_per_run(runs: pd.DataFrame) -> float | None:
    columns = ["training_seconds", "evaluation_seconds"]
    if not set(columns) <= set(runs):
        return None
    seconds = float(runs[columns].astype(float).sum(axis=1, skipna=False).median())
    return None if math.isnan(seconds) else seconds


def decide(
    tests: Sequence[Sequence[ComparisonTest]], gate: GateOptions, extra_tests: int = 0
) -> list[tuple[Finding, ...]]:
    """Return the findings of each cell, with Holm's correction over all tests.

    The correction does not count tests that could not be significant (Tarone 1990): of too few runs, or of too few
    failures in total, whichever side failed. Nor does it count cells with the same values seed by seed, so unchanged
    cells do not cost the changed ones power.

    Args:
        tests: The tests of each cell.
        gate: Level and tolerances.
        extra_tests: Number of further tests to correct for: those from which these were selected by their results.
    """
    tests = with_permutation_tests(tests)
    flat = [test for cell in tests for test in cell]
    counted = _can_be_significant(flat, gate.alpha)
    count = sum(counted) + extra_tests
    possible = sum(test.tested for test in flat) + extra_tests  # with more runs, all of them would be counted
    ps = [test.significance.p if counts else math.nan for test, counts in zip(flat, counted, strict=True)]
    corrected = iter(holm([*ps, *[1.0] * extra_tests]))
    typical = {
        family: median([t.deviation for t in flat if t.family == family and not math.isnan(t.deviation)] or [math.nan])
        for family in {test.family for test in flat}
    }
    return [
        tuple(_decide_one(test, float(next(corrected)), (count, possible), typical[test.family], gate) for test in cell)
        for cell in tests
    ]


def _can_be_significant(tests: Sequence[ComparisonTest], alpha: float) -> list[bool]:
    """Return which tests can reach α / K, for the smallest K such that at most K of them can (Tarone 1990)."""
    tested = [test for test in tests if test.tested]
    number = next(
        (k for k in range(1, len(tested)) if sum(t.smallest_p <= alpha / k for t in tested) <= k), len(tested)
    )
    return [test.tested and test.smallest_p <= alpha / max(1, number) for test in tests]


def _decide_one(
    test: ComparisonTest, p_holm: float, counts: tuple[int, int], typical_deviation: float, gate: GateOptions
) -> Finding:
    tests = max(1, counts[0] + math.isnan(p_holm))  # as many as if this test were counted
    if test.identical:
        each = "round" if test.unit == "round" else "seed"
        reason = f"{test.subject}: same values as the baseline, {each} by {each}"
        return Finding(test=test, verdict=Verdict.OK, reason=reason, p_holm=p_holm, tests=tests)
    enough = min(test.n) >= MINIMUM_RUNS
    significant = enough and test.degradation.value > test.margin and p_holm <= gate.alpha
    if significant and (test.robust is None or test.robust().p <= gate.alpha):
        reason = f"{test.describe()}; corrected p = {p_holm:.2g}"
        return Finding(test=test, verdict=Verdict.REGRESSED, reason=reason, p_holm=p_holm, tests=tests)
    if enough and test.bound <= test.margin:
        return Finding(test=test, verdict=Verdict.OK, reason=test.describe(), p_holm=p_holm, tests=tests)
    few = "" if enough or not min(test.n) else f"; only {count_of(min(test.n), f'usable {test.unit}')}"
    level = gate.alpha / max(1, counts[1])
    return Finding(
        test=test,
        verdict=Verdict.INCONCLUSIVE,
        reason=test.describe() + few,
        p_holm=p_holm,
        tests=tests,
        seeds=seeds_needed(test, level, gate.alpha, typical_deviation),
    )
