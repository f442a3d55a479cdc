"""Baseline against candidate: two folders of records, read, checked to be comparable, and judged."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from bench.catalogue import suggestion
from bench.catalogue.metrics.measures import Measure
from bench.errors import ResultsError
from bench.evidence.gate.decision import CellVerdict, Verdict, compare_cells, overall_verdict
from bench.evidence.results import Evidence, first_difference, read_evidence
from bench.plan.rules import Gate
from bench.plan.specification import validated
from bench.plan.suite import CHECKOUT, Suite
from bench.records.frames import axes_of, place

RECORDED = CHECKOUT.parent / "results"  # of a checkout


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What a candidate is against a baseline.

    Attributes:
        baseline: Where the baseline's results are.
        candidate: Where the candidate's are.
        suite: Name and version of the suite.
        gate: Level and tolerances.
        cells: The verdict on every cell of the baseline, in the order of the matrix; and on failures in all of them
            together, only where that is REGRESSED.
        axes: The axes that tell the cells apart.
        new: Cells of the candidate that the baseline has not: they are not judged.
        protocol: What was compared and how it was measured, in words.
        unit: What the tests have several of: seeds, or rounds of timing.
    """

    baseline: Path
    candidate: Path
    suite: str
    gate: Gate
    cells: list[CellVerdict]
    axes: list[str]
    new: list[str]
    protocol: str
    unit: str = "seeds"

    @property
    def verdict(self) -> Verdict:
        """REGRESSED where one cell is, OK where all are, else INCONCLUSIVE."""
        return overall_verdict(cell.verdict for cell in self.cells)

    @property
    def seeds(self) -> int | None:
        """Runs a side that would decide every cell; None where they are decided, or where that cannot be said."""
        return max(self.forecasts, default=None) if len(self.forecasts) == len(self.undecided) else None

    @property
    def undecided(self) -> list[CellVerdict]:
        """The cells that are INCONCLUSIVE."""
        return [cell for cell in self.cells if cell.verdict == Verdict.INCONCLUSIVE]

    @property
    def forecasts(self) -> list[int]:
        """Runs a side that would decide each of the undecided cells of which that can be said."""
        return [cell.seeds for cell in self.undecided if cell.seeds]


def resolve(folder: str | Path) -> Path:
    """The results folder that a path, or the name of a suite with results here, stands for.

    Raises:
        ResultsError: there is none.
    """
    there = [Path(folder), Path("results") / folder, RECORDED / folder]
    for path in there:
        if path.is_dir():
            return path
    named = {path.name for root in (Path("results"), RECORDED) if root.is_dir() for path in root.iterdir()}
    raise ResultsError(f"there is no results folder {folder}{suggestion(str(folder), named)}")


def compare(
    baseline: str | Path,
    candidate: str | Path,
    *,
    metric: str | None = None,
    alpha: float | None = None,
    tolerance: float | None = None,
    failure_tolerance: float | None = None,
    suite: Suite | None = None,
    only: Collection[Mapping[str, str]] | None = None,
    seeds: tuple[Collection[int] | None, Collection[int] | None] = (None, None),
    extra_tests: int = 0,
) -> Comparison:
    """Judges the runs of a candidate against those of a baseline.

    Args:
        baseline: A results folder, or the name of a suite with recorded results.
        candidate: The same.
        metric: The measure to compare by, else the suite's, else the one that runs are judged by.
        alpha: Chance of a false alarm in all of it, else the suite's.
        tolerance: Share of the baseline by which the measure may be worse, else the suite's.
        failure_tolerance: By how much more often runs may fail, else the suite's.
        suite: Whose thresholds hold, else those that ``bench.evidence.outcomes.suite_rules`` finds.
        only: Places of the cells to compare, axis → label; None: all.
        seeds: Those of the baseline and of the candidate to judge by; None: all.
        extra_tests: Tests that the correction counts too, as of ``bench.evidence.gate.decision.decide``.

    Raises:
        ResultsError: nothing to read, or results that must not be compared: the text names the difference.
    """
    folders = resolve(baseline), resolve(candidate)
    one, other = (read_evidence(folder, suite=suite) for folder in folders)
    _check_same_suite(one, other)
    given = {"metric": metric, "alpha": alpha, "tolerance": tolerance, "failure_tolerance": failure_tolerance}
    gate = with_given(one.gate, given)
    measures: dict[str, tuple[str, Measure]] = {}
    for dataset in one.datasets():
        if dataset in other.datasets():
            _check_same_protocol(dataset, one, other)
            found = _measure(one, other, dataset, gate.metric)
            if found is not None:
                measures[dataset] = found
    axes = axes_of([*one.metadata.values(), *other.metadata.values()])
    frames = [_placed(each, axes) for each in (one, other)]
    if only is not None:
        frames = [frame[[_is_among(where, axes, only) for where in _places(frame, axes)]] for frame in frames]
    frames = [
        frame if wanted is None else frame[frame["seed"].isin(list(wanted))]
        for frame, wanted in zip(frames, seeds, strict=True)
    ]
    places = [set(_places(frame, axes)) for frame in frames]
    if not places[0] & places[1]:
        one_of = [" · ".join(next(iter(sorted(each)), ("none",))) for each in places]
        raise ResultsError(f"not comparable: no cell is on both sides (baseline: {one_of[0]}; candidate: {one_of[1]})")
    cells = compare_cells(frames[0], frames[1], axes, measures, gate, extra_tests)
    known = {tuple(cell.axes.values()) for cell in cells}
    new = [" · ".join(where) for where in dict.fromkeys(_places(frames[1], axes)) if where not in known]
    names = sorted({about.label for _, about in measures.values()})
    return Comparison(
        baseline=folders[0],
        candidate=folders[1],
        suite=f"{one.runs['suite'].iloc[0]} version {one.runs['version'].iloc[0]}",
        gate=gate,
        cells=cells,
        axes=[axis for axis in axes if len({str(cell.axes[axis]) for cell in cells if not cell.pooled}) > 1]
        or axes[:1],
        new=new,
        protocol=f"{' and '.join(names) or 'no measure'} after the last step of runs that converged, and failures",
    )


def with_given(gate: Gate, given: Mapping[str, Any]) -> Gate:
    """A gate with what is given set anew, and the rest as it is.

    Raises:
        SuiteError: a value that is none.
    """
    return validated(Gate, {**gate.model_dump(), **{k: v for k, v in given.items() if v is not None}}, "compare")


def _placed(evidence: Evidence, axes: list[str]) -> pd.DataFrame:
    places = {axis: [str(place(evidence.metadata[run], axis)) for run in evidence.runs["run"]] for axis in axes}
    return evidence.runs.assign(**places)


def _places(frame: pd.DataFrame, axes: list[str]) -> list[tuple[str, ...]]:
    return list(frame[axes].itertuples(index=False, name=None))


def _is_among(where: tuple[str, ...], axes: list[str], wanted: Collection[Mapping[str, str]]) -> bool:
    """Whether a place is one of those wanted; an axis that they do not tell apart is no matter."""
    return any(all(each.get(axis, word) == word for axis, word in zip(axes, where, strict=True)) for each in wanted)


def _measure(one: Evidence, other: Evidence, dataset: str, wanted: str | None) -> tuple[str, Measure] | None:
    both = [name for name in one.measures(dataset) if name in other.measures(dataset)]
    name = wanted or one.primary(dataset) or other.primary(dataset)
    if name is None:
        return None
    if name not in both:
        raise ResultsError(f"--metric {name}: not measured on {dataset} on both sides{suggestion(name, both)}")
    about = one.describe(name)
    if about.higher_is_better is None:
        raise ResultsError(f"--metric {name}: neither more nor less of it is better")
    return name, about


def _check_same_suite(one: Evidence, other: Evidence) -> None:
    for key, word in (("suite", "suite"), ("version", "version of the suite")):
        sides = [sorted(map(str, each.runs[key].unique())) for each in (one, other)]
        if sides[0] != sides[1] or len(sides[0]) > 1:
            texts = [" and ".join(side) for side in sides]
            raise ResultsError(
                f"not comparable: the {word} is {texts[0]} in the baseline and {texts[1]} in the candidate"
            )


def _check_same_protocol(dataset: str, one: Evidence, other: Evidence) -> None:
    sections = ("protocol", "data", "evaluation")
    sides = [next(m for m in each.metadata.values() if m.axes["dataset"] == dataset) for each in (one, other)]
    if any(getattr(sides[0], section) != getattr(sides[1], section) for section in sections):
        found = first_difference(sides[0], sides[1], sections)
        raise ResultsError(f"not comparable: {dataset} was measured differently: {found} (baseline and candidate)")
