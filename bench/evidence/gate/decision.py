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
from bench.evidence.gate.cell_tests import Trial, identical, quality
from bench.evidence.gate.failure_tests import failures, failures_together
from bench.evidence.statistics import holm, seeds_to_bound, seeds_to_show
from bench.plan.rules import GateOptions

LEAST = 3  # runs a side below which nothing is decided


class Verdict(StrEnum):
    """What the gate says, of a test, of a cell and over all."""

    REGRESSED = "REGRESSED"
    OK = "OK"
    INCONCLUSIVE = "INCONCLUSIVE"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A trial with what it came to.

    Attributes:
        trial: What was tested.
        verdict: What it says.
        reason: Why, in words.
        p_holm: Its p-value corrected for all trials; NaN where there was no test.
        seeds: Runs a side that would decide it, if all stays as it looks; None where it is decided, or where no number
            within reach would do.
    """

    trial: Trial
    verdict: Verdict
    reason: str
    p_holm: float
    seeds: int | None = None


class Cell(NamedTuple):
    """The verdict on a cell: the worst of its findings; without findings where one side has no runs."""

    axes: Mapping[str, Any]
    findings: tuple[Finding, ...]
    missing: str = ""
    together: bool = False  # not one cell but all of them

    @property
    def name(self) -> str:
        """Its place, as people say it."""
        if self.together:
            return "all cells together"
        return " · ".join(str(place) for place in self.axes.values())

    @property
    def verdict(self) -> Verdict:
        """Of the cell."""
        return Verdict.INCONCLUSIVE if self.missing else over_all(each.verdict for each in self.findings)

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


def over_all(verdicts: Iterable[Verdict]) -> Verdict:
    """REGRESSED where one is, OK where all are, else INCONCLUSIVE."""
    there = set(verdicts)
    if Verdict.REGRESSED in there:
        return Verdict.REGRESSED
    return Verdict.OK if there == {Verdict.OK} else Verdict.INCONCLUSIVE


def judge_cells(
    baseline: pd.DataFrame,
    candidate: pd.DataFrame,
    axes: Sequence[str],
    measures: Mapping[str, tuple[str, Measure]],
    gate: GateOptions,
    beside: int = 0,
) -> list[Cell]:
    """The verdict on every cell of the baseline; and, only where they are REGRESSED, on failures in all cells together.

    Args:
        baseline: Its runs, one row a run: the axes, ``seed``, ``outcome`` and ``<measure>_final``.
        candidate: The same.
        axes: What a cell is told by, dataset among them.
        measures: Dataset → the measure that its cells are compared by.
        gate: Level and tolerances.
        beside: As of ``decide``.
    """
    sides = [dict(list(runs.groupby(list(axes), sort=False, dropna=False))) for runs in (baseline, candidate)]
    there = [place for place in sides[0] if place in sides[1]]
    trials: list[list[Trial]] = []
    for place in there:
        one, other = sides[0][place], sides[1][place]
        dataset = str(one["dataset"].iloc[0])
        measure = measures.get(dataset)
        same = identical(one, other, gate)
        tested = quality(one, other, *measure, gate, same) if measure else None
        trials.append([*([tested] if tested else []), failures(one, other, gate, same)])
    pairs = [(sides[0][place], sides[1][place]) for place in there]
    all_cells = [[failures_together(pairs, gate)]] if len(pairs) > 1 else []
    findings = decide([*trials, *all_cells], gate, beside)
    found = dict(zip(there, findings, strict=False))
    together = [
        Cell(dict.fromkeys(axes, "all"), each, together=True)
        for each in findings[len(there) :]
        if each[0].verdict == Verdict.REGRESSED
    ]
    alone = [
        Cell(
            dict(zip(axes, place, strict=True)),
            found.get(place, ()),
            "" if place in found else "no runs of it in the candidate",
        )
        for place in sides[0]
    ]
    return alone + together


def decide(trials: Sequence[Sequence[Trial]], gate: GateOptions, beside: int = 0) -> list[tuple[Finding, ...]]:
    """The findings of each cell, all trials corrected together by Holm.

    Tests of so few failures that none of them could be significant are not counted (Tarone 1990): which these are is
    known from the number of failures in all, without a look at whose they are. Nor are cells counted whose numbers are
    the same, seed by seed: there is nothing to test, and a change of one loss does not pay for the cells of all others.

    Args:
        trials: Of each cell.
        gate: Level and tolerances.
        beside: Tests elsewhere that the correction counts too: those among which these were chosen by their results.
    """
    flat = [trial for cell in trials for trial in cell]
    counted = _that_can_be_significant(flat, gate.alpha)
    count = sum(counted) + beside
    ps = [trial.test.p if there else math.nan for trial, there in zip(flat, counted, strict=True)]
    corrected = iter(holm([*ps, *[1.0] * beside]))
    usual = {
        family: median([t.deviation for t in flat if t.family == family and not math.isnan(t.deviation)] or [math.nan])
        for family in {trial.family for trial in flat}
    }
    return [
        tuple(_find(trial, float(next(corrected)), count, usual[trial.family], gate) for trial in cell)
        for cell in trials
    ]


def _that_can_be_significant(trials: Sequence[Trial], alpha: float) -> list[bool]:
    """Tarone's choice: with the smallest K of which no more than K trials can reach α / K, those that can."""
    tested = [trial for trial in trials if trial.tested]
    number = next((k for k in range(1, len(tested)) if sum(t.least <= alpha / k for t in tested) <= k), len(tested))
    return [trial.tested and trial.least <= alpha / max(1, number) for trial in trials]


def _find(trial: Trial, p_holm: float, count: int, usual: float, gate: GateOptions) -> Finding:
    if trial.identical:
        return Finding(
            trial=trial, verdict=Verdict.OK, reason=f"{trial.subject}: the same numbers, seed by seed", p_holm=p_holm
        )
    if min(trial.n) >= LEAST and trial.worse.value > trial.margin and p_holm <= gate.alpha:
        robust = trial.robust()
        if robust.p <= gate.alpha:
            reason = f"{trial.told()}; p = {p_holm:.2g} after Holm's correction for {count} test{'s' * (count != 1)}"
            return Finding(trial=trial, verdict=Verdict.REGRESSED, reason=reason, p_holm=p_holm)
    if min(trial.n) >= LEAST and trial.bound <= trial.margin:
        return Finding(trial=trial, verdict=Verdict.OK, reason=trial.told(), p_holm=p_holm)
    seeds = _seeds(trial, count, usual, gate)
    return Finding(
        trial=trial,
        verdict=Verdict.INCONCLUSIVE,
        reason=trial.told() if math.isnan(trial.worse.value) else f"{trial.told()}; {_forecast(trial, seeds)}",
        p_holm=p_holm,
        seeds=seeds,
    )


def _seeds(trial: Trial, count: int, usual: float, gate: GateOptions) -> int | None:
    """Runs a side that would show what it looks like: worse at the corrected level, or within the tolerance."""
    deviation = usual if math.isnan(trial.deviation) else trial.deviation
    worse = trial.worse.value
    if math.isnan(worse):
        return None
    if math.isnan(deviation):
        return LEAST if min(trial.n) < LEAST else None
    if worse > trial.margin:
        needed = seeds_to_show(worse, deviation, gate.alpha / max(1, count))
        if needed and trial.counts is None:
            needed = max(needed, _separable(gate.alpha / max(1, count) if deviation == 0 else gate.alpha))
    elif trial.counts is not None:
        rates = [failed / n for failed, n in zip(trial.counts, trial.n, strict=True)]
        needed = seeds_to_bound(rates[1], rates[0], trial.margin, 1 - 2 * gate.alpha)
    else:
        needed = seeds_to_show(trial.margin - worse, deviation, gate.alpha)
    return needed and max(LEAST, min(trial.n) + 1, needed)


def _separable(level: float) -> int:
    """Runs a side from which on a permutation test can have a p of this level: 1 over 2n choose n is the smallest."""
    return next(n for n in count_from(1) if 1 / math.comb(2 * n, n) <= level)


def _forecast(trial: Trial, seeds: int | None) -> str:
    few = f"cannot decide with {min(trial.n)} of the {LEAST} {trial.unit} a side that it takes at the least"
    parts = [few] if min(trial.n) < LEAST else []
    what = "worse" if trial.worse.value > trial.margin else "within the tolerance"
    if seeds is None:
        parts.append(f"no number of {trial.unit} within reach would decide")
    else:
        parts.append(f"about {seeds} {trial.unit} a side would show that it is {what}, if all stays as it looks")
    return "; ".join(parts)
